"""The corrected share of blasts, by hand and by what must hold of it."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t as students_t

from core.metrics.estimate import LEAKING
from core.metrics.prevalence import (
    TOO_NEAR_CHANCE,
    CallRates,
    Rate,
    call_rates,
    corrected_share,
)

GOOD = CallRates(Rate(0.9, 0.8, 0.95), Rate(0.1, 0.05, 0.2))


def test_rates_by_hand() -> None:
    """Groups of ten cells: of blasts 9, 8 and 7 are called, of other cells 1, 2 and 3."""
    calls = [[1] * n + [0] * (10 - n) for n in (9, 8, 7, 1, 2, 3)]
    found = call_rates(np.repeat([1, 0], 30), np.ravel(calls), np.arange(6).repeat(10))
    assert found is not None
    assert (found.sensitivity.mean, found.false_alarms.mean) == pytest.approx((0.8, 0.2))
    logits = logit(np.array([9.5, 8.5, 7.5]) / 11)
    half_width = students_t.ppf(0.985, 2) * logits.std(ddof=1) * np.sqrt(4 / 3)
    ends = expit([logits.mean() - half_width, logits.mean() + half_width])
    assert (found.sensitivity.low, found.sensitivity.high) == pytest.approx(tuple(ends))
    # The classes mirror one another.
    assert found.false_alarms.low == pytest.approx(1 - found.sensitivity.high)


def test_fewer_than_three_groups_of_a_class_have_no_rates() -> None:
    labels = np.array([1, 1, 1, 0, 0])
    assert call_rates(labels, labels, np.arange(5)) is None


@pytest.mark.parametrize(
    ("called", "share"), [(10, 0.0), (50, 0.5), (90, 1.0), (2, 0.0), (100, 1.0), (34, 0.3)]
)
def test_the_share_is_rogan_and_gladens_between_0_and_1(called: int, share: float) -> None:
    found = corrected_share(called, 100, GOOD)
    assert found.value == pytest.approx(share)
    assert found.low is not None and found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_healthy_field_is_compatible_with_no_blasts() -> None:
    """One of five healthy cells is called: as many as the model calls in some healthy patients."""
    assert corrected_share(20, 100, GOOD).low == 0
    assert corrected_share(60, 100, GOOD).low > 0.2


def test_more_cells_narrow_the_interval_and_a_design_effect_widens_it() -> None:
    few, many = corrected_share(4, 10, GOOD), corrected_share(400, 1000, GOOD)
    clustered = corrected_share(400, 1000, GOOD, design_effect=100)
    assert few.high - few.low > many.high - many.low
    assert clustered.interval == few.interval


def test_what_cannot_be_told_says_why() -> None:
    chance = CallRates(Rate(0.5, 0.4, 0.6), Rate(0.45, 0.4, 0.5))
    assert corrected_share(5, 10, chance).reason == TOO_NEAR_CHANCE
    assert corrected_share(5, 10, None, lack=LEAKING).reason == LEAKING
