"""Counts of a field, the share of blasts and its interval, by hand."""

import pytest

from core.reading.field_summary import BLOOD, MARROW, Counts, design_effect, summarise, wilson


def test_wilsons_interval_by_hand() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)


def test_fields_that_differ_count_for_fewer_cells() -> None:
    # Share 0.5; deviations 5 and -5: 2/1 x 50 / 20^2 = 0.25, over 0.5 x 0.5 / 20 = 0.0125.
    assert design_effect([(10, 10), (0, 10)]) == pytest.approx(20)
    assert design_effect([(5, 10), (5, 10)]) == 1  # less than chance is taken for chance
    assert design_effect([(5, 10)]) == design_effect([(10, 10), (5, 5)]) == 1
    assert design_effect([(5, 10), (0, 0)]) == 1


def test_several_fields_add_up_to_the_pooled_counts() -> None:
    one = Counts(found=9, cut=2, refused={"sharp": 1}, blasts=3, hem=2, review=1)
    two = Counts(found=8, cut=0, refused={"sharp": 1, "known": 1}, blasts=3, hem=2, review=1)
    both = summarise([one, two])
    assert both.counts == Counts(17, 2, {"sharp": 2, "known": 1}, 6, 4, 2)
    assert both.counts.read == 12 and both.fields == 2
    assert both.share == pytest.approx(0.5) and both.if_review == pytest.approx(8 / 12)
    assert both.design_effect == 1 and both.interval == pytest.approx(wilson(6, 12))
    assert both.to_json()["rests_on"] == 12 and both.to_json()["refused"] == 3


def test_clustered_fields_have_a_wider_interval_than_their_cells_alone() -> None:
    found = summarise([Counts(20, 0, {}, 20, 0, 0), Counts(20, 0, {}, 0, 20, 0)])
    assert found.interval == pytest.approx(wilson(20 / 40, 1)) and found.design_effect == 40


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
    assert found.share is found.interval is found.if_review is None
