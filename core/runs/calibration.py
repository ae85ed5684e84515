"""The calibration of a run, calibration.json: from a logit to a probability and a call.

`core.metrics.calibration.fit` makes it; `core.evaluation.operating_point` adds how the threshold
was chosen, the review band, the choice of the user and the calibration as trained. Fields that
files of older versions lack mean that nothing was chosen, or nothing measured.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Optional, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from core.documents import Choices, Document, Section
from core.metrics.calibration import CLOSE, METHODS
from core.metrics.calibration_curves import interpolate, logistic
from core.untrusted.fields import Count, Line, Message, Share

BASES = ("observed", "promised")
_Part = Annotated[float, Field(gt=0, lt=1)]
_MOST_KNOTS = 100_000


def _rising(numbers: tuple[float, ...]) -> tuple[float, ...]:
    if any(b < a for a, b in pairwise(numbers)):
        raise ValueError("its numbers must not fall")
    return numbers


_Logits = Annotated[
    tuple[float, ...], Field(min_length=1, max_length=_MOST_KNOTS), AfterValidator(_rising)
]
_Shares = Annotated[tuple[Share, ...], Field(min_length=1, max_length=_MOST_KNOTS)]


class Knots(Section):
    """Points of the isotonic regression, both coordinates in increasing order."""

    logit: _Logits
    probability: Annotated[_Shares, AfterValidator(_rising)]

    @model_validator(mode="after")
    def _require_pairs(self) -> Self:
        if len(self.logit) != len(self.probability):
            raise ValueError("each logit must have a probability")
        return self


class Band(Section):
    """The ends, by logit, of the 95% interval of the calibrated probability."""

    logit: _Logits
    low: _Shares
    high: _Shares

    @model_validator(mode="after")
    def _require_intervals(self) -> Self:
        if not len(self.logit) == len(self.low) == len(self.high):
            raise ValueError("each logit must have a low and a high end")
        if any(high < low for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError("a low end lies above its high end")
        return self


class FittedOn(Section):
    """The validation part that a calibration was fitted on; sha256 is a digest of its cells."""

    SPARSE: ClassVar[bool] = True

    cells: Count
    groups: Count
    groups_all: Count | None = None
    groups_hem: Count | None = None
    sha256: Line | None = None


class OperatingPoint(Section):
    """How a threshold was chosen.

    missed: share of the validation blasts below it. promised: the share that can be promised for a
    new subject; None if none can be. smallest_promise: the smallest share that so few groups allow.
    """

    SPARSE: ClassVar[bool] = True

    max_missed: Share | None = None
    basis: Annotated[str, Choices(BASES)] | None = None
    groups: Count | None = None
    missed: Share | None = None
    promised: Share | None = None
    smallest_promise: Share | None = None
    reason: Message = ""


class Review(Section):
    """The probabilities sent to review; errors: the share of each class called the other."""

    SPARSE: ClassVar[bool] = True

    low: Share
    high: Share
    target_error: Share | None = None
    basis: Annotated[str, Choices(BASES)] | None = None
    errors: dict[Line, Share] | None = None
    promised: dict[Line, Share | None] | None = None
    smallest_promise: Share | None = None
    reason: Message = ""

    @model_validator(mode="after")
    def _require_band(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low, {self.low:g}, lies above high, {self.high:g}")
        return self


@dataclass(frozen=True)
class Choice:
    """The errors that a user allows; shares in (0, 1).

    max_missed: of the blasts below the threshold; None keeps the threshold of the trained model.
    review_error: of each class called the other outright; None for no review band. calibration:
    one of `METHODS`; None keeps that of the trained model. basis: "observed" or "promised".
    """

    max_missed: _Part | None = None
    review_error: _Part | None = None
    calibration: Annotated[str, Choices(METHODS)] | None = None
    basis: Annotated[str, Choices(BASES)] = "observed"


@dataclass(frozen=True)
class Answer:
    """The result of a model for one cell.

    logit: of ALL, before calibration. probability: P(ALL); interval: [low, high] of it, as
    `Calibration.interval_at` has it, or None. call: ALL, HEM or review. leaning: ALL or HEM, the
    side of the threshold, which is the call unless that is review. close: whether the threshold is
    too near to rely on the side.
    """

    logit: float
    probability: float
    interval: tuple[float, float] | None
    call: str
    leaning: str
    close: bool


class Calibration(Document):
    """Temperature and shift, or knots, the threshold on the probability, and a review band.

    The probability of a logit is 1 / (1 + exp(-(logit / temperature + shift))). reason: how it was
    calibrated, in words. choice: the choice of the user. default: the calibration as trained, if
    the user chose another.
    """

    SPARSE: ClassVar[bool] = True

    method: Annotated[str, Choices(METHODS)] | None = None
    temperature: Annotated[float, Field(ge=1e-6, le=1e6)]
    shift: Annotated[float, Field(ge=-1e6, le=1e6)] = 0.0
    knots: Knots | None = None
    threshold: Share
    reason: Message
    fitted_on: FittedOn | None = None
    interval: Band | None = None
    operating_point: OperatingPoint | None = None
    review: Review | None = None
    choice: Choice | None = None
    default: Optional["Calibration"] = None

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """P(ALL) of each logit, float64 of the same shape; it does not decrease with the logit."""
        values = np.asarray(logits, float)
        if self.knots:
            return interpolate(values, self.knots.logit, self.knots.probability)
        return logistic(values / self.temperature + self.shift)

    def interval_at(self, logit: float, spread: float = 0.0) -> tuple[float, float] | None:
        """95% interval [low, high] of a cell's calibrated probability.

        It is the uncertainty of the calibration from the choice of validation subjects: logistic
        regressions of labels on logits, with offset and slope, are fitted to resamples of the
        groups; their spread is the standard error, on the logit scale, and Student's t the
        interval (see `core.metrics.bootstrap`), which is widened to contain the probability. It is
        not the uncertainty of the label: that of a cell at exactly 0.5 is largest. None if the
        validation part had fewer than 3 groups of a class, or the file is older than intervals.

        `spread` is how far another, independent uncertainty of the logit itself reaches either way;
        the widths of both are added as squares, in log-odds.
        """
        if self.interval is None:
            return None
        probability = float(self.probability(np.array([logit]))[0])
        knots = self.interval.logit
        low = float(np.interp(logit, knots, self.interval.low))
        high = float(np.interp(logit, knots, self.interval.high))
        low, high = min(low, probability), max(high, probability)
        if not spread:
            return low, high
        reaches = self.probability(np.array([logit - spread, logit + spread]))
        middle, *ends = _log_odds(np.array([probability, low, high, *reaches]))
        widths = np.hypot(np.subtract(ends[:2], middle), np.subtract(ends[2:], middle))
        wider = logistic(middle + widths * [-1, 1])
        return float(min(wider[0], low)), float(max(wider[1], high))

    @property
    def uncertain(self) -> tuple[float, float] | None:
        """The probabilities [low, high] whose interval spans the threshold; None if unknown."""
        if self.interval is None:
            return None
        knots, lows, highs = (
            np.array(curve)
            for curve in (self.interval.logit, self.interval.low, self.interval.high)
        )
        probabilities = self.probability(knots)
        # The first logit whose upper end reaches the threshold, and the last whose lower end does.
        highs = np.maximum.accumulate(np.maximum(highs, probabilities))
        lows = np.minimum.accumulate(np.minimum(lows, probabilities)[::-1])[::-1]
        first, last = (np.interp(self.threshold, curve, knots) for curve in (highs, lows))
        # Beyond the knots the curves go on level.
        low = 0.0 if highs[0] >= self.threshold else float(self.probability(first))
        high = 1.0 if lows[-1] <= self.threshold else float(self.probability(last))
        return low, high

    def answer(self, logit: float, spread: float = 0.0) -> Answer:
        """Probability, interval and call of a logit; `spread` as in `interval_at`."""
        probability = float(self.probability(np.array(logit)))
        return Answer(
            logit=logit,
            probability=probability,
            interval=self.interval_at(logit, spread),
            call=self.call(probability),
            leaning=self.leaning(probability),
            close=self.close(probability),
        )

    def leaning(self, probability: float) -> str:
        """The side of the threshold: ALL at or above it, else HEM."""
        return "ALL" if probability >= self.threshold else "HEM"

    def call(self, probability: float) -> str:
        """ALL or HEM; "review" within the review band [low, high], if there is one."""
        band = self.band
        if band and band.low <= probability <= band.high:
            return "review"
        return self.leaning(probability)

    @property
    def band(self) -> Review | None:
        """The review band; None if there is none or it is empty (low and high are equal)."""
        return self.review if self.review and self.review.low < self.review.high else None

    def close(self, probability: float) -> bool:
        """Whether the log-odds differ from the threshold's by less than 0.2 (5 % near 0.5)."""
        odds = _log_odds(np.array([probability, self.threshold]))
        return bool(abs(odds[0] - odds[1]) < CLOSE)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    certain = np.clip(probabilities, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(certain / (1 - certain)))
