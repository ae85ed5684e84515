"""From a logit to a probability and a call: the contract stored as `calibration.json`."""

from typing import Any

import numpy as np

# Wider, and cells that happen to be separable would drive the temperature to its bound.
TEMPERATURES = (0.5, 10.0)
MIN_IMAGES = 50
MIN_GROUPS = 3


def fit(labels: np.ndarray, logits: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Temperature scaling on the validation part (Guo et al. 2017, equation 9).

    All arrays are (N,). Returns method ("temperature" or "none"), temperature, threshold, and
    reason: what it was fitted on, or why it was not fitted.
    """
    contract = {"method": "none", "temperature": 1.0, "threshold": 0.5}
    number, clusters = len(labels), len(np.unique(groups))
    if number < MIN_IMAGES or clusters < MIN_GROUPS or len(np.unique(labels)) < 2:
        reason = (
            f"not calibrated: the validation part has {number} cells from {clusters} groups; "
            f"at least {MIN_IMAGES} cells of both classes from {MIN_GROUPS} groups are needed"
        )
        return contract | {"reason": reason}
    from scipy.optimize import minimize_scalar

    signs = np.where(labels == 1, 1.0, -1.0)
    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda log_t: np.logaddexp(0, -signs * logits / np.exp(log_t)).mean(),
        bounds=(low, high),
        method="bounded",
    )
    reason = f"calibrated on {number} validation cells from {clusters} groups (temperature scaling)"
    temperature = float(np.exp(found.x))
    return contract | {"method": "temperature", "temperature": temperature, "reason": reason}


def probability(logits: np.ndarray, contract: dict[str, Any]) -> np.ndarray:
    """P(ALL) of each logit, float64, same shape."""
    scaled = np.asarray(logits, float) / contract["temperature"]
    return np.exp(-np.logaddexp(0, -scaled))


def call(probability: float, contract: dict[str, Any]) -> str:
    """ALL at or above the threshold, else HEM."""
    return "ALL" if probability >= contract["threshold"] else "HEM"
