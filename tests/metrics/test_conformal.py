"""Promises for new groups: by hand, and in simulations where groups really are exchangeable."""

import numpy as np
import pytest

from core.errors import DataError
from core.metrics.conformal import bound, shares_below, smallest, threshold

RISK = 0.1


def test_the_bound_counts_the_new_group_as_lost() -> None:
    assert bound(np.array([0.0, 0.0, 0.0])) == pytest.approx(1 / 4) == smallest(3)
    assert bound(np.array([0.5, 0.1, 0.0, 0.0])) == pytest.approx((4 * 0.15 + 1) / 5)
    assert bound(np.array([])) == 1


def test_a_threshold_by_hand_with_ties_and_groups_of_different_sizes() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.9, 0.2, 0.6, 0.8])
    groups = np.array(["a", "a", "a", "a", "b", "b", "c"])
    # Above 0.1 a loses 1/4, above 0.2 b loses 1/2 too, above 0.4 a has lost 3/4.
    assert shares_below(scores, groups, 0.4).tolist() == [0.25, 0.5, 0]
    bounds = {0.1: 1 / 4, 0.2: 1.25 / 4, 0.4: 1.75 / 4, 0.6: 2.25 / 4, 0.8: 2.75 / 4, 0.9: 3.75 / 4}
    for value, risk in bounds.items():
        assert threshold(scores, groups, risk) == value
        assert bound(shares_below(scores, groups, value)) == pytest.approx(risk)
    assert threshold(scores, groups, 0.3) == 0.1
    assert threshold(scores, groups, 0.249) is None


def test_the_threshold_never_falls_as_more_is_allowed_and_keeps_its_bound() -> None:
    rng = np.random.default_rng(0)
    scores, groups = np.round(rng.random(300), 2), rng.integers(0, 25, 300)
    found = [threshold(scores, groups, risk) for risk in np.linspace(0.04, 0.96, 40)]
    kept = [value for value in found if value is not None]
    assert len(kept) >= 39 and kept == sorted(kept)
    for risk, value in zip(np.linspace(0.04, 0.96, 40), found, strict=True):
        if value is not None:
            assert bound(shares_below(scores, groups, value)) <= risk + 1e-9


def test_no_cells_are_an_error() -> None:
    with pytest.raises(DataError, match="no images of this class"):
        threshold(np.array([]), np.array([]), 0.1)


def _draw(rng: np.random.Generator, groups: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores of groups of 5 to 30 cells whose centres differ by `spread`, and their groups."""
    sizes = rng.integers(5, 31, groups)
    member = np.repeat(np.arange(groups), sizes)
    return rng.normal(0, spread, groups)[member] + rng.normal(0, 0.5, len(member)), member


def _lost(groups: int, *, clustered: bool, repeats: int = 500) -> float:
    """The share of a new group's cells that is lost, on average over validation parts."""
    rng = np.random.default_rng(1)
    lost = []
    for _ in range(repeats):
        scores, member = _draw(rng, groups, 2.0)
        found = threshold(scores, member if clustered else np.arange(len(scores)), RISK)
        assert found is not None
        new, of = _draw(rng, 20, 2.0)
        lost.append(shares_below(new, of, found).mean())
    return float(np.mean(lost))


@pytest.mark.parametrize("groups", [9, 12, 40])
def test_the_promise_holds_on_average_for_new_groups(groups: int) -> None:
    assert _lost(groups, clustered=True) <= RISK + 0.005


def test_counting_cells_instead_of_groups_breaks_the_promise() -> None:
    assert _lost(9, clustered=False) >= 1.3 * RISK
