"""The results of a sweep: results.json."""

from typing import ClassVar, Self

from pydantic import model_validator

from core.documents import Document, Section
from core.metrics.estimate import Estimate
from core.runs.config import Setting
from core.runs.metrics import MetricValues, PartMetrics
from core.untrusted.fields import Count, Line, Message


class FoldMetrics(MetricValues):
    """The metrics of the test part of a fold's run."""

    fold: Count
    run: Line
    images: Count
    groups: Count


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
    """The results of the finished folds on their test parts.

    metrics: by name. pooled: of all cells together, each called by the fold that was not trained on
    it; None before the last fold, and if the thresholds of the folds differ.
    """

    SPARSE: ClassVar[bool] = True

    folds: tuple[FoldMetrics, ...]
    metrics: dict[Line, OverFolds]
    pooled: PartMetrics | None
    leaking: bool
    unknown_subjects: Count
    synthetic: bool

    def over_folds(self, name: str) -> OverFolds:
        """A metric of `classification.NAMES`; unknown where an older version did not measure it."""
        return self.metrics.get(name, OverFolds(mean=None, deviation=None, interval=None))


class Trial(Section):
    """A trial of a search.

    state: finished, pruned or failed. value: its validation cross-entropy if it finished.
    best_so_far: the lowest value up to this trial. settings: by name. runs: those that still exist.
    """

    trial: Count
    state: Line
    value: float | None
    settings: dict[Line, Setting]
    runs: tuple[Line, ...]
    error: Message | None = None
    best_so_far: float | None = None


class SearchResults(Document):
    """The results of a search so far.

    best: the trial of the lowest value. importance: of each setting, see `search.importance`; empty
    before enough trials have finished. folds: the number of folds of each trial.
    """

    SPARSE: ClassVar[bool] = True

    trials: tuple[Trial, ...]
    best: Trial | None
    importance: dict[Line, float]
    folds: Count

    @model_validator(mode="after")
    def _require_best(self) -> Self:
        if self.best and self.best.value is None:
            raise ValueError("its best trial has no value")
        if self.best and not self.trials:
            raise ValueError("it has a best trial and no trials")
        return self
