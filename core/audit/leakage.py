"""The leakage meter: how much of the result of a recipe is recognition of patients.

The recipe is trained over folds by image, where patients of test cells are also trained on, and
over folds by group, where they are not. Both have the same number of trainings of the same size,
and test every cell once, so that their difference is due to the known patients.
"""

from dataclasses import dataclass, field

from core.audit import pooled_difference
from core.audit.ablations import is_synthetic, tested
from core.audit.pooled_difference import MetricPair, PooledDifference
from core.documents import INLINE
from core.runs.run_store import Run

METRIC = "balanced_accuracy"


@dataclass(frozen=True)
class Leakage:
    """The difference between both splits of a recipe; first: by image, second: by subject."""

    difference: PooledDifference = field(metadata=INLINE)
    folds: int
    synthetic: bool

    @property
    def gap(self) -> MetricPair:
        """The headline metric of both."""
        return self.difference.metrics[METRIC]

    @property
    def doubt(self) -> bool | None:
        """Whether the gap's interval lies above zero; None without an interval."""
        estimate = self.gap.difference
        return None if estimate.interval is None else estimate.above_zero


def measure(by_image: list[Run], by_subject: list[Run]) -> Leakage:
    """Compares the finished runs of all folds. Raises `DataError` if the cells differ."""
    difference = pooled_difference.difference(tested(by_image), tested(by_subject))
    return Leakage(difference, len(by_subject), is_synthetic(by_subject))
