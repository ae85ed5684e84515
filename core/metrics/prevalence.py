"""The share of blasts among the cells of a patient, corrected for the errors of the calls.

Source of the corrected share: Rogan and Gladen, Estimating prevalence from the results of a
screening test, American Journal of Epidemiology 107, 1978, equation 1.
"""

from dataclasses import dataclass

import numpy as np

from core.metrics.bootstrap import MIN_GROUPS, NORMAL_REACH
from core.metrics.estimate import TOO_FEW_GROUPS, Estimate

# Of the rates of one patient. With the error of counting cells, an interval then holds in 95%.
RATES_LEVEL = 0.97
LEAST_SENSE = 0.1  # of sensitivity + specificity - 1: below, calls are little better than chance
TOO_NEAR_CHANCE = "sensitivity and specificity add up to little more than 1, as those of chance do"
GRID = np.linspace(0, 1, 201)  # of true shares


@dataclass(frozen=True)
class Rate:
    """How often cells of a class are called ALL, 0..1.

    mean: of all cells. low, high: between them lies the rate of a new patient.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class CallRates:
    """How often blasts, and other cells, of unseen patients are called ALL."""

    sensitivity: Rate
    false_alarms: Rate


def call_rates(labels: np.ndarray, calls: np.ndarray, groups: np.ndarray) -> CallRates | None:
    """The rates of labels and calls, 0 or 1, of cells of `groups`, all (N,).

    None if a class has cells of fewer than 3 groups.
    """
    sides = [labels == 1, labels == 0]
    if min(len(np.unique(groups[side])) for side in sides) < MIN_GROUPS:
        return None
    return CallRates(*(_rate(calls[side], groups[side]) for side in sides))


def _rate(calls: np.ndarray, groups: np.ndarray) -> Rate:
    """The rate of cells of one class; for a new patient by the prediction interval of Student's t.

    It is that of the logits of the groups' rates, each with half a cell added to both sides.
    """
    from scipy.special import expit, logit, stdtrit

    _, member = np.unique(groups, return_inverse=True)
    cells, called = np.bincount(member), np.bincount(member, calls)
    logits = logit((called + 0.5) / (cells + 1))
    number = len(cells)
    quantile = stdtrit(number - 1, (1 + RATES_LEVEL) / 2)
    half_width = quantile * logits.std(ddof=1) * np.sqrt(1 + 1 / number)
    low, high = expit(logits.mean() - half_width), expit(logits.mean() + half_width)
    return Rate(float(calls.mean()), float(low), float(high))


def corrected_share(
    called: int,
    cells: int,
    rates: CallRates | None,
    design_effect: float = 1.0,
    lack: str = TOO_FEW_GROUPS,
) -> Estimate:
    """The share of blasts among `cells` cells of a patient of which `called` were called ALL.

    Its interval holds the true shares under which so many calls are likely: the rates of this
    patient lie anywhere in those of a new one, high or low for both classes at once, and the count
    of cells has its own error, as of `cells / design_effect` cells. Both errors are joined as the
    method of variance estimates recovery does (Zou and Donner, Construction of confidence limits
    about effect measures, Statistics in Medicine 27, 2008). There is no share without `rates`
    (`lack` says why there are none), and none if these are near those of chance. `cells` is above
    0.
    """
    if rates is None:
        return Estimate(None, reason=lack)
    found, false = rates.sensitivity, rates.false_alarms
    if found.mean - false.mean < LEAST_SENSE:
        return Estimate(None, reason=TOO_NEAR_CHANCE)
    share = called / cells
    value = float(np.clip((share - false.mean) / (found.mean - false.mean), 0, 1))
    expected, lowest, highest = (
        GRID * getattr(found, end) + (1 - GRID) * getattr(false, end)
        for end in ("mean", "low", "high")
    )
    counting = NORMAL_REACH**2 * expected * (1 - expected) * design_effect / cells
    below = expected - np.sqrt(np.maximum(expected - lowest, 0) ** 2 + counting)
    above = expected + np.sqrt(np.maximum(highest - expected, 0) ** 2 + counting)
    likely = GRID[(below <= share) & (share <= above)]
    ends = (likely.min(), likely.max()) if len(likely) else (value, value)
    return Estimate(value, float(min(ends[0], value)), float(max(ends[1], value)))
