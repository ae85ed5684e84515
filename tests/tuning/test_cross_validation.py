"""What folds measured together, against hand-computed values."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from core import storage
from core.evaluation import evaluate
from core.jobs.job import Status
from core.metrics import classification
from core.report.tuning import (
    cross_validation_verdict,
    folds_table,
    pooled_sentence,
    summary_table,
)
from core.runs.run_store import Run
from core.tuning import sweep_store
from core.tuning.cross_validation import fold_configs, over_folds, results
from core.tuning.results import CrossValidationResults, FoldMetrics
from core.tuning.sweep_store import Plan, Sweep
from tests.factories import executor, invented
from tests.factories.executor import Executor

ROOT = Path("data")


def make(folds: int = 3, **settings: Any) -> Sweep:
    base = executor.base(ROOT, folds=folds, **settings)
    return sweep_store.create(Plan(kind="cross-validation", base=base), "cv")


def finish(sweep: Sweep, fold: int) -> Run:
    run, _ = sweep_store.make_run(fold_configs(sweep.plan.base)[fold], sweep.run_id(fold=fold))
    executor.measure(run)
    run.write_status(Status(state="succeeded"))
    return run


def test_the_interval_is_students_t_over_the_folds() -> None:
    # mean 0.8, deviation 0.1; t with 2 degrees of freedom at 97.5 % is 4.30265.
    found = over_folds([0.7, 0.8, 0.9])
    assert found.mean == pytest.approx(0.8) and found.deviation == pytest.approx(0.1)
    # A fold tests on half as many cells as it trains on; the logit of 0.8 has the slope 1 / 0.16.
    half = 4.30265 * 0.1 * np.sqrt(1 / 3 + 1 / 2) / 0.16
    assert found.interval == pytest.approx(expit([logit(0.8) - half, logit(0.8) + half]), abs=1e-5)
    # mean 0.5, deviation sqrt(0.02 / 4); t with 4 degrees of freedom: 2.77645.
    found = over_folds([0.4, 0.45, 0.5, 0.55, 0.6])
    half = 2.77645 * np.sqrt(0.00625 * (1 / 5 + 1 / 4)) / 0.25
    assert found.interval == pytest.approx(expit([-half, half]), abs=1e-5)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], (None, None, None)),
        ([0.7], (0.7, None, None)),
        ([0.7, None, 0.9], (None, None, None)),
        ([0.5, 0.5, 0.5], (0.5, 0.0, None)),
        ([0.0, 1.0], (0.5, pytest.approx(np.sqrt(0.5)), pytest.approx((0.0, 1.0)))),
    ],
)
def test_what_cannot_be_known_is_none(values: list[float | None], found: tuple) -> None:
    over = over_folds(values)
    assert (over.mean, over.deviation, over.interval) == found


def test_each_fold_has_the_base_settings_and_its_number() -> None:
    base = executor.base(ROOT, folds=4, seed=3)
    configs = fold_configs(base)
    assert [wanted.fold for wanted in configs] == [0, 1, 2, 3]
    assert {(wanted.folds, wanted.seed) for wanted in configs} == {(4, 3)}


def test_results_follow_from_the_run_folders() -> None:
    sweep = make()
    runs = [finish(sweep, fold) for fold in (0, 1)]
    found = results(sweep)
    assert [row.run for row in found.folds] == ["cv-fold-0", "cv-fold-1"]
    assert found.pooled is None and found.leaking is False and found.synthetic is True
    assert "mean of 2 of 3 folds so far" in cross_validation_verdict(found, 3)
    runs.append(finish(sweep, 2))
    found = results(sweep)
    scores = [run.metrics.test.balanced_accuracy for run in runs]
    assert found.metrics["balanced_accuracy"].mean == pytest.approx(np.mean(scores))
    assert found.metrics["balanced_accuracy"].deviation == pytest.approx(np.std(scores, ddof=1))
    assert cross_validation_verdict(found, 3).startswith(
        f"Balanced accuracy {np.mean(scores):.2f} (95% interval"
    )
    assert cross_validation_verdict(found, 3).endswith(
        "the mean of 3 folds, on synthetic images of held-out subjects."
    )
    shown = folds_table(found)
    assert list(shown["Fold"]) == [1, 2, 3] and list(shown["Balanced accuracy"]) == scores
    row = summary_table(found).set_index("Metric").loc["Balanced accuracy"]
    assert row["Mean over folds"] == pytest.approx(np.mean(scores))
    assert row["All images together"] == found.pooled.balanced_accuracy
    assert " to " in row["95% interval over folds"] and " to " in row["95% interval over groups"]


def test_the_pooled_figure_is_of_every_cells_out_of_fold_prediction() -> None:
    sweep = make()
    runs = [finish(sweep, fold) for fold in range(3)]
    pooled = results(sweep).pooled
    tested = pd.concat([run.predictions.query("split == 'test'") for run in runs])
    assert pooled.images == len(tested) == executor.GROUPS * executor.CELLS_A_GROUP
    assert tested["image_id"].is_unique
    calls = (tested["probability"] >= 0.5).to_numpy().astype(int)
    assert pooled.accuracy == pytest.approx((calls == tested["label"]).mean())
    assert pooled == evaluate.measure(tested.reset_index(drop=True), 0.5)
    low, high = pooled.intervals["balanced_accuracy"]
    assert low < pooled.balanced_accuracy < high
    assert f"Over all {len(tested)} images" in pooled_sentence(pooled)
    contract = runs[0].calibration
    contract.replace(threshold=0.4).write(runs[0].path / "calibration.json")
    assert results(sweep).pooled is None


def test_only_folds_that_succeeded_count() -> None:
    sweep = make()
    finish(sweep, 0)
    finish(sweep, 1).write_status(Status(state="failed", error="no"))
    assert [row.fold for row in results(sweep).folds] == [0]
    empty = sweep_store.create(
        Plan(kind="cross-validation", base=executor.base(ROOT, folds=3)), "empty"
    )
    assert results(empty).folds == ()


def test_the_verdict_names_what_is_wrong_with_a_number() -> None:
    def verdict(values: list[float | None] = [0.7, 0.8, 0.9], **changes: Any) -> str:  # noqa: B006
        names = classification.NAMES
        row = {"run": "r", "images": 40, "groups": 4} | dict.fromkeys(names, 0.8)
        found = CrossValidationResults(
            folds=tuple(FoldMetrics(fold=fold, **row) for fold in range(3)),
            metrics={name: over_folds(values) for name in names},
            pooled=None,
            leaking=False,
            unknown_subjects=0,
            synthetic=False,
        )
        return cross_validation_verdict(found.replace(**changes), 3)

    assert "images of held-out subjects" in verdict()
    assert "so it is too good" in verdict(leaking=True)
    unknown = verdict(leaking=True, unknown_subjects=9)
    assert "unknown patients, whom it may have trained on" in unknown
    assert "no interval: too few folds, or all alike" in verdict([0.5] * 3)
    assert "undefined in a fold" in verdict([None])
    assert verdict(folds=()) == "No fold has finished yet."


def test_a_worker_with_any_executor_trains_each_fold_once_and_sums_up() -> None:
    storage.sweeps_dir().mkdir(parents=True)
    base = executor.base(storage.sweeps_dir(), folds=3)  # any folder that is there
    sweep = sweep_store.create(Plan(kind="cross-validation", base=base), "cv")
    done = executor.work(sweep)
    status = sweep.status
    assert (status.state, status.error, status.done, status.total) == ("succeeded", None, 3, 3)
    assert done.launched == ["cv-fold-0", "cv-fold-1", "cv-fold-2"]
    assert sweep.results == results(sweep)


def test_a_fold_that_fails_ends_it_and_a_resume_tries_that_fold_again() -> None:
    storage.sweeps_dir().mkdir(parents=True)
    base = executor.base(storage.sweeps_dir(), folds=3)
    sweep = sweep_store.create(Plan(kind="cross-validation", base=base), "cv")
    executor.work(sweep, Executor(fails=lambda wanted: wanted.fold == 1))
    assert sweep.status.state == "failed"
    assert sweep.status.error == "Fold 2 failed. It was told to fail."
    assert [row.fold for row in sweep.results.folds] == [0]
    sweep.requeue()
    assert executor.work(sweep).launched == ["cv-fold-1", "cv-fold-2"]
    assert sweep.status.state == "succeeded" and len(sweep.results.folds) == 3


def test_a_fold_of_before_a_metric_was_added_leaves_it_undefined():
    cells = invented.cells(groups=6)
    run = invented.run("old", cells, invented.logits(cells, 1), folds=3).run
    facts = storage.read_json(run.path / "metrics.json")
    counts = {"images": 48, "all": 24, "hem": 24, "groups": 6}
    confusion = {"tp": 18, "fp": 6, "fn": 6, "tn": 18}
    measured = {"accuracy": 0.75, "confusion": confusion, "always_all": {}, "intervals": {}}
    facts["parts"] = {"test": counts | measured}
    storage.write_json(run.path / "metrics.json", facts)
    sweep = make()
    shutil.copytree(run.path, storage.runs_dir() / sweep.run_id(fold=0))
    (row,) = results(sweep).folds
    assert row.accuracy == 0.75 and row.pr_auc is None and row.fold == 0
