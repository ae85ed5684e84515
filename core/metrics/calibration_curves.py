"""The curves from a logit to a probability that calibration fits, and their interval.

`core.metrics.calibration` chooses between them.
"""

from collections.abc import Sequence

import numpy as np

from core.metrics import bootstrap

# Wider, and cells that happen to be separable would drive the temperature to its bound.
TEMPERATURES = (0.5, 10.0)
TILT = 0.99
REFITS, KNOTS = 300, 41
BINS, NEWTON_STEPS = 128, 15


def temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """The factor, within `TEMPERATURES`, that lowers the log-loss most. Arrays are (N,)."""
    from scipy.optimize import minimize_scalar

    signs = np.where(labels == 1, 1.0, -1.0)
    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda log_t: np.logaddexp(0, -signs * logits / np.exp(log_t)).mean(),
        bounds=(low, high),
        method="bounded",
    )
    return float(np.exp(found.x))


def platt(labels: np.ndarray, logits: np.ndarray, temperature: float) -> tuple[float, float]:
    """Temperature and shift of the logistic regression of labels on logits.

    It has the penalty of `_logistic`, so that it is the regression whose refits are the interval.
    """
    from scipy.optimize import minimize

    scale, signs = _scale(logits), np.where(labels == 1, 1.0, -1.0)
    values, prior = logits / scale, scale / temperature

    def loss(fitted: np.ndarray) -> tuple[float, np.ndarray]:
        offset, slope = fitted
        margins = signs * (offset + slope * values)
        pull = -signs * logistic(-margins)
        away = slope - prior
        gradient = np.array([pull.sum() + offset, pull @ values + away])
        return float(np.logaddexp(0, -margins).sum() + (offset**2 + away**2) / 2), gradient

    # A slope of 0 or less would turn the order of the cells around.
    bounds = [(None, None), (scale / TEMPERATURES[1], None)]
    offset, slope = minimize(loss, [0.0, prior], jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(scale / slope), float(offset)


def isotonic(labels: np.ndarray, logits: np.ndarray) -> dict[str, list[float]]:
    """Knots of a curve through the centres of the steps of isotonic regression.

    Between centres it rises, so that cells keep their order and a threshold can lie anywhere
    (centred isotonic regression, Oron and Flournoy 2017); from the outer ones it tilts slightly to
    the extreme cells. A step of one class alone would state certainty; it is held one cell in
    N + 2 away from it.
    """
    from scipy.optimize import isotonic_regression

    values, place, counts = np.unique(logits, return_inverse=True, return_counts=True)
    found = isotonic_regression(np.bincount(place, labels == 1) / counts, weights=counts)
    starts = found.blocks[:-1]
    centres = np.add.reduceat(values * counts, starts) / np.add.reduceat(counts, starts)
    margin = 1 / (len(labels) + 2)
    heights = np.clip(found.x[starts], margin, 1 - margin)
    ends = TILT * heights[0], 1 - TILT * (1 - heights[-1])
    knots = np.concatenate([[values[0]], centres, [values[-1]]])
    heights = np.concatenate([ends[:1], heights, ends[1:]])
    kept = np.append(np.diff(knots) > 0, True)  # an outer step of one value is its own extreme
    return {"logit": knots[kept].tolist(), "probability": heights[kept].tolist()}


def interval(
    labels: np.ndarray, logits: np.ndarray, groups: np.ndarray, temperature: float
) -> dict[str, list[float]] | None:
    """The ends, low and high, of the 95% interval of the probability, at 41 logits.

    They are of logistic regressions on resamples of the groups (N,), see
    `core.runs.calibration.Calibration.interval_at`. None with fewer than 3 groups of a class.
    """
    fewest = min(len(np.unique(groups[labels == y])) for y in (0, 1))
    if fewest < bootstrap.MIN_GROUPS:
        return None
    names, member = np.unique(groups, return_inverse=True)
    draws = np.ones((1 + REFITS, len(names)))  # the first fit is to all groups
    rng, share = np.random.default_rng(0), np.bincount(member, labels) / np.bincount(member)
    # Groups are drawn within their class: how frequent the classes are is not in question here.
    classes = np.where(np.isin(share, (0, 1)).all(), share, 0)
    for of_class in np.unique(classes):
        there = np.flatnonzero(classes == of_class)
        draws[1:, there] = bootstrap.draw(rng, len(there), REFITS)
    place, values = _binned(logits)
    counts = np.zeros((2, len(names), len(values)))
    np.add.at(counts, (labels.astype(int), member, place), 1)
    negatives, positives = draws @ counts[0], draws @ counts[1]
    both = negatives.any(axis=1) & positives.any(axis=1)
    scale = _scale(logits)
    offset, slope = _logistic(
        positives[both], (negatives + positives)[both], values / scale, scale / temperature
    )
    beyond = np.ptp(logits) / 2
    knots = np.linspace(logits.min() - beyond, logits.max() + beyond, KNOTS)
    fits = offset[:, None] + slope[:, None] * knots / scale
    half_width = bootstrap.reach(fewest) * fits[1:].std(axis=0, ddof=1)
    low, high = logistic(fits[0] - half_width), logistic(fits[0] + half_width)
    curves = {"logit": knots, "low": low, "high": high}
    return {name: np.round(curve, 5).tolist() for name, curve in curves.items()}


def _scale(logits: np.ndarray) -> float:
    return float(max(logits.std(), 1e-6))


def _binned(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bin of each logit, (N,), and the mean logit of each bin: at most 128, alike in size."""
    _, place = np.unique(logits, return_inverse=True)
    place = place * min(BINS, place.max() + 1) // (place.max() + 1)
    return place, np.bincount(place, logits) / np.bincount(place)


def _logistic(
    positives: np.ndarray, totals: np.ndarray, values: np.ndarray, slope: float
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and slopes, (B,), of the logistic regressions on each row of counts (B, bins).

    Newton's method with a penalty of one unit around offset 0 and the given slope, without which
    resamples that are separable would have none. `values` (bins,) have about unit spread.
    """
    offsets, slopes = np.zeros(len(totals)), np.full(len(totals), slope)
    for _ in range(NEWTON_STEPS):
        expected = logistic(offsets[:, None] + slopes[:, None] * values)
        residual = totals * expected - positives
        curvature = totals * expected * (1 - expected)
        g0, g1 = residual.sum(axis=1) + offsets, residual @ values + slopes - slope
        h00, h01 = curvature.sum(axis=1) + 1, curvature @ values
        h11 = curvature @ values**2 + 1
        determinant = h00 * h11 - h01**2
        offsets = offsets - np.clip((h11 * g0 - h01 * g1) / determinant, -2, 2)
        slopes = slopes - np.clip((h00 * g1 - h01 * g0) / determinant, -2, 2)
    return offsets, slopes


def logistic(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) of each value."""
    probabilities: np.ndarray = np.exp(-np.logaddexp(0, -values))
    return probabilities


def interpolate(
    logits: np.ndarray, knots: Sequence[float], probabilities: Sequence[float]
) -> np.ndarray:
    """Probabilities of logits (N,) on the curve through the knots of isotonic regression."""
    interpolated: np.ndarray = np.interp(logits, knots, probabilities)
    return interpolated
