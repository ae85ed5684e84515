"""What the calls and probabilities of a model were worth on the test part of its run."""

from dataclasses import dataclass

import numpy as np

from core.evaluation.test_set import TestSet
from core.metrics import bootstrap, classification
from core.metrics.estimate import TOO_FEW_GROUPS, UNKNOWN_SUBJECTS, Estimate

CALLS = ("ALL", "HEM")
NOTABLE_BIAS = 0.05


@dataclass(frozen=True)
class CallRecord:
    """The test cells that were called `call` without review.

    cells: their number. blasts: the share of blasts among them, a predictive value, with the
    interval that holds where the classes are as frequent as in the test part.
    """

    call: str
    cells: int
    blasts: Estimate


@dataclass(frozen=True)
class TrackRecord:
    """The record of a model on its test part.

    calls: by call, ALL and HEM. prevalence: the share of blasts in the test part. bias: the mean
    probability of ALL less that share; its interval is of the same frequencies.
    """

    prevalence: float
    calls: dict[str, CallRecord]
    bias: Estimate

    @property
    def biased(self) -> bool:
        """Whether probabilities run too high or too low.

        That is so if the bias is at least `NOTABLE_BIAS` either way, and the whole interval lies on
        its side of 0.
        """
        value, interval = self.bias.value, self.bias.interval
        if value is None or interval is None or abs(value) < NOTABLE_BIAS:
            return False
        return interval[0] > 0 or interval[1] < 0


def measure(test: TestSet) -> TrackRecord:
    """The track record by the stored operating point, review band included."""
    calibration = test.run.calibration
    called = np.array([calibration.call(value) for value in test.probabilities])
    return TrackRecord(
        prevalence=float(test.labels.mean()),
        calls={call: _record(test, call, called == call) for call in CALLS},
        bias=_bias(test),
    )


def _record(test: TestSet, call: str, called: np.ndarray) -> CallRecord:
    """The share of blasts by Bayes' rule from the shares of each class that are called so."""
    labels, drawn = test.labels, test.resamples
    share = float(labels[called].mean()) if called.any() else None
    replicates = None
    if drawn is not None and 0 < labels.mean() < 1:
        rates = bootstrap.replicates(drawn, labels, called.astype(float), 0.5)
        replicates = classification.predictive_values(
            rates["sensitivity"], rates["specificity"], float(labels.mean())
        )["ppv"]
    return CallRecord(call, int(called.sum()), bootstrap.estimate(share, replicates, _lack(test)))


def _bias(test: TestSet) -> Estimate:
    labels, probabilities, drawn = test.labels, test.probabilities, test.resamples
    share = float(labels.mean())
    replicates = None
    if drawn is not None and 0 < share < 1:
        sides = np.stack([labels == 1, labels == 0], axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = drawn.sums(sides * probabilities[:, None]) / drawn.sums(sides)
        replicates = means @ [share, 1 - share] - share
    return bootstrap.estimate(float(probabilities.mean()) - share, replicates, _lack(test))


def _lack(test: TestSet) -> str:
    return UNKNOWN_SUBJECTS if test.groups is None else TOO_FEW_GROUPS
