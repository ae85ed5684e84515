"""Fits how a logit becomes a probability, on the validation part.

The result is applied and stored by `core.runs.calibration.Calibration`.
"""

import hashlib
from typing import NotRequired, TypedDict

import numpy as np

from core.errors import ConfigError
from core.metrics import bootstrap, calibration_curves

METHODS = ("temperature", "platt", "isotonic", "none")
NAMES = {
    "temperature": "temperature scaling",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression",
}
MIN_IMAGES = 50
# With fewer groups of a class a shift learns which patients happen to be there.
PLATT_GROUPS = 5
# Isotonic regression has as many parameters as steps. With few subjects it learns these.
ISOTONIC_IMAGES = 500
ISOTONIC_GROUPS = 10
FOLDS = 5
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
    labels: np.ndarray,
    logits: np.ndarray,
    groups: np.ndarray,
    *,
    method: str | None = None,
    items: str = "cells",
) -> FittedCalibration:
    """Calibration on the validation part, whose arrays are (N,); `items` is what they are called.

    None as method chooses by what there is. Too few cells: none. Fewer than 5 groups of a class:
    temperature scaling (Guo et al. 2017, equation 9). Else Platt scaling (Platt 1999, equation 1),
    whose shift also mends what class weights do to the frequency of the classes. Isotonic
    regression (Zadrozny and Elkan 2002) where there are at least 500 cells of 10 groups of each
    class and it has, on groups left out, a lower log-loss by more than one standard error. Raises
    `ConfigError` for a method that is unknown or lacks cells.
    """
    labels, logits, groups = np.asarray(labels), np.asarray(logits, float), np.asarray(groups)
    method, reason = _choose(labels, logits, groups, method, items)
    temperature, shift = 1.0, 0.0
    if method in ("temperature", "platt"):
        temperature = calibration_curves.temperature(labels, logits)
    interval = calibration_curves.interval(labels, logits, groups, temperature)
    if method == "platt":
        temperature, shift = calibration_curves.platt(labels, logits, temperature)
    fitted = FittedCalibration(
        method=method,
        temperature=temperature,
        shift=shift,
        threshold=0.5,
        reason=reason,
        fitted_on=_fitted_on(labels, logits, groups),
        interval=interval,
        operating_point=None,
        review=None,
    )
    if method == "isotonic":
        fitted["knots"] = calibration_curves.isotonic(labels, logits)
    return fitted


def _choose(
    labels: np.ndarray, logits: np.ndarray, groups: np.ndarray, method: str | None, items: str
) -> tuple[str, str]:
    """The method of a calibration, and the sentence on what it is fitted to. Raises as `fit`."""
    lack, comparison = _lack(labels, groups, items), ""
    if method is None:
        if lack:
            return "none", f"not calibrated: {lack}"
        method = "temperature" if _platt_lack(labels, groups, items) else "platt"
        if not _isotonic_lack(labels, groups, items):
            method, comparison = _better(labels, logits, groups)
    elif method not in METHODS:
        raise ConfigError(f"{method!r} is not a calibration. Choose one of {', '.join(METHODS)}.")
    elif method == "none":
        return "none", "not calibrated, by choice"
    else:
        more = {"platt": _platt_lack, "isotonic": _isotonic_lack}.get(method)
        lack = lack or (more(labels, groups, items) if more else None)
        if lack:
            raise ConfigError(f"Calibration {method!r} cannot be fitted: {lack}. Choose another.")
    on = f"calibrated on {len(labels)} validation {items} from {len(np.unique(groups))} groups"
    return method, f"{on} ({NAMES[method]}{comparison})"


def _lack(labels: np.ndarray, groups: np.ndarray, items: str) -> str | None:
    number, clusters = len(labels), len(np.unique(groups))
    if number >= MIN_IMAGES and clusters >= bootstrap.MIN_GROUPS and len(np.unique(labels)) == 2:
        return None
    return (
        f"the validation part has {number} {items} from {clusters} "
        f"{'group' if clusters == 1 else 'groups'}; at least {MIN_IMAGES} {items} of both classes "
        f"from {bootstrap.MIN_GROUPS} groups are needed"
    )


def groups_of(labels: np.ndarray, groups: np.ndarray) -> dict[str, int]:
    """How many groups have cells of each class."""
    return {name: len(np.unique(groups[labels == y])) for name, y in (("ALL", 1), ("HEM", 0))}


def _platt_lack(labels: np.ndarray, groups: np.ndarray, items: str) -> str | None:
    by_class = groups_of(labels, groups)
    if min(by_class.values()) >= PLATT_GROUPS:
        return None
    return (
        f"the {items} of the validation part have {by_class['ALL']} groups with ALL and "
        f"{by_class['HEM']} with HEM; Platt scaling needs {PLATT_GROUPS} of each"
    )


def _isotonic_lack(labels: np.ndarray, groups: np.ndarray, items: str) -> str | None:
    number, by_class = len(labels), groups_of(labels, groups)
    if number >= ISOTONIC_IMAGES and min(by_class.values()) >= ISOTONIC_GROUPS:
        return None
    return (
        f"the validation part has {number} {items}, of {by_class['ALL']} groups with ALL and "
        f"{by_class['HEM']} with HEM; isotonic regression needs {ISOTONIC_IMAGES} {items} and "
        f"{ISOTONIC_GROUPS} groups of each"
    )


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
        temperature, shift = calibration_curves.platt(*kept, calibration_curves.temperature(*kept))
        knots = calibration_curves.isotonic(*kept)
        scaled = calibration_curves.logistic(logits[out] / temperature + shift)
        stepped = calibration_curves.interpolate(logits[out], knots["logit"], knots["probability"])
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
