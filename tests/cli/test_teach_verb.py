"""The verb that teaches a model, as a script calls it."""

import json
from typing import Any

import pytest

from core.cases import case_store
from core.cli import main
from core.data import datasets
from core.teaching import dataset
from tests.factories.archives import shipped_run
from tests.factories.decided_cells import SUPERVISOR, CaseMaker, both

pytestmark = pytest.mark.unit


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a verb prints with --json. It must succeed."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_counts_what_there_is_against_what_is_needed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_case = CaseMaker(run=shipped_run("demo-colour-bands").run_id)
    make_case("one", both(2))
    make_case("two", both(1), sign=False)
    said = printed(capsys, "teach", "--curve")
    assert said["cases"] == 1 and said["cells"] == 4 and said["left_out"] == {}
    assert said["needs"][0].startswith("4 of 6 decided cells")
    assert "cannot be estimated" in said["learning_curve"]["sentence"]
    assert printed(capsys, "teach", "--open-too")["cells"] == 6
    assert printed(capsys, "teach", "two", "--open-too")["cells"] == 2


def test_it_writes_a_data_set_and_a_deletion_names_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    case_id = CaseMaker()("one", both(1))
    said = printed(capsys, "teach", "one", "--to", "march")
    (root,) = datasets.known()
    assert said["data_set"] == str(root) and root.name == "march"
    assert dataset.datasets_with(case_id) == [root]
    assert main(["cases", "delete", "one", "--yes", "--json"]) == 0
    deleted = json.loads(capsys.readouterr().out)
    assert deleted == {"deleted": case_id, "still_in_data_sets": [str(root)]}
    assert case_store.cases() == []


def test_too_few_cells_are_not_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    CaseMaker(person=SUPERVISOR)("one", both(1))
    assert main(["teach", "--train"]) == 2
    assert "too few to train on" in capsys.readouterr().err
    assert datasets.known() == []
    assert main(["teach", "--architecture", "cnn-16"]) == 2
    assert "--architecture says what --train trains" in capsys.readouterr().err
