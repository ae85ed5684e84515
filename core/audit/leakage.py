"""The leakage meter: how much of a recipe's result is recognition of patients.

One recipe is trained over folds dealt by image, so that a test cell's patient is among those
trained on, and over folds dealt by group, so that it is not. Trainings are as many and as large in
both, and every cell is tested once in each: what is left between them is knowing the patient.
"""

from dataclasses import dataclass
from typing import Any

from core.audit import pooled_difference
from core.audit.ablations import is_synthetic, tested
from core.audit.pooled_difference import MetricPair, PooledDifference
from core.runs.run_store import Run

METRIC = "balanced_accuracy"


@dataclass(frozen=True)
class Leakage:
    """The gap between both splits of one recipe; first: by image, second: by subject."""

    difference: PooledDifference
    folds: int
    synthetic: bool

    @property
    def gap(self) -> MetricPair:
        """Of the headline metric."""
        return self.difference.metrics[METRIC]

    @property
    def doubt(self) -> bool | None:
        """Whether the gap's interval lies above zero; None without an interval."""
        estimate = self.gap.difference
        return None if estimate.interval is None else estimate.above_zero

    def to_json(self) -> dict[str, Any]:
        more = {"folds": self.folds, "synthetic": self.synthetic}
        return self.difference.to_json() | more


def measure(by_image: list[Run], by_subject: list[Run]) -> Leakage:
    """The gap, from the finished runs of all folds. Raises `DataError` if the cells differ."""
    difference = pooled_difference.difference(tested(by_image), tested(by_subject))
    return Leakage(difference, len(by_subject), is_synthetic(by_subject))
