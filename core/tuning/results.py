"""What a sweep found: results.json, as types."""

from typing import Any, ClassVar

from core.documents import Document, Section
from core.metrics.estimate import Estimate
from core.runs.metrics import MetricValues, PartMetrics


class FoldMetrics(MetricValues):
    """The metrics of the test part of a fold's run."""

    fold: int
    run: str
    images: int
    groups: int


class OverFolds(Section):
    """Mean, sample standard deviation and 95% interval of a metric over the folds."""

    mean: float | None
    deviation: float | None
    interval: tuple[float, float] | None

    @property
    def estimate(self) -> Estimate:
        """The mean with its interval."""
        low, high = self.interval or (None, None)
        return Estimate(
            self.mean, low, high, "" if self.interval else "too few folds, or all alike"
        )


class CrossValidationResults(Document):
    """What the finished folds measured on their test parts.

    metrics: by name. pooled: of all cells together, each called by the fold that had not seen it;
    None before the last fold, and if the folds' thresholds differ.
    """

    SPARSE: ClassVar[bool] = True

    folds: tuple[FoldMetrics, ...]
    metrics: dict[str, OverFolds]
    pooled: PartMetrics | None
    leaking: bool
    unknown_subjects: int
    synthetic: bool


class Trial(Section):
    """A trial of a search.

    state: finished, pruned or failed. value: its validation cross-entropy if it finished.
    best_so_far: the lowest value up to it. settings: by name. runs: those that are still there.
    """

    trial: int
    state: str
    value: float | None
    settings: dict[str, Any]
    runs: tuple[str, ...]
    error: str | None = None
    best_so_far: float | None = None


class SearchResults(Document):
    """What a search found so far.

    best: the trial of the lowest value. importance: the share of each setting in what made good
    trials good; empty before enough trials have finished. folds: of each trial.
    """

    SPARSE: ClassVar[bool] = True

    trials: tuple[Trial, ...]
    best: Trial | None
    importance: dict[str, float]
    folds: int
