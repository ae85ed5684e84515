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
    "pr_auc": "PR AUC",
    "brier": "Probability error",
    "ece": "Calibration error",
}
# At a prevalence that the user sets; a test part has none of its own.
PREDICTIVE = {"ppv": "PPV", "npv": "NPV"}
LOWER_IS_BETTER = ("brier", "ece")
BINS = 10  # of equal width over [0, 1], for the ECE and the reliability diagram


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


def predictive_values(
    sensitivity: np.ndarray, specificity: np.ndarray, prevalence: float
) -> dict[str, np.ndarray]:
    """PPV and NPV by Bayes' rule, arrays of any one shape, NaN where no call of the kind is made.

    Among cells of which the share `prevalence` is ALL. Raises `DataError` unless 0 < it < 1.
    """
    if not 0 < prevalence < 1:
        raise DataError(f"The prevalence is {prevalence}; it must lie between 0 and 1.")
    sensitivity, specificity = np.asarray(sensitivity, float), np.asarray(specificity, float)
    found, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    spared, accused = specificity * (1 - prevalence), (1 - specificity) * (1 - prevalence)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"ppv": found / (found + accused), "npv": spared / (spared + missed)}


def confusion(labels: np.ndarray, calls: np.ndarray) -> np.ndarray:
    """Counts (4,) as `rates` takes them; `labels` and `calls` are 0 or 1, (N,)."""
    return np.array(
        [((calls == c) & (labels == y)).sum() for c, y in ((1, 1), (1, 0), (0, 1), (0, 0))]
    )


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve; None unless both classes are there.

    The share of (ALL, HEM) pairs in the right order, a tie counting half.
    """
    positives, negatives = _by_score(labels, scores)
    if not positives.sum() or not negatives.sum():
        return None
    below = np.cumsum(negatives) - negatives / 2
    return float(positives @ below / (positives.sum() * negatives.sum()))


def pr_auc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the precision-recall curve of ALL; None unless both classes are there.

    Average precision: each step of the curve at its own precision, without interpolation (Davis
    and Goadrich, The Relationship Between Precision-Recall and ROC Curves, ICML 2006).
    """
    positives, negatives = (counts[::-1] for counts in _by_score(labels, scores))
    if not positives.sum() or not negatives.sum():
        return None
    found, called = np.cumsum(positives), np.cumsum(positives + negatives)
    return float((positives * found / called).sum() / positives.sum())


def _by_score(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of ALL and of HEM at each distinct score, rising."""
    distinct, place = np.unique(scores, return_inverse=True)
    counts = np.bincount(2 * place + (np.asarray(labels) == 1), minlength=2 * len(distinct))
    return counts[1::2], counts[::2]


def bin_of(probabilities: np.ndarray) -> np.ndarray:
    """The number of each probability's bin, 0..BINS-1; an edge belongs to the bin above, 1 to the
    last.
    """
    bins: np.ndarray = np.minimum((np.asarray(probabilities, float) * BINS).astype(int), BINS - 1)
    return bins


def bin_sums(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Cells, summed probabilities and ALL cells of each bin, float64 (BINS, 3)."""
    place = bin_of(probabilities)
    values = (np.ones(len(place)), probabilities, labels)
    return np.stack([np.bincount(place, v, BINS) for v in values], axis=-1)


def ece(sums: np.ndarray) -> np.ndarray:
    """Expected calibration error from (..., BINS, 3) as `bin_sums` gives them.

    The mean over cells of the distance between a bin's mean probability of ALL and its share of
    ALL (Guo et al., On Calibration of Modern Neural Networks, 2017, with P(ALL) for the
    confidence). NaN without cells.
    """
    cells, predicted, observed = np.moveaxis(np.asarray(sums, float), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error: np.ndarray = np.abs(predicted - observed).sum(axis=-1) / cells.sum(axis=-1)
        return error


def measure(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5
) -> dict[str, Any]:
    """All metrics of one part. `labels` 0 or 1 (N,), `probabilities` of ALL in [0, 1] (N,).

    Returns images, all, hem, confusion{tp, fp, fn, tn}, the metrics of `NAMES`, and
    always_all{…}, the same metrics for calling every cell ALL with a probability of 1. Raises
    `DataError` for an empty part, other labels, or probabilities outside [0, 1] (NaN among them).
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
    counts = confusion(labels, (probabilities >= threshold).astype(int))
    return {
        "images": len(labels),
        "all": int((labels == 1).sum()),
        "hem": int((labels == 0).sum()),
        "confusion": dict(zip(("tp", "fp", "fn", "tn"), map(int, counts), strict=True)),
        **metrics(labels, probabilities, threshold),
        "always_all": always_all(labels),
    }


def always_all(labels: np.ndarray) -> dict[str, float | None]:
    """The metrics of `NAMES` of calling every cell ALL with a probability of 1."""
    return metrics(labels, np.ones(len(labels)), 0.5)


def metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> dict[str, float | None]:
    """The metrics of `NAMES` of labels 0 or 1 and probabilities of ALL, both (N,), N > 0."""
    counts = confusion(labels, (probabilities >= threshold).astype(int))
    values: dict[str, float | None] = {
        **{name: _plain(value) for name, value in rates(counts).items()},
        "roc_auc": roc_auc(labels, probabilities),
        "pr_auc": pr_auc(labels, probabilities),
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "ece": _plain(ece(bin_sums(labels, probabilities))),
    }
    return values


def _plain(value: np.ndarray) -> float | None:
    return None if np.isnan(value) else float(value)
