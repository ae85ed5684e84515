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

    All arrays are (N,). Groups are drawn with replacement, as many as there are. A metric whose
    value is undefined in more than half the resamples, and any metric over fewer than 3 groups,
    has None: such an interval would pretend to know.
    """
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < MIN_GROUPS:
        return dict.fromkeys(metrics.NAMES)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    calls = (probabilities >= threshold).astype(int)
    counts = np.array(
        [metrics.confusion(labels[member == g], calls[member == g]) for g in range(len(names))]
    )
    values = metrics.rates(draws @ counts)
    auc = (metrics.roc_auc(labels, probabilities, draw[member]) for draw in draws)
    values["roc_auc"] = np.array([np.nan if area is None else area for area in auc])
    return {name: _interval(values[name]) for name in metrics.NAMES}


def _interval(values: np.ndarray) -> list[float] | None:
    if np.isnan(values).mean() > 0.5:
        return None
    tail = (1 - LEVEL) / 2
    return [float(edge) for edge in np.nanquantile(values, (tail, 1 - tail))]
