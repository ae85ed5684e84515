"""Intervals from resampling groups: cells of one patient are not independent observations.

Source: the cluster bootstrap; Davison and Hinkley, Bootstrap Methods and their Application, 1997.
"""

from dataclasses import dataclass

import numpy as np

from core.metrics import classification
from core.metrics.estimate import (
    NO_SPREAD,
    TOO_FEW_GROUPS,
    UNDEFINED,
    UNDEFINED_RESAMPLES,
    Estimate,
)

RESAMPLES = 2000
LEVEL = 0.95
MIN_GROUPS = 3
_COLUMNS = 32  # resamples at a time where each needs all cells: what a processor's cache holds


@dataclass(frozen=True)
class Resampling:
    """Which groups each resample holds: drawn once for a test part, used for every model of it.

    names (G,): the groups, sorted. member (N,): the number of each cell's group. draws (R, G):
    how often each resample drew each group.
    """

    names: np.ndarray
    member: np.ndarray
    draws: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Of cells' values (N, K) the sums over each resample, (R, K)."""
        sums: np.ndarray = self.draws @ self.by_group(values)
        return sums

    def by_group(self, values: np.ndarray) -> np.ndarray:
        """Of cells' values (N, K) the sums over each group, float64 (G, K)."""
        groups, (_, kinds) = len(self.names), values.shape
        columns = [np.bincount(self.member, values[:, k], groups) for k in range(kinds)]
        return np.stack(columns, axis=-1)


