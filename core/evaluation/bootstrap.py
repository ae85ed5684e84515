"""Intervals from resampling groups: cells of one patient are not independent observations.

Source: the cluster bootstrap; Davison and Hinkley, Bootstrap Methods and their Application, 1997.
"""

import numpy as np

from core.evaluation import metrics

RESAMPLES = 1000
LEVEL = 0.95
MIN_GROUPS = 3


def intervals(
    labels: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    *,
    threshold: float = 0.5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, list[float] | None]:
    """95% percentile intervals [low, high] of the metrics of `metrics.NAMES`.

    All arrays are (N,). Groups are drawn with replacement, as many as there are. None where an
    interval would pretend to know: with fewer than 3 groups that have cells of a class, where more
    than half the resamples leave the metric undefined, and where all resamples agree (a part
    without one error says nothing of the next subject).
    """
    names, member = np.unique(groups, return_inverse=True)
    if min(len(np.unique(member[labels == label])) for label in np.unique(labels)) < MIN_GROUPS:
        return dict.fromkeys(metrics.NAMES)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    calls = (probabilities >= threshold).astype(int)
    counts = np.array(
        [metrics.confusion(labels[member == g], calls[member == g]) for g in range(len(names))]
    )
    values = metrics.rates(draws @ counts)
    values["roc_auc"] = _roc_auc(draws, member, labels, probabilities)
    return {name: _interval(values[name]) for name in metrics.NAMES}


def _roc_auc(
    draws: np.ndarray, member: np.ndarray, labels: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    """Areas under the ROC curve of all resamples, (resamples,); NaN where one lacks a class.

    `draws` (resamples, groups) says how often each group was drawn, `member` (N,) each cell's
    group. The area is the share of (ALL, HEM) pairs in the right order, a tie counting half.
    """
    _, place = np.unique(scores, return_inverse=True)
    counts = np.zeros((2, draws.shape[1], place.max() + 1))
    np.add.at(counts, (labels, member, place), 1)
    areas = []
    for some in np.array_split(draws.astype(float), -(-len(draws) // 64)):  # bounds the memory
        negatives, positives = some @ counts[0], some @ counts[1]
        below = np.cumsum(negatives, axis=1) - negatives / 2
        pairs = negatives.sum(axis=1) * positives.sum(axis=1)
        with np.errstate(invalid="ignore"):
            areas.append((positives * below).sum(axis=1) / pairs)
    return np.concatenate(areas)


def _interval(values: np.ndarray) -> list[float] | None:
    if np.isnan(values).mean() > 0.5:
        return None
    tail = (1 - LEVEL) / 2
    low, high = (float(edge) for edge in np.nanquantile(values, (tail, 1 - tail)))
    return [low, high] if low < high else None
