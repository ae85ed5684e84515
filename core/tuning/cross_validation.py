"""Grouped k-fold cross-validation: one run a fold, and what they measured together."""

from typing import Any

import numpy as np
import pandas as pd

from core.evaluation import evaluate
from core.evaluation.compare import METRIC
from core.metrics import classification
from core.runs.config import RunConfig
from core.runs.run_store import Run
from core.tuning.sweep_store import Sweep

LEVEL = 0.95


def fold_configs(base: RunConfig) -> list[RunConfig]:
    """The configuration of each fold, in their order."""
    return [base.replace(fold=fold) for fold in range(base.folds)]


def results(sweep: Sweep) -> dict[str, Any]:
    """What the finished folds measured on their test parts, as results.json holds it.

    Returns folds (a row each: fold, run, images, groups and the metrics), metrics (mean,
    deviation and interval of each over the folds, see `over_folds`), pooled (see `pooled`; None
    before the last fold), leaking, unknown_subjects and synthetic.
    """
    finished = [run for run in sweep.runs if run.metrics and run.status.state == "succeeded"]
    measured = [metrics for run in finished if (metrics := run.metrics)]
    rows = [_row(run) for run in finished]
    return {
        "folds": rows,
        "metrics": {name: over_folds([row[name] for row in rows]) for name in classification.NAMES},
        "pooled": pooled(finished) if len(rows) == sweep.plan.base.folds else None,
        "leaking": any(metrics.protocol.leaking for metrics in measured),
        "unknown_subjects": max((m.protocol.unknown_subjects or 0 for m in measured), default=0),
        "synthetic": any(metrics.dataset.synthetic for metrics in measured),
    }


def _row(run: Run) -> dict[str, Any]:
    assert run.metrics is not None
    test = run.metrics.test
    # A run of before a metric was added has no value of it, which makes it undefined over folds.
    figures = {name: test.metric(name) for name in classification.NAMES}
    row = {"fold": run.config.fold, "run": run.run_id}
    return row | {"images": test.images, "groups": test.groups} | figures


def over_folds(values: list[float | None]) -> dict[str, Any]:
    """mean, deviation (of a sample) and interval [low, high] of a metric in [0, 1] over k folds.

    The 95 % interval is Student's t with k - 1 degrees of freedom on the mean, cut to [0, 1]. It
    takes the folds for independent, which they are not: any two share training cells, so their
    variance is underestimated, without an unbiased remedy (Bengio and Grandvalet, No Unbiased
    Estimator of the Variance of K-Fold Cross-Validation, JMLR 5, 2004), and the interval is
    narrower than it should be.

    All None without folds or where the metric is undefined in one; no deviation of a single fold,
    no interval where all folds agree.
    """
    defined = [value for value in values if value is not None]
    found: dict[str, Any] = dict.fromkeys(("mean", "deviation", "interval"))
    if not defined or len(defined) < len(values):
        return found
    found["mean"] = mean = float(np.mean(defined))
    if len(defined) > 1:
        found["deviation"] = deviation = float(np.std(defined, ddof=1))
        if deviation > 0:
            from scipy.stats import t

            half = t.ppf((1 + LEVEL) / 2, len(defined) - 1) * deviation / np.sqrt(len(defined))
            found["interval"] = [max(0.0, float(mean - half)), min(1.0, float(mean + half))]
    return found


def pooled(runs: list[Run]) -> dict[str, Any] | None:
    """Metrics of all cells together, each called by the fold that had not seen it.

    The intervals are from the bootstrap over groups, as for a single run. The ROC AUC compares
    probabilities of different folds, whose scales may differ; the mean over folds does not
    (Forman and Scholz, Apples-to-Apples in Cross-Validation Studies, SIGKDD Explorations 12, 2010).
    None where the folds' thresholds differ, since then no single one belongs to all.
    """
    thresholds = {run.calibration.threshold for run in runs}
    if len(thresholds) != 1:
        return None
    tables = [run.predictions.query("split == 'test'") for run in runs]
    return evaluate.measure(pd.concat(tables, ignore_index=True), thresholds.pop()).to_json()


def verdict(found: dict[str, Any], folds: int) -> str:
    """What the folds of `results` say so far, in one sentence."""
    rows, overall = found["folds"], found["metrics"][METRIC]
    label = classification.NAMES[METRIC]
    if not rows:
        return "No fold has finished yet."
    where = "of held-out subjects"
    if found["leaking"]:
        where = "of patients it had also trained on, so it is too good"
    if found["unknown_subjects"]:
        where = "of unknown patients, whom it may have trained on"
    if overall["mean"] is None:
        return f"{label} is undefined in a fold. Take fewer folds or more cells."
    span = " (too few folds, or all alike, for an interval)"
    if overall["interval"]:
        span = " (95% interval over folds {:.2f} to {:.2f})".format(*overall["interval"])
    done = f"{folds} folds" if len(rows) == folds else f"{len(rows)} of {folds} folds so far"
    kind = "synthetic cells" if found["synthetic"] else "cells"
    return f"{label} {overall['mean']:.2f}{span}: the mean of {done}, on {kind} {where}."


def pooled_sentence(measured: dict[str, Any]) -> str:
    """What `pooled` measured, in one sentence."""
    value, interval = measured[METRIC], measured["intervals"][METRIC]
    span = " (too few groups for an interval)"
    if interval:
        span = f" (95% interval over groups {interval[0]:.2f} to {interval[1]:.2f})"
    return (
        f"Over all {measured['images']:,} cells together, each called by the fold that had not "
        f"seen it: {classification.NAMES[METRIC].lower()} {value:.2f}{span}."
    )


def table(found: dict[str, Any]) -> pd.DataFrame:
    """One row a fold, with readable columns."""
    return pd.DataFrame(
        [
            {"Fold": row["fold"] + 1, "Test cells": row["images"], "Groups": row["groups"]}
            | {label: row[name] for name, label in classification.NAMES.items()}
            | {"Run": row["run"]}
            for row in found["folds"]
        ]
    )


def summary_table(found: dict[str, Any]) -> pd.DataFrame:
    """One row a metric: over the folds, and of all cells together, with readable columns."""
    together = found["pooled"] or {"intervals": {}}
    return pd.DataFrame(
        [
            {
                "Metric": label,
                "Mean over folds": found["metrics"][name]["mean"],
                "Standard deviation": found["metrics"][name]["deviation"],
                "95% interval over folds": _span(found["metrics"][name]["interval"]),
                "All cells together": together.get(name),
                "95% interval over groups": _span(together["intervals"].get(name)),
            }
            for name, label in classification.NAMES.items()
        ]
    )


def _span(interval: list[float] | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "none"
