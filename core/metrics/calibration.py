"""Fits how a logit becomes a probability, on the validation part.

The result is applied and stored by `core.runs.calibration.Calibration`.
"""

import hashlib
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np

from core.errors import ConfigError
from core.metrics import bootstrap

METHODS = ("temperature", "platt", "isotonic", "none")
NAMES = {
    "temperature": "temperature scaling",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression",
}
# Wider, and cells that happen to be separable would drive the temperature to its bound.
TEMPERATURES = (0.5, 10.0)
MIN_IMAGES = 50
MIN_GROUPS = 3
# With fewer groups of a class a shift learns which patients happen to be there.
PLATT_GROUPS = 5
# Isotonic regression has as many parameters as steps. With few subjects it learns these.
ISOTONIC_IMAGES = 500
ISOTONIC_GROUPS = 10
FOLDS, TILT = 5, 0.99
REFITS, KNOTS = 300, 41
BINS, NEWTON_STEPS = 128, 15
# Log-odds on both sides of the threshold that are too close to call: 5 points at even odds.
CLOSE = 0.2


class FittedCalibration(TypedDict):
    """The fields of a `core.runs.calibration.Calibration` that was fitted."""

    method: str
    temperature: float
    shift: float
    knots: NotRequired[dict[str, list[float]]]
    threshold: float
    reason: str
    fitted_on: dict[str, int | str]
    interval: dict[str, list[float]] | None
    operating_point: None
    review: None


def fit(
    labels: np.ndarray, logits: np.ndarray, groups: np.ndarray, *, method: str | None = None
) -> FittedCalibration:
    """Calibration on the validation part, whose arrays are (N,).

    None as method chooses by what there is. Too few cells: none. Fewer than 5 groups of a class:
    temperature scaling (Guo et al. 2017, equation 9). Else Platt scaling (Platt 1999, equation 1),
    whose shift also mends what class weights do to the frequency of the classes. Isotonic
    regression (Zadrozny and Elkan 2002) where there are at least 500 cells of 10 groups of each
    class and it has, on groups left out, a lower log-loss by more than one standard error. Raises
    `ConfigError` for a method that is unknown or lacks cells.
    """
    labels, logits, groups = np.asarray(labels), np.asarray(logits, float), np.asarray(groups)
    number, clusters = len(labels), len(np.unique(groups))
    lack = _lack(labels, groups)
    comparison = ""
    if method is None:
        method = "none" if lack else "temperature" if _platt_lack(labels, groups) else "platt"
        if not lack and not _isotonic_lack(labels, groups):
            method, comparison = _better(labels, logits, groups)
    elif method not in METHODS:
        raise ConfigError(f"{method!r} is not a calibration. Choose one of {', '.join(METHODS)}.")
    elif method != "none":
        more = {"platt": _platt_lack, "isotonic": _isotonic_lack}.get(method)
        lack = lack or (more(labels, groups) if more else None)
        if lack:
            raise ConfigError(f"Calibration {method!r} cannot be fitted: {lack}. Choose another.")
    else:
        lack = None
    temperature = _temperature(labels, logits) if method in ("temperature", "platt") else 1.0
    scaled = _platt(labels, logits, temperature) if method == "platt" else (temperature, 0.0)
    if method == "none":
        reason = f"not calibrated: {lack}" if lack else "not calibrated, by choice"
    else:
        on = f"calibrated on {number} validation cells from {clusters} groups"
        reason = f"{on} ({NAMES[method]}{comparison})"
    fitted = FittedCalibration(
        method=method,
        temperature=scaled[0],
        shift=scaled[1],
        threshold=0.5,
        reason=reason,
        fitted_on=_fitted_on(labels, logits, groups),
        interval=_curves(labels, logits, groups, temperature),
        operating_point=None,
        review=None,
    )
    if method == "isotonic":
        fitted["knots"] = _isotonic(labels, logits)
    return fitted


def _lack(labels: np.ndarray, groups: np.ndarray) -> str | None:
    number, clusters = len(labels), len(np.unique(groups))
    if number >= MIN_IMAGES and clusters >= MIN_GROUPS and len(np.unique(labels)) == 2:
        return None
    return (
        f"the validation part has {number} cells from {clusters} "
        f"{'group' if clusters == 1 else 'groups'}; at least {MIN_IMAGES} cells of both classes "
        f"from {MIN_GROUPS} groups are needed"
    )


def groups_of(labels: np.ndarray, groups: np.ndarray) -> dict[str, int]:
    """How many groups have cells of each class."""
    return {name: len(np.unique(groups[labels == y])) for name, y in (("ALL", 1), ("HEM", 0))}


