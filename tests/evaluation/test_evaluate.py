"""A run's classifier measured on data sets it was not made from, with the shipped demo run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data import datasets
from core.data.layouts import Labelling
from core.errors import DataError, RunError
from core.evaluation.evaluate import evaluate_on, measure, predict_parts
from core.metrics import classification
from core.runs.run_store import Run
from tests.factories.archives import shipped_run
from tests.factories.trees import KAGGLE, cell, save, write_three_phases


@pytest.fixture
def run(artifacts: Path) -> Run:
    """A copy of the shipped demo run."""
    return shipped_run("demo-cnn-16")


def test_all_labelled_cells_of_all_phases_are_measured(run: Run, tmp_path: Path) -> None:
    told = evaluate_on(run, str(write_three_phases(tmp_path / "set", KAGGLE)))
    assert (told.metrics.images, told.metrics.groups) == (6, 6)
    assert told.metrics.all == told.metrics.hem == 3
    assert told.trained_on == told.of_subjects_trained_on == 0
    assert told.leaking is False


def test_the_last_evaluation_on_each_set_is_kept_for_the_card(run: Run, tmp_path: Path) -> None:
    assert run.evaluations == []
    told = [
        evaluate_on(run, str(write_three_phases(tmp_path / name, KAGGLE))) for name in ("a", "a")
    ]
    (kept,) = run.evaluations
    assert kept.dataset == "a" and kept.metrics == told[-1].metrics
    assert kept.leaking is False and str(tmp_path) not in str(kept)
    (run.path / "evaluations.json").write_text("{}")
    with pytest.raises(RunError, match=r"evaluations\.json .* is damaged"):
        _ = run.evaluations


def test_a_folder_per_class_is_measured_with_its_positive_class_and_no_interval(
    run: Run, tmp_path: Path
) -> None:
    for name, subjects in (("blast", "1234"), ("normal", ["H1", "H2"])):
        for subject in subjects:
            save(tmp_path / f"set/{name}/{subject}.png", cell(subject), "PNG")
    for positive, blasts in (("blast", 4), ("normal", 2)):
        datasets.add(str(tmp_path / "set"), labelling=Labelling(positive=(positive,)))
        told = evaluate_on(run, str(tmp_path / "set")).metrics
        assert (told.images, told.all, told.groups) == (6, blasts, 0)
        assert told.intervals == dict.fromkeys(classification.NAMES)


def test_a_set_without_labels_cannot_be_measured(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "set/C-NMC_test_final_phase_data/1.bmp", cell("1"))
    with pytest.raises(DataError, match="set has no labelled cells"):
        evaluate_on(run, str(tmp_path / "set"))


def _rows(groups: list[str | None]) -> pd.DataFrame:
    number = len(groups)
    return pd.DataFrame(
        {
            "label": [0, 1] * (number // 2),
            "probability": np.linspace(0.2, 0.8, number),
            "group": pd.array(groups, "str"),
        }
    )


def test_one_cell_of_an_unknown_subject_takes_every_interval_away() -> None:
    known = _rows(list("abcdefgh"))
    assert measure(known, 0.5).intervals["accuracy"] is not None
    one = measure(_rows([*"abcdefg", None]), 0.5)
    assert one.intervals == dict.fromkeys(classification.NAMES)
    assert one.groups == 7
    same = {name: measure(known, 0.5).metric(name) for name in classification.NAMES}
    assert {name: one.metric(name) for name in classification.NAMES} == same


@pytest.mark.parametrize(
    ("groups", "words"), [([None], "from 1 group;"), (["a", None, "b"], "from 3 groups")]
)
def test_cells_of_unknown_subjects_calibrate_as_one_group(
    run: Run, groups: list[str | None], words: str
) -> None:
    number = 60
    some = (groups * number)[:number]
    parts = pd.DataFrame(
        {
            "image_id": [f"{n}.png" for n in range(number)],
            "subject": pd.array(some, "str"),
            "group": pd.array(some, "str"),
            "split": ["validation"] * 54 + ["test"] * 4 + ["train"] * 2,
            "label": [0, 1] * (number // 2),
        }
    )
    told = predict_parts(run, parts, np.random.default_rng(0).normal(size=number))
    assert {part: row.images for part, row in told.items()} == {
        "validation": 54,
        "test": 4,
        "train": 2,
    }
    assert told["test"].intervals == dict.fromkeys(classification.NAMES)
    contract = run.calibration
    assert words in contract.reason
    assert contract.method == ("temperature" if "b" in groups else "none")
    assert list(run.predictions["image_id"]) == list(parts["image_id"])
