"""What is said of a model that was trained on synthetic cells, beside its readings of real ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.archive import archive
from core.evaluation import operating_point
from core.evaluation.evaluate import evaluate_on
from core.report.cell.real_cells import UNMEASURED, sentence
from core.report.cell.track_record import tell
from core.runs import evaluations
from core.runs.calibration import Choice
from core.runs.evaluations import Evaluation
from core.runs.run_store import Run
from tests.factories.archives import shipped_run
from tests.factories.trees import KAGGLE, write_three_phases

PART = {
    "images": 50,
    "all": 30,
    "hem": 20,
    "groups": 9,
    "confusion": {"tp": 21, "fn": 9, "fp": 6, "tn": 14},
    "roc_auc": 0.74,
    "always_all": {},
    "intervals": {"roc_auc": (0.6, 0.85)},
}


@pytest.fixture
def run() -> Run:
    return shipped_run()


def measured(run: Run, **values: Any) -> Evaluation:
    """An evaluation on real cells at the run's present threshold."""
    now = run.calibration
    facts = {"dataset": "Ward", "synthetic": False, "subjects": 12, "leaking": False}
    at = {"threshold": now.threshold, "calibration": now.method}
    return Evaluation.parse({**facts, **at, "metrics": PART, **values})


def store(run: Run, *rows: Evaluation) -> None:
    evaluations.write(run.path / "evaluations.json", list(rows))


def test_it_says_what_the_model_made_of_the_real_cells(run: Run) -> None:
    store(run, measured(run))
    assert sentence(run) == (
        "Trained on synthetic cells: of 30 real blasts it put 21 on the side of ALL, of 20 healthy "
        "cells 14 on that of HEM. Those it sends to review count by their side. They are of 12 "
        "subjects of Ward, called at its threshold. It ranked a blast above a "
        "healthy cell in 74 of 100 pairs (ROC AUC 0.74, 95% interval 0.60 to 0.85). Use it to "
        "learn the tool; train on real data for anything else."
    )
    assert tell(run).real_cells == sentence(run)


def test_cells_that_are_synthetic_or_of_unknown_origin_or_not_unseen_say_nothing_of_real_ones(
    run: Run,
) -> None:
    for rows in ([], [{"synthetic": True}], [{"synthetic": None}], [{"leaking": True}]):
        store(run, *(measured(run, **values) for values in rows))
        assert sentence(run) == UNMEASURED
    (run.path / "evaluations.json").write_text("{}")
    assert sentence(run).startswith(UNMEASURED) and "evaluations.json" in sentence(run)


def test_the_largest_set_counts_and_what_it_lacks_is_said(run: Run) -> None:
    counts = {"tp": 21, "fn": 39, "fp": 0, "tn": 0}
    one_class = PART | {"images": 60, "hem": 0, "all": 60, "roc_auc": None, "confusion": counts}
    store(run, measured(run), measured(run, dataset="Large", subjects=None, metrics=one_class))
    said = sentence(run)
    assert (
        "of 60 real blasts it put 21 on the side of ALL" in said
        and "of unknown subjects of Large" in said
    )
    assert "All are of one class." in said


def test_of_equally_large_sets_the_latest_counts(run: Run) -> None:
    store(run, measured(run, dataset="Late", at=2.0), measured(run, dataset="Early", at=1.0))
    assert "subjects of Late" in sentence(run)


def test_a_former_calibration_is_said(run: Run) -> None:
    store(run, measured(run, calibration="temperature"))
    assert "called at its threshold, under its former calibration." in sentence(run)


def test_calls_at_another_operating_point_are_said_to_be_former(run: Run) -> None:
    store(run, measured(run))
    operating_point.use(run, Choice(max_missed=0.05))
    assert "called at its former threshold of 0.5." in sentence(run)
    operating_point.use(run, Choice())
    assert "called at its threshold." in sentence(run)


def test_a_run_trained_on_real_cells_says_nothing_of_synthetic_ones(run: Run) -> None:
    assert run.metrics is not None
    dataset = run.metrics.dataset.replace(synthetic=False)
    run.metrics.replace(dataset=dataset).write(run.path / "metrics.json")
    store(run, measured(run))
    assert sentence(run) == ""


def test_an_evaluation_travels_in_an_archive_and_names_no_file(run: Run, tmp_path: Path) -> None:
    root = write_three_phases(tmp_path / "ward", KAGGLE)
    told = evaluate_on(run, str(root))
    assert (told.synthetic, told.subjects, told.threshold) == (False, 6, 0.5)
    text = (run.path / "evaluations.json").read_text(encoding="utf-8")
    files = [file.stem for file in root.rglob("*.*") if len(file.stem) > 3]
    assert files and not [name for name in [*files, str(tmp_path)] if name in text]
    (kept,) = json.loads(text)
    numbers = {"trained_on", "of_subjects_trained_on", "leaking", "at", "metrics"}
    facts = {"dataset", "synthetic", "subjects", "threshold", "calibration", "fingerprint"}
    assert set(kept) == {"run"} | facts | numbers
    archive.export(run, tmp_path / "run.zip")
    again = archive.import_run(tmp_path / "run.zip", "again")
    assert sentence(again) == sentence(run) and "6 subjects of ward" in sentence(run)


def test_real_cells_of_c_nmc_are_measured(run: Run, real_data: Path) -> None:
    evaluate_on(run, str(real_data / "cnmc_sample" / "C-NMC_Leukemia"))
    assert "They are of 19 subjects of C-NMC_Leukemia" in sentence(run)
    assert "of 26 real blasts it put " in sentence(run)
    assert "of 29 healthy cells " in sentence(run)
