"""What the calls and probabilities of a model were worth on the test part of its run."""

from dataclasses import dataclass

import numpy as np

from core.errors import RunError
from core.evaluation.test_set import TestSet
from core.metrics import bootstrap, classification, prevalence
from core.metrics.estimate import (
    LEAKING,
    NOT_MEASURED,
    TOO_FEW_GROUPS,
    UNKNOWN_SUBJECTS,
    Estimate,
)
from core.metrics.prevalence import CallRates
from core.runs.run_store import Run

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


@dataclass(frozen=True)
class KnownRates:
    """How often a model calls cells of unseen patients ALL; or None, and `lack` says why.

    synthetic: whether those patients were drawn.
    """

    rates: CallRates | None
    lack: str = ""
    synthetic: bool = False


def call_rates(run: Run) -> KnownRates:
    """The rates of a run's threshold on its test part."""
    try:
        test = TestSet.load(run)
    except RunError:
        return KnownRates(None, NOT_MEASURED)
    if test.groups is None or test.leaking:
        return KnownRates(None, UNKNOWN_SUBJECTS if test.groups is None else LEAKING)
    rates = prevalence.call_rates(test.labels, test.calls, test.groups)
    return KnownRates(rates, "" if rates else TOO_FEW_GROUPS, test.synthetic)


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
    blasts = bootstrap.estimate(share, replicates, drawn.reach() if drawn else 0.0, lack=test.lack)
    return CallRecord(call, int(called.sum()), blasts)


def _bias(test: TestSet) -> Estimate:
    labels, probabilities, drawn = test.labels, test.probabilities, test.resamples
    share = float(labels.mean())
    replicates = None
    if drawn is not None and 0 < share < 1:
        sides = np.stack([labels == 1, labels == 0], axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            means = drawn.sums(sides * probabilities[:, None]) / drawn.sums(sides)
        replicates = means @ [share, 1 - share] - share
    return bootstrap.estimate(
        float(probabilities.mean()) - share,
        replicates,
        drawn.reach() if drawn else 0.0,
        share=False,
        lack=test.lack,
    )
