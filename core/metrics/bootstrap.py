"""Intervals over groups of subjects: cells of one patient are not independent observations.

Groups are resampled (the cluster bootstrap; Davison and Hinkley, Bootstrap Methods and their
Application, 1997). The spread of the resamples gives the standard error, and Student's t the
interval: the middle 95% of resamples of a few groups hold the truth far too seldom. `python -m
benchmarks coverage` measures how often each does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.metrics import classification
from core.metrics.estimate import (
    BIASED,
    NO_SPREAD,
    TOO_FEW_GROUPS,
    UNDEFINED,
    UNDEFINED_RESAMPLES,
    Estimate,
)

RESAMPLES = 2000
LEVEL = 0.95
NORMAL_REACH = 1.9599639845400545  # standard deviations either side that hold LEVEL
MIN_GROUPS = 3
LEAST_ERROR = 1e-9  # a smaller standard error is rounding
# Metrics of one class alone: HEM is 0, ALL is 1.
CLASS_OF = {"specificity": 0, "sensitivity": 1}
_COLUMNS = 32  # resamples at a time where each needs all cells: what a processor's cache holds


@dataclass(frozen=True)
class Resampling:
    """Which groups each resample holds: drawn once for a test part, used for every model of it.

    names (G,): the groups, sorted. member (N,): the number of each cell's group. draws (R, G):
    how often each group counts in each resample. groups_of: how many groups have cells of HEM and
    of ALL.
    """

    names: np.ndarray
    member: np.ndarray
    draws: np.ndarray
    groups_of: tuple[int, ...]

    def reach(self, metric: str = "") -> float:
        """How many standard deviations of its resamples a metric's interval reaches either side.

        By the groups of its class, or of the class with fewer. With one class alone there are fewer
        groups than were drawn; the jackknife's factor allows for that (CR3; MacKinnon, Nielsen and
        Webb, Cluster-robust inference: A guide to empirical practice, Journal of Econometrics 232,
        2023).
        """
        if metric in CLASS_OF:
            groups = self.groups_of[CLASS_OF[metric]]
            return reach(groups) * float(np.sqrt(groups / (groups - 1)))
        return reach(min(groups for groups in self.groups_of if groups))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Of cells' values (N, K) the sums over each resample, (R, K)."""
        sums: np.ndarray = self.draws @ self.by_group(values)
        return sums

    def by_group(self, values: np.ndarray) -> np.ndarray:
        """Of cells' values (N, K) the sums over each group, float64 (G, K)."""
        groups, (_, kinds) = len(self.names), values.shape
        columns = [np.bincount(self.member, values[:, k], groups) for k in range(kinds)]
        return np.stack(columns, axis=-1)


def resample(
    labels: np.ndarray, groups: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES
) -> Resampling:
    """Draws groups with replacement, as many as there are. labels 0 or 1 and groups, (N,)."""
    names, member = np.unique(groups, return_inverse=True)
    groups_of = tuple(len(np.unique(member[labels == y])) for y in (0, 1))
    draws = draw(np.random.default_rng(seed), len(names), resamples)
    return Resampling(names, member, draws, groups_of)


def draw(rng: np.random.Generator, groups: int, resamples: int) -> np.ndarray:
    """How often each group is drawn in each resample, float64 (R, G)."""
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples).astype(float)


def tells(labels: np.ndarray, groups: np.ndarray) -> bool:
    """Whether each class that is there has cells of at least 3 groups: else no interval."""
    return all(len(np.unique(groups[labels == y])) >= MIN_GROUPS for y in np.unique(labels))