def resample(groups: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> Resampling:
    """Draws groups with replacement, as many as there are. `groups` (N,): each cell's group."""
    names, member = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return Resampling(names, member, draws.astype(float))


def tells(labels: np.ndarray, groups: np.ndarray) -> bool:
    """Whether each class that is there has cells of at least 3 groups: else no interval."""
    return all(len(np.unique(groups[labels == y])) >= MIN_GROUPS for y in np.unique(labels))


def replicates(
    drawn: Resampling, labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> dict[str, np.ndarray]:
    """Every metric of `metrics.NAMES` of every resample, float64 (R,), NaN where undefined.

    `labels` 0 or 1 and `probabilities` (N,) are of the cells that `drawn` was made of. Two models
    of one `Resampling` are paired: row r of both is of the same cells.
    The ECE is moved, see `_ece`.
    """
    calls = probabilities >= threshold
    sure = labels == 1
    kinds = np.stack([calls & sure, calls & ~sure, ~calls & sure, ~calls & ~sure], axis=-1)
    cells = len(labels)
    error = np.stack([(probabilities - labels) ** 2, np.ones(cells)], axis=-1)
    wrong, number = drawn.sums(error).T
    return {
        **classification.rates(drawn.sums(kinds)),
        "roc_auc": roc_auc(drawn, labels, probabilities),
        "pr_auc": pr_auc(drawn, labels, probabilities),
        "brier": wrong / number,
        "ece": _ece(drawn, labels, probabilities),
    }


def _ece(drawn: Resampling, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The ECE of all resamples, moved so that their mean is the ECE of the cells themselves.

    It adds up distances, to which the noise of resampling adds too: unmoved, most resamples lie
    above what was measured, and their interval need not hold it.
    """
    values = classification.ece(bin_sums(drawn, labels, probabilities))
    excess = values.mean() - classification.ece(classification.bin_sums(labels, probabilities))
    moved: np.ndarray = np.maximum(values - excess, 0)
    return moved


def bin_sums(drawn: Resampling, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Of every resample what `metrics.bin_sums` gives, float64 (R, BINS, 3)."""
    groups, bins = len(drawn.names), classification.BINS
    place = drawn.member * bins + classification.bin_of(probabilities)
    values = (np.ones(len(labels)), probabilities, labels)
    sums = np.stack([np.bincount(place, v, groups * bins) for v in values], axis=-1)
    return (drawn.draws @ sums.reshape(groups, -1)).reshape(-1, bins, 3)


def estimates(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    *,
    threshold: float = 0.5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Estimate]:
    """The metrics of `classification.NAMES` with their 95% percentile intervals.

    All arrays are (N,). There is no interval where it would pretend to know, see `estimate`.
    """
    values = classification.metrics(labels, probabilities, threshold)
    rows: dict[str, np.ndarray] = {}
    if tells(labels, groups):
        drawn = resample(groups, seed=seed, resamples=resamples)
        rows = replicates(drawn, labels, probabilities, threshold)
    return {name: estimate(value, rows.get(name)) for name, value in values.items()}


def estimate(
    value: float | None, replicates: np.ndarray | None, lack: str = TOO_FEW_GROUPS
) -> Estimate:
    """A metric with the middle 95% of its resamples, float64 (R,).

    There is no interval without resamples (`lack` says why there are none), if more than half of
    them leave the metric undefined (NaN), and if all agree (a part without one error says nothing
    of the next subject).
    """
    if value is None:
        return Estimate(None, reason=UNDEFINED)
    if replicates is None:
        return Estimate(value, reason=lack)
    if np.isnan(replicates).mean() > 0.5:
        return Estimate(value, reason=UNDEFINED_RESAMPLES)
    tail = (1 - LEVEL) / 2
    low, high = (float(edge) for edge in np.nanquantile(replicates, (tail, 1 - tail)))
    return Estimate(value, low, high) if low < high else Estimate(value, reason=NO_SPREAD)


def roc_auc(drawn: Resampling, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Areas under the ROC curve of all resamples, (R,); NaN where one lacks a class.

    The pairs in the right order, ties for half, are counted once for each two groups; a resample
    that drew them m and n times has them m n times.
    """
    groups = len(drawn.names)
    distinct, place = np.unique(scores, return_inverse=True)
    hem = np.zeros((len(distinct), groups))
    np.add.at(hem, (place[labels == 0], drawn.member[labels == 0]), 1)
    below = np.cumsum(hem, axis=0) - hem / 2
    right = np.zeros((groups, groups))
    np.add.at(right, drawn.member[labels == 1], below[place[labels == 1]])
    both = drawn.by_group(np.stack([labels == 1, labels == 0], axis=-1))
    positives, negatives = (drawn.draws @ both).T
    with np.errstate(divide="ignore", invalid="ignore"):
        areas: np.ndarray = ((drawn.draws @ right) * drawn.draws).sum(axis=1) / (
            positives * negatives
        )
        return areas


def pr_auc(drawn: Resampling, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of all resamples, (R,); NaN where one lacks a class."""
    order = np.argsort(-scores, kind="stable")
    member, score, positive = drawn.member[order], scores[order], labels[order] == 1
    found_score = score[positive]
    # Cells of one score are called together: of each ALL cell, the last ALL cell called with it,
    # and how many HEM cells are called with it or before.
    last = np.searchsorted(-found_score, -found_score, side="right") - 1
    false = np.searchsorted(-score[~positive], -found_score, side="right")
    tied = (np.diff(found_score) == 0).any()
    draws = np.ascontiguousarray(drawn.draws.T.astype(np.float32))  # whole numbers, below 2^24
    areas = []
    for start in range(0, draws.shape[1], _COLUMNS):
        some = draws[:, start : start + _COLUMNS]
        gained = some[member[positive]]
        wrong = np.cumsum(some[member[~positive]], axis=0)
        called = np.concatenate([np.zeros_like(some[:1]), wrong])[false]
        found = np.cumsum(gained, axis=0)
        classes = np.array([side[-1] if len(side) else 0 * some[0] for side in (found, wrong)])
        found = found[last] if tied else found
        called += found
        np.divide(found, np.maximum(called, 1, out=called), out=found)
        with np.errstate(divide="ignore", invalid="ignore"):
            area = np.einsum("nr,nr->r", gained, found, dtype=float) / classes[0]
        areas.append(np.where(classes.all(axis=0), area, np.nan))
    return np.concatenate(areas)
