"""ROC and precision-recall curves with bands, and the reliability diagram, over groups."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.evaluation.test_set import TestSet
from core.metrics import bootstrap, classification
from core.metrics.bootstrap import MIN_GROUPS, Resampling, bin_sums
from core.metrics.estimate import Estimate

GRID = np.linspace(0, 1, 101)
RESAMPLES = 500  # for bands, which need less precision than intervals

# Cumulative counts of ALL and HEM cells called ALL, from none to all.
_Counts = tuple[np.ndarray, np.ndarray]
_Read = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Curve:
    """y at each x of `GRID`, float64 (101,), with its band; low and high are None without one.

    The band reaches as many standard errors of the resamples to either side as a 95% interval
    does. Where the curve nears 0 or 1 it holds the truth less often (about 0.9 of trials).

    area: ROC AUC or PR AUC. baseline: y of always answering ALL (for ROC: x).
    """

    y: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    area: float
    baseline: np.ndarray


def roc(run: TestSet) -> Curve | None:
    """Returns the highest sensitivity up to each false-positive rate; None with one class."""

    def read(true: np.ndarray, false: np.ndarray) -> np.ndarray:
        rate = false / false[-1]
        sensitivity: np.ndarray = (true / true[-1])[np.searchsorted(rate, GRID, side="right") - 1]
        return sensitivity

    return _curve(run, read, classification.roc_auc(run.labels, run.probabilities), GRID)


def precision_recall(run: TestSet) -> Curve | None:
    """Returns the precision where each recall is first reached; None with one class."""

    def read(true: np.ndarray, false: np.ndarray) -> np.ndarray:
        first = np.searchsorted(true / true[-1], GRID - 1e-12)
        first = np.maximum(
            first, np.searchsorted(true, 1e-9)
        )  # at recall 0, that of the first ALL cell
        precision: np.ndarray = true[first] / (true[first] + false[first])
        return precision

    share = np.full(len(GRID), run.labels.mean())
    return _curve(run, read, classification.pr_auc(run.labels, run.probabilities), share)


def _curve(run: TestSet, read: _Read, area: float | None, baseline: np.ndarray) -> Curve | None:
    if area is None:
        return None
    order = np.argsort(-run.probabilities, kind="stable")
    score, positive = run.probabilities[order], run.labels[order] == 1
    last = np.flatnonzero(np.append(np.diff(score) != 0, True))

    def steps(copies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts = (np.cumsum(copies * side)[last] for side in (positive, ~positive))
        true, false = (np.concatenate([[0.0], count]) for count in counts)
        return true, false

    y = read(*steps(np.ones(len(order))))
    low, high = _band(y, run.resamples, order, steps, read)
    return Curve(y, low, high, area, baseline)


def _band(
    y: np.ndarray,
    resamples: Resampling | None,
    order: np.ndarray,
    steps: Callable[[np.ndarray], _Counts],
    read: _Read,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    if resamples is None:
        return None, None
    member, rows = resamples.member[order], []
    for draw in resamples.draws[:RESAMPLES]:
        true, false = steps(draw[member])
        if true[-1] and false[-1]:
            rows.append(read(true, false))
    if len(rows) < RESAMPLES / 2:
        return None, None
    half_width = resamples.reach() * np.std(rows, axis=0, ddof=1)
    return np.clip(y - half_width, 0, 1), np.clip(y + half_width, 0, 1)


@dataclass(frozen=True)
class Bin:
    """Cells with a P(ALL) between low and high.

    predicted: mean P(ALL). observed: share of ALL, without interval for fewer than 3 groups.
    """

    low: float
    high: float
    cells: int
    predicted: float
    observed: Estimate


def reliability(run: TestSet) -> list[Bin]:
    """Returns the bins of the ECE that are not empty, in order of probability."""
    sums = classification.bin_sums(run.labels, run.probabilities)
    bin_numbers, groups = classification.bin_of(run.probabilities), run.cells["group"].to_numpy()
    shares = None
    if run.resamples is not None:
        resamples = bin_sums(run.resamples, run.labels, run.probabilities)
        with np.errstate(invalid="ignore"):
            shares = resamples[..., 2] / resamples[..., 0]
    bins = []
    for number in np.flatnonzero(sums[:, 0]):
        cells, predicted, positives = sums[number]
        there = len(set(groups[bin_numbers == number]))
        replicates, reach = None, 0.0
        if shares is not None and there >= MIN_GROUPS:
            replicates, reach = shares[:, number], bootstrap.reach(there)
        observed = bootstrap.estimate(float(positives / cells), replicates, reach)
        bins.append(
            Bin(
                low=float(number / classification.BINS),
                high=float((number + 1) / classification.BINS),
                cells=int(cells),
                predicted=float(predicted / cells),
                observed=observed,
            )
        )
    return bins
