"""What verbs print for a person."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from core.cli.in_words import printed, readings
from core.data.images import encode
from core.data.synthetic.smear_field import draw_field
from core.report import phrases
from core.runs import run_store
from tests.cli.test_cases_verb import run as run_cases
from tests.conftest import CELLS, SUBJECTS
from tests.factories import cases
from tests.factories.archives import shipped_run
from tests.factories.command import document, run


def test_a_table_has_a_column_for_each_value_that_is_there() -> None:
    rows = [{"Run": "a", "Error": None, "Score": 0.123456}, {"Run": "bcd", "Error": "", "Score": 2}]
    first, rule, *others = printed.table(rows).splitlines()
    assert first == "Run   Score" and set(rule) == {"-"}
    assert others == ["a     0.1235", "bcd   2"]
    assert printed.table(pd.DataFrame(rows)) == printed.table(rows)
    assert printed.table([]) == ""


def test_names_are_printed_as_they_are() -> None:
    assert "[red]a[/red] :smile:" in printed.table([{"Run": "[red]a[/red] :smile:"}])


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs",),
        ("evaluate", "run-cnn-16"),
        ("operating-point", "run-cnn-16"),
        ("diagnose", "run-cnn-dropout"),
        ("audit", "run-cnn-16"),
        ("compare", "run-cnn-16", "run-cnn-dropout"),
        ("index", "demo"),
        ("sweeps",),
        ("cohorts",),
        ("cases", "list"),
        ("clean", "--dry-run"),
    ],
    ids=" ".join,
)
def test_nothing_is_printed_as_a_program_has_it(
    workspace: Path, arguments: tuple[str, ...]
) -> None:
    told = run(*arguments).stdout
    assert told.strip() and not re.search(r"\bNone\b|\bnan\b|[{}]|: \[|[a-z]_[a-z]", told), told


def test_a_run_is_listed_and_measured_as_its_document_says(workspace: Path) -> None:
    (line,) = [line for line in run("runs").stdout.splitlines() if line.startswith("run-cnn-16")]
    measured = run_store.get("run-cnn-16").metrics
    assert measured is not None
    score = phrases.brief(measured.test.estimate("balanced_accuracy"))
    assert "finished" in line and score in line
    assert score in run("evaluate", "run-cnn-16").stdout
    told = run("compare", "run-cnn-16", "run-cnn-dropout").stdout
    assert told.splitlines()[0] == document("compare", "run-cnn-16", "run-cnn-dropout")["verdict"]
    assert score in told and "Always ALL" in told and "by kind of its test cells" in told


def test_an_index_is_counted_by_part(workspace: Path) -> None:
    told = run("index", "demo").stdout
    assert f"{CELLS} images of {SUBJECTS} subjects" in told and "synthetic" in told
    assert re.search(rf"^training +{CELLS} ", told, re.MULTILINE)


def test_a_cell_is_read_in_sentences_and_a_refused_picture_beside_it(
    demo_root: Path, tmp_path: Path
) -> None:
    shipped_run("demo-colour-bands")
    cell, text = str(sorted(demo_root.rglob("*_all.bmp"))[0]), tmp_path / "text.bmp"
    text.write_text("no image")
    told = run("read", cell, str(text)).stdout
    found = document("read", cell)[0]["cells"][0]
    assert f"The model suggests {found['call']}" in told
    assert f"Probability of ALL {found['probability']:.0%} (95% interval" in told
    assert f"{text}\n  Refused: " in told and told.rstrip().endswith(readings.NOTICE)
    assert told.count("Trained on synthetic cells") == 1


def test_a_field_is_counted_and_its_cells_stand_in_a_table(tmp_path: Path) -> None:
    shipped_run("demo-colour-bands")
    drawn = draw_field(seed=3, blasts=2, lymphocytes=1, size=(700, 900))
    file = tmp_path / "field.png"
    file.write_bytes(encode(drawn.image))
    told = run("read", str(file), "--one-patient").stdout
    (field, patient) = json.loads(run("read", str(file), "--one-patient", "--json").stdout)
    assert f"{field['summary']['found']} white cells found: " in told
    assert told.startswith("The patient, of 1 field")
    for one in field["cells"]:
        x, y, w, h = one["bbox"]
        assert re.search(rf"{one['number']} +{one['state']} .*{x}, {y}, {w}, {h}", told)
    assert patient["summary"]["found"] == field["summary"]["found"]
    found = run("cells", str(file)).stdout
    assert found.startswith(f"{file}: {len(field['cells'])} white cells.")


def test_a_case_is_shown_with_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    case_id = cases.make()
    listed = run_cases(capsys, "list")
    assert case_id[:11] in listed and "open" in listed
    shown = run_cases(capsys, "show", case_id)
    verdict = json.loads(json.dumps(run_cases(capsys, "show", case_id, "--json")))["verdict"]
    assert f"Blasts: {verdict['blasts']} of the {verdict['cells']} cells that count" in shown
    assert "Before it can be signed: " in shown and "None" not in shown
