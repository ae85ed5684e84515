"""The trial of intervals: small, and against what is known by hand."""

import numpy as np
import pytest

from benchmarks import coverage
from benchmarks.measure import Options, bars_of
from core.metrics.estimate import Estimate


def test_the_share_that_holds_and_the_mean_width_are_of_the_intervals_there_are() -> None:
    trials = [
        coverage.Trial(0.5, Estimate(0.4, 0.3, 0.6), (0.45, 0.55)),
        coverage.Trial(0.5, Estimate(0.7, 0.6, 0.8), (0.6, 0.8)),
        coverage.Trial(0.5, Estimate(1.0, reason="all resamples agree"), (1.0, 1.0)),
    ]
    row = coverage.summary([{"accuracy": trial} for trial in trials])["accuracy"]
    assert row == pytest.approx(
        {"intervals": 2, "holds": 0.5, "width": 0.25, "plain_holds": 0.5, "plain_width": 0.15}
    )


def test_simulated_subjects_have_one_class_each_and_cells_as_asked() -> None:
    cells = coverage.simulate(np.random.default_rng(0), 10, 0.8)
    counts = np.bincount(cells.groups)
    assert len(counts) == 10 and counts.min() >= 10 and counts.max() <= 40
    of_group = [set(cells.labels[cells.groups == group]) for group in range(10)]
    assert [len(labels) for labels in of_group] == [1] * 10
    assert sum(1 in labels for labels in of_group) == 6


@pytest.mark.parametrize("part", sorted(coverage.PARTS))
def test_each_part_has_bars_and_a_share_for_each_case(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "EFFECTS", (0.8,))
    monkeypatch.setattr(coverage, "TRUE_SUBJECTS", 200)
    monkeypatch.setattr(coverage, "TRAININGS", 2)
    figures = coverage.measure(Options(rounds=2, only=part))
    bars = bars_of(figures)
    assert bars and all(0 <= bar.value <= 2 for bar in bars)