def replicates(
    drawn: Resampling, labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> dict[str, np.ndarray]:
    """Every metric of `metrics.NAMES` of every resample, float64 (R,), NaN where undefined.

    `labels` 0 or 1 and `probabilities` (N,) are of the cells that `drawn` was made of. Two models
    of one `Resampling` are paired: row r of both is of the same cells.
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
        "ece": classification.ece(bin_sums(drawn, labels, probabilities)),
    }


def bin_sums(drawn: Resampling, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Of every resample what `metrics.bin_sums` gives, float64 (R, BINS, 3)."""
    groups, bins = len(drawn.names), classification.BINS
    place = drawn.member * bins + classification.bin_of(probabilities)
    values = (np.ones(len(labels)), probabilities, labels)
    sums = np.stack([np.bincount(place, v, groups * bins) for v in values], axis=-1)
    return (drawn.draws @ sums.reshape(groups, -1)).reshape(-1, bins, 3)


def intervals(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    *,
    threshold: float = 0.5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Estimate]:
    """The metrics of `classification.NAMES` with their 95% intervals over groups of subjects.

    All arrays are (N,): labels 0 (HEM) or 1 (ALL), probabilities of ALL in [0, 1], and the group of
    each cell. There is no interval where it would pretend to know, see `estimate`.
    """
    values = classification.metrics(labels, probabilities, threshold)
    if not tells(labels, groups):
        return estimates(values, None, None)
    drawn = resample(labels, groups, seed=seed, resamples=resamples)
    return estimates(values, drawn, replicates(drawn, labels, probabilities, threshold))


def estimates(
    values: Mapping[str, float | None],
    drawn: Resampling | None,
    replicates: Mapping[str, np.ndarray] | None,
    lack: str = TOO_FEW_GROUPS,
) -> dict[str, Estimate]:
    """Metrics by name, with intervals from their `replicates`, which are of `drawn`.

    The ECE has none: it adds up distances, to which chance adds too, so that it lies above the
    truth by more than any interval around it allows for.
    """
    found = {}
    for name, value in values.items():
        of_metric = replicates[name] if replicates and name != "ece" else None
        reason = BIASED if name == "ece" and replicates else lack
        reach = drawn.reach(name) if drawn else 0.0
        found[name] = estimate(value, of_metric, reach, lack=reason)
    return found


def estimate(
    value: float | None,
    replicates: np.ndarray | None,
    reach: float,
    *,
    share: bool = True,
    lack: str = TOO_FEW_GROUPS,
) -> Estimate:
    """A metric with its interval, which reaches `reach` standard deviations of resamples (R,).

    The interval of a `share`, which lies in 0..1, is symmetric on the logit scale; that of another
    number, such as a difference, on its own. There is no interval without resamples (`lack` says
    why there are none), if more than half of them leave the metric undefined (NaN), if all agree,
    and of a share of 0 or 1 (a part without one error says nothing of the next subject).
    """
    if value is None:
        return Estimate(None, reason=UNDEFINED)
    if replicates is None:
        return Estimate(value, reason=lack)
    if np.isnan(replicates).mean() > 0.5:
        return Estimate(value, reason=UNDEFINED_RESAMPLES)
    error = float(np.nanstd(replicates, ddof=1))
    if error < LEAST_ERROR or (share and not 0 < value < 1):
        return Estimate(value, reason=NO_SPREAD)
    half_width = reach * error
    low, high = (
        around(np.array(value), half_width) if share else (value - half_width, value + half_width)
    )
    return Estimate(value, float(low), float(high))


def share(right: np.ndarray, groups: np.ndarray, *, seed: int = 0) -> Estimate:
    """The share of cells, bool (N,), for which something holds, with its interval over groups (N,).

    It is undefined without cells.
    """
    if not len(right):
        return Estimate(None, reason=UNDEFINED)
    value, one = float(np.mean(right)), np.ones(len(right), int)
    if not tells(one, groups):
        return Estimate(value, reason=TOO_FEW_GROUPS)
    drawn = resample(one, groups, seed=seed)
    number, all_cells = drawn.sums(np.stack([right, one], axis=-1)).T
    return estimate(value, number / all_cells, drawn.reach())


def reach(groups: int) -> float:
    """How many standard deviations of the resamples of `groups`, 2 or more, an interval reaches.

    The variance of resamples is too small by the factor (n - 1) / n, and the quantile is that of
    Student's t with n - 1 degrees of freedom.
    """
    from scipy.special import stdtrit

    quantile = float(stdtrit(groups - 1, (1 + LEVEL) / 2))
    return quantile * float(np.sqrt(groups / (groups - 1)))


def around(shares: np.ndarray, half_widths: np.ndarray | float) -> np.ndarray:
    """Low and high ends, stacked, of intervals that are symmetric on the logit scale.

    `half_widths` are those on the scale of the shares, which lie between 0 and 1 (delta method).
    """
    from scipy.special import expit, logit

    half_widths = half_widths / (shares * (1 - shares))
    return np.stack([expit(logit(shares) - half_widths), expit(logit(shares) + half_widths)])


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
