"""How many patients a run tells right: a clinician decides about a patient, not about a cell."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.evaluation.test_set import TestSet
from core.metrics.bootstrap import LEVEL, intervals
from core.metrics.calibration_curves import logistic
from core.metrics.estimate import UNKNOWN_SUBJECTS, Estimate

CLASSES = {"ALL": 1, "HEM": 0}
EVEN = 0.5  # of a patient's cells, where validation cannot choose the share
ONE_CLASS = "its validation part has patients of one class alone"


@dataclass(frozen=True)
class Count:
    """Patients on the right side, of all of a class, and that share with its exact interval."""

    right: int
    of: int
    share: Estimate


@dataclass(frozen=True)
class Patients:
    """The test part by patient.

    table: subject, label (1 for one with a blast), group, cells, share (of its cells called ALL)
    and log_odds (their mean). cut: the share from which on a patient is called ALL; cut_reason is
    "" if it was chosen on validation, else why not. roc_auc: over patients, by log_odds. right: by
    class, and "all" for both. items: what the run reads of them, "cells" or "images".
    """

    table: pd.DataFrame
    cut: float
    cut_reason: str
    roc_auc: Estimate
    right: Mapping[str, Count]
    items: str


def measure(test: TestSet) -> Patients | None:
    """The patients of a run's test part; None if the subject of a cell is unknown."""
    if test.cells["subject"].isna().any():
        return None
    table = by_patient(test.cells, test.threshold)
    validation = test.run.predictions.query("split == 'validation'")
    cut, reason = EVEN, UNKNOWN_SUBJECTS
    if not validation["subject"].isna().any():
        cut, reason = choose_cut(by_patient(validation, test.threshold))
    labels = table["label"].to_numpy()
    right = (table["share"] >= cut).to_numpy() == (labels == 1)
    counts = {name: count(right[labels == label]) for name, label in CLASSES.items()}
    found = intervals(labels, logistic(table["log_odds"].to_numpy()), table["group"].to_numpy(str))
    both = counts | {"all": count(right)}
    return Patients(table, cut, reason, found["roc_auc"], both, test.run.config.items)


def by_patient(cells: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """One row a subject of cells with subject, group, label, logit and probability."""
    called = cells.assign(called=cells["probability"] >= threshold)
    return called.groupby("subject", as_index=False).agg(
        label=("label", "max"),
        group=("group", "first"),
        cells=("called", "size"),
        share=("called", "mean"),
        log_odds=("logit", "mean"),
    )


def choose_cut(table: pd.DataFrame) -> tuple[float, str]:
    """The share that tells the patients of a `by_patient` apart best, and "" or why there is none.

    It has the highest balanced accuracy; of several, the middle of the widest gap between shares.
    """
    labels, shares = table["label"].to_numpy(), table["share"].to_numpy()
    if len(np.unique(labels)) < 2:
        return EVEN, ONE_CLASS
    edges = np.concatenate([[0.0], np.unique(shares), [1.0]])
    low, high = edges[:-1], edges[1:]
    middles, gaps = (low + high) / 2, high - low
    calls = shares[:, None] >= middles
    accuracy = (calls[labels == 1].mean(axis=0) + 1 - calls[labels == 0].mean(axis=0)) / 2
    best = np.flatnonzero(accuracy >= accuracy.max() - 1e-9)
    return float(middles[best[np.argmax(gaps[best])]]), ""


def count(right: np.ndarray) -> Count:
    """How many of the patients, bool (N,), are right, with Clopper and Pearson's interval."""
    from scipy.stats import binomtest

    successes, number = int(right.sum()), len(right)
    if not number:
        return Count(0, 0, Estimate(None, reason="there is no such patient"))
    ends = binomtest(successes, number).proportion_ci(LEVEL, method="exact")
    share = Estimate(successes / number, float(ends.low), float(ends.high))
    return Count(successes, number, share)
