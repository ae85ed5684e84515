"""Whether probabilities mean what they say: the reliability curve and scores of it."""

import numpy as np

from core.metrics import calibration, classification

SCORES = {
    "log_loss": "Prediction error",
    "brier": "Probability error",
    "ece": "Calibration error",
}


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Log-loss, Brier score and expected calibration error; labels 0 or 1, both (N,), N > 0.

    ECE over ten bins of equal width (Guo et al. 2017, equation 3). Lower is better for each.
    """
    return {
        "log_loss": float(calibration.cell_losses(labels, probabilities).mean()),
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "ece": float(classification.ece(classification.bin_sums(labels, probabilities))),
    }


def curve(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """Of each bin with cells: cells, stated (mean probability) and observed (share of ALL)."""
    sums = classification.bin_sums(labels, probabilities)
    return [
        {"cells": int(cells), "stated": float(stated / cells), "observed": float(found / cells)}
        for cells, stated, found in sums[sums[:, 0] > 0]
    ]