def _platt_lack(labels: np.ndarray, groups: np.ndarray) -> str | None:
    by_class = groups_of(labels, groups)
    if min(by_class.values()) >= PLATT_GROUPS:
        return None
    return (
        f"the validation part has {by_class['ALL']} groups with ALL and {by_class['HEM']} with "
        f"HEM; Platt scaling needs {PLATT_GROUPS} of each"
    )


def _isotonic_lack(labels: np.ndarray, groups: np.ndarray) -> str | None:
    number, by_class = len(labels), groups_of(labels, groups)
    if number >= ISOTONIC_IMAGES and min(by_class.values()) >= ISOTONIC_GROUPS:
        return None
    return (
        f"the validation part has {number} cells, of {by_class['ALL']} groups with ALL and "
        f"{by_class['HEM']} with HEM; isotonic regression needs {ISOTONIC_IMAGES} cells and "
        f"{ISOTONIC_GROUPS} groups of each"
    )


def _temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    from scipy.optimize import minimize_scalar

    signs = np.where(labels == 1, 1.0, -1.0)
    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda log_t: np.logaddexp(0, -signs * logits / np.exp(log_t)).mean(),
        bounds=(low, high),
        method="bounded",
    )
    return float(np.exp(found.x))


def _platt(labels: np.ndarray, logits: np.ndarray, temperature: float) -> tuple[float, float]:
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


def _scale(logits: np.ndarray) -> float:
    return float(max(logits.std(), 1e-6))


def _isotonic(labels: np.ndarray, logits: np.ndarray) -> dict[str, list[float]]:
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


def _better(labels: np.ndarray, logits: np.ndarray, groups: np.ndarray) -> tuple[str, str]:
    """Platt or isotonic, by their log-loss on groups left out, and the figures in words.

    The simpler one, unless the other is better by more than one standard error over groups.
    """
    names, member = np.unique(groups, return_inverse=True)
    share = np.bincount(member, labels == 1) / np.bincount(member)
    fold = np.empty(len(names), int)
    fold[np.argsort(share, kind="stable")] = np.arange(len(names)) % FOLDS
    losses = np.empty((2, len(labels)))
    for number in range(FOLDS):
        out = fold[member] == number
        kept = labels[~out], logits[~out]
        temperature, shift = _platt(*kept, _temperature(*kept))
        knots = _isotonic(*kept)
        scaled = logistic(logits[out] / temperature + shift)
        stepped = interpolate(logits[out], knots["logit"], knots["probability"])
        losses[:, out] = [cell_losses(labels[out], values) for values in (scaled, stepped)]
    gains = np.bincount(member, losses[0] - losses[1]) / np.bincount(member)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    order = ("isotonic", "platt") if gains.mean() > error else ("platt", "isotonic")
    of = dict(zip(("platt", "isotonic"), losses.mean(axis=1), strict=True))
    chosen, other = order
    words = f", log-loss on groups left out {of[chosen]:.3f}, of {NAMES[other]} {of[other]:.3f}"
    return chosen, words


def cell_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Log-loss of each cell, (N,); a stated certainty counts as one in a million million."""
    right = np.where(labels == 1, probabilities, 1 - np.asarray(probabilities))
    return -np.log(np.maximum(right, 1e-12))


def _fitted_on(labels: np.ndarray, logits: np.ndarray, groups: np.ndarray) -> dict[str, int | str]:
    seen = hashlib.sha256()
    for values in (labels.astype(np.int8), logits.astype("<f8")):
        seen.update(values.tobytes())
    seen.update("\n".join(map(str, groups)).encode())
    by_class = {f"groups_{name.lower()}": n for name, n in groups_of(labels, groups).items()}
    facts = {"cells": len(labels), "groups": len(np.unique(groups)), **by_class}
    return facts | {"sha256": seen.hexdigest()}


def _curves(
    labels: np.ndarray, logits: np.ndarray, groups: np.ndarray, temperature: float
) -> dict[str, list[float]] | None:
    """The curves that `interval` looks up; None with fewer than 3 groups of a class."""
    if min(groups_of(labels, groups).values()) < MIN_GROUPS:
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
    fewest = min(groups_of(labels, groups).values())
    half_width = bootstrap.reach(fewest) * fits[1:].std(axis=0, ddof=1)
    low, high = logistic(fits[0] - half_width), logistic(fits[0] + half_width)
    curves = {"logit": knots, "low": low, "high": high}
    return {name: np.round(curve, 5).tolist() for name, curve in curves.items()}


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
