"""Accuracy and its relatives, each beside what always answering ALL would score.

Undefined values (a rate over no cells, AUC with one class) are None, never 0 or 1.
"""

from typing import Any

import numpy as np

from core.errors import DataError

NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "weighted_f1": "Weighted F1",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "roc_auc": "ROC AUC",
}


def rates(counts: np.ndarray) -> dict[str, np.ndarray]:
    """All threshold metrics from confusion counts, vectorised.

    `counts` is (..., 4): true positives, false positives, false negatives, true negatives, with
    ALL as the positive class. Returns float64 arrays (...), NaN where a rate has no cells.
    Weighted F1 is the mean of both classes' F1 weighted by their true counts.
    """
    tp, fp, fn, tn = np.moveaxis(np.asarray(counts, float), -1, 0)
    positives, negatives = tp + fn, tn + fp
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity, specificity = tp / positives, tn / negatives
        f1_all = np.where(2 * tp + fp + fn > 0, 2 * tp / (2 * tp + fp + fn), 0.0)
        f1_hem = np.where(2 * tn + fp + fn > 0, 2 * tn / (2 * tn + fp + fn), 0.0)
        total = positives + negatives
        return {
            "accuracy": (tp + tn) / total,
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "weighted_f1": (positives * f1_all + negatives * f1_hem) / total,
            "sensitivity": sensitivity,
            "specificity": specificity,
        }


def confusion(labels: np.ndarray, calls: np.ndarray) -> np.ndarray:
    """Counts (4,) as `rates` takes them; `labels` and `calls` are 0 or 1, (N,)."""
    return np.array(
        [((calls == c) & (labels == y)).sum() for c, y in ((1, 1), (1, 0), (0, 1), (0, 0))]
    )


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve; None unless both classes are there."""
    from sklearn.metrics import roc_auc_score

    if len(np.unique(labels)) < 2:
        return None
    return float(roc_auc_score(labels, scores))


def measure(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5
) -> dict[str, Any]:
    """All metrics of one part. `labels` 0 or 1 (N,), `probabilities` of ALL in [0, 1] (N,).

    Returns images, all, hem, confusion{tp, fp, fn, tn}, the metrics of `NAMES`, and
    always_all{…}, the same metrics for calling every cell ALL. Raises `DataError` for an empty
    part, other labels, or probabilities outside [0, 1] (NaN among them).
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    if labels.shape != probabilities.shape or labels.ndim != 1 or not len(labels):
        raise DataError(
            f"Metrics need as many labels as probabilities, at least one of each; got "
            f"{labels.shape} and {probabilities.shape}."
        )
    if not np.isin(labels, (0, 1)).all():
        raise DataError("Labels must be 0 (HEM) or 1 (ALL).")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise DataError("Probabilities must lie in [0, 1]; some do not, or are NaN.")
    area = roc_auc(labels, probabilities)
    counts = confusion(labels, (probabilities >= threshold).astype(int))
    always = confusion(labels, np.ones_like(labels))
    return {
        "images": len(labels),
        "all": int((labels == 1).sum()),
        "hem": int((labels == 0).sum()),
        "confusion": dict(zip(("tp", "fp", "fn", "tn"), map(int, counts), strict=True)),
        **_plain(rates(counts)),
        "roc_auc": area,
        "always_all": {**_plain(rates(always)), "roc_auc": None if area is None else 0.5},
    }


def _plain(values: dict[str, np.ndarray]) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else float(value) for name, value in values.items()}
