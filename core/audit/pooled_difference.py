"""The difference of two cross-validated results on the same cells, with its interval."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.errors import DataError
from core.metrics import bootstrap, classification
from core.metrics.bootstrap import Resampling
from core.metrics.estimate import Estimate

METRICS = ("roc_auc", "balanced_accuracy")


@dataclass(frozen=True)
class MetricPair:
    """A metric of both results, and `first` minus `second` with its interval."""

    first: float
    second: float
    difference: Estimate

    def to_json(self) -> dict[str, float | tuple[float, float] | None]:
        return {
            "first": self.first,
            "second": self.second,
            "difference": self.difference.value,
            "interval": self.difference.interval,
        }


@dataclass(frozen=True)
class PooledDifference:
    """The difference of two results on the same cells, in each metric of `METRICS`."""

    cells: int
    groups: int
    metrics: dict[str, MetricPair]


def difference(first: pd.DataFrame, second: pd.DataFrame, *, seed: int = 0) -> PooledDifference:
    """Computes `first` minus `second`, tables with one row a cell.

    Columns: image_id, group, label (0 or 1), probability of ALL in [0, 1], call (0 or 1), and
    fold, the training of the row.

    The 95% interval comes from resampled groups, the same for both results, so that the difficulty
    of a group cancels. It is None with fewer than 3 groups of a class, or if
    all resamples are equal; see `bootstrap.estimate`. The ROC AUC is the share of (ALL, HEM) pairs
    within one fold that are in the right order, because probabilities of two trainings can differ
    in scale (Forman and Scholz, Apples-to-Apples in Cross-Validation
    Studies, SIGKDD Explorations 12, 2010).

    Raises `DataError` unless both tables have the same cells with the same labels and groups.
    """
    ours, theirs = (table.sort_values("image_id", ignore_index=True) for table in (first, second))
    columns = ["image_id", "label", "group"]
    if not ours[columns].equals(theirs[columns]) or ours["image_id"].duplicated().any():
        raise DataError(
            f"The two results are of different cells ({len(ours)} and {len(theirs)} rows), so they "
            "cannot be compared cell by cell. Train both anew on the data set as it is now."
        )
    if ours["group"].isna().any():
        raise DataError(
            f"The subjects of {int(ours['group'].isna().sum())} cells are not known, so no interval"
            " over subjects can be given. Give the data set with the subject of each cell."
        )
    groups, labels = ours["group"].to_numpy(str), ours["label"].to_numpy()
    resamples = _with_original(bootstrap.resample(labels, groups, seed=seed))
    enough = len(np.unique(labels)) == 2 and bootstrap.tells(labels, groups)
    metrics = {}
    for name, compute in zip(METRICS, (_areas, _balanced_accuracies), strict=True):
        minuends, subtrahends = compute(ours, resamples), compute(theirs, resamples)
        gaps = minuends - subtrahends
        estimate = bootstrap.estimate(
            float(gaps[0]), gaps[1:] if enough else None, resamples.reach(), share=False
        )
        metrics[name] = MetricPair(float(minuends[0]), float(subtrahends[0]), estimate)
    return PooledDifference(len(ours), len(resamples.names), metrics)


def _with_original(resamples: Resampling) -> Resampling:
    once = np.ones((1, len(resamples.names)))
    return replace(resamples, draws=np.vstack([once, resamples.draws]))


def _areas(table: pd.DataFrame, resamples: Resampling) -> np.ndarray:
    """The share of pairs of one fold in the right order, (R,); NaN without pairs."""
    right, pairs = np.zeros(len(resamples.draws)), np.zeros(len(resamples.draws))
    for fold in np.unique(table["fold"]):
        rows = (table["fold"] == fold).to_numpy()
        labels, scores = (table[name].to_numpy()[rows] for name in ("label", "probability"))
        within = replace(resamples, member=resamples.member[rows])
        classes = within.sums(np.stack([labels == 1, labels == 0], axis=-1))
        of_fold = classes.prod(axis=1)
        area = bootstrap.roc_auc(within, labels, scores)
        right += np.where(of_fold > 0, area, 0) * of_fold
        pairs += of_fold
    with np.errstate(invalid="ignore"):
        return right / pairs


def _balanced_accuracies(table: pd.DataFrame, resamples: Resampling) -> np.ndarray:
    """The balanced accuracy of all folds together in each resample, (R,)."""
    labels, calls = table["label"].to_numpy(), table["call"].to_numpy()
    kinds = ((1, 1), (1, 0), (0, 1), (0, 0))
    counts = np.stack([(calls == c) & (labels == y) for c, y in kinds], axis=-1)
    return classification.rates(resamples.sums(counts))["balanced_accuracy"]
