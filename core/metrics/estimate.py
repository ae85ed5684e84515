"""A number and how sure it is."""

from collections.abc import Callable
from dataclasses import dataclass

# Why a number has no interval.
UNDEFINED = "the value is undefined"
TOO_FEW_GROUPS = "a class has images of fewer than 3 groups of subjects"
LEAKING = "the model was, or may have been, trained on images of some of these subjects"
NOT_MEASURED = "the run has no test part that can be read"
UNKNOWN_SUBJECTS = "the subjects of some images are not known"
UNDEFINED_RESAMPLES = "most resamples leave it undefined"
NO_SPREAD = "all resamples agree"
BIASED = "chance raises it, and the more so the fewer images there are"


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval.

    value: None if it is undefined. low, high: the ends of the interval, both None if there is none;
    reason then says why, or is "" if a file of an older version does not say.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def interval(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above zero; False without an interval."""
        return self.low is not None and self.low > 0

    def map(self, function: Callable[[float], float]) -> "Estimate":
        """The estimate of a monotone function of the value, such as its complement."""
        if self.value is None:
            return self
        low, high = sorted(map(function, self.interval)) if self.interval else (None, None)
        return Estimate(function(self.value), low, high, self.reason)
