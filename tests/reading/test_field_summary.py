"""Counts of a field, the share of blasts and its interval, by hand."""

import pytest

from core.evaluation.track_record import KnownRates
from core.metrics.prevalence import CallRates, Rate, corrected_share
from core.reading.fields.summary import (
    BLOOD,
    FEWEST_FOR_PERCENT,
    MARROW,
    Counts,
    design_effect,
    summarise,
)
from core.report.share import of_cells, sentences

RATES = CallRates(Rate(0.9, 0.8, 0.95), Rate(0.1, 0.05, 0.2))
KNOWN = KnownRates(RATES)


def test_fields_that_differ_count_for_fewer_cells() -> None:
    # Share 0.5; deviations 5 and -5: 2/1 x 50 / 20^2 = 0.25, over 0.5 x 0.5 / 20 = 0.0125.
    assert design_effect([(10, 10), (0, 10)]) == pytest.approx(20)
    assert design_effect([(5, 10), (5, 10)]) == 1  # less than chance is taken for chance
    assert design_effect([(5, 10)]) == design_effect([(10, 10), (5, 5)]) == 1
    assert design_effect([(5, 10), (0, 0)]) == 1


def test_several_fields_add_up_to_the_pooled_counts() -> None:
    one = Counts(found=9, cut=2, refused={"sharp": 1}, blasts=3, hem=2, review=1, leaning=3)
    two = Counts(
        found=8, cut=0, refused={"sharp": 1, "known": 1}, blasts=3, hem=2, review=1, leaning=3
    )
    both = summarise([one, two], KNOWN)
    assert both.counts == Counts(17, 2, {"sharp": 2, "known": 1}, 6, 4, 2, leaning=6)
    assert both.counts.read == 12 and both.fields == 2
    assert both.share == pytest.approx(0.5) and both.if_review == pytest.approx(8 / 12)
    assert both.design_effect == 1 and both.corrected == corrected_share(6, 12, RATES)
    assert both.to_json()["rests_on"] == 12 and both.to_json()["refused"] == 3


def test_clustered_fields_have_a_wider_interval_than_their_cells_alone() -> None:
    fields = [Counts(20, 0, {}, 20, 0, 0, leaning=20), Counts(20, 0, {}, 0, 20, 0)]
    found = summarise(fields, KNOWN)
    assert found.design_effect == 40
    assert found.corrected == corrected_share(20, 40, RATES, design_effect=40)


def test_a_few_cells_have_counts_and_no_percentage() -> None:
    few, enough = (
        summarise([Counts(n, 0, {}, 1, n - 1, 0, leaning=1)], KNOWN)
        for n in (FEWEST_FOR_PERCENT - 1, FEWEST_FOR_PERCENT)
    )
    assert (of_cells(few), of_cells(enough)) == ("1 of 19", "1 of 20 (5%)")
    assert "Too few cells for a percentage" in (few.warning or "")
    assert "Too few cells for a reliable share" in (enough.warning or "")
    assert "compatible with no blasts at all" in sentences(enough)[0]


def test_without_rates_the_share_is_not_corrected_and_says_so() -> None:
    found = summarise([Counts(40, 0, {}, 20, 20, 0, leaning=20)])
    assert found.corrected.value is None
    assert "not corrected" in sentences(found)[0] and "no test part" in sentences(found)[0]


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (0, "No cell was read"),
        (BLOOD - 1, "Too few cells"),
        (BLOOD, "too few for one of marrow"),
        (MARROW, None),
    ],
)
def test_too_few_cells_are_warned_of(read: int, words: str | None) -> None:
    warning = summarise([Counts(read, 0, {}, 0, read, 0)]).warning
    assert warning is None if words is None else words in (warning or "")


def test_without_a_cell_there_is_no_share() -> None:
    found = summarise([Counts(0, 0)])
    assert found.share is found.corrected.value is found.if_review is None
    assert sentences(found) == []
