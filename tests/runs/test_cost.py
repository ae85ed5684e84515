"""What a run will cost, from what earlier runs measured."""

from pathlib import Path

import pytest

from core.runs import cost
from core.runs.store import Run


def test_time_follows_the_measured_rate_and_the_work(finished_run: Run) -> None:
    once = cost.estimate("cnn-16", cells=1000, epochs=10)
    twice = cost.estimate("cnn-16", cells=1000, epochs=20)
    assert once.seconds and twice.seconds and once.measured_by == finished_run.run_id
    assert finished_run.metrics is not None
    rate = finished_run.metrics["training"]["images_per_second"]
    assert twice.seconds - once.seconds == pytest.approx(7000 / rate)
    assert once.cache_mebibytes == pytest.approx(1000 * 224 * 224 * 3 / 2**20)


def test_before_any_run_the_time_is_unknown_not_guessed() -> None:
    assert cost.estimate("cnn-32", cells=100, epochs=1).seconds is None


def test_missing_weights_are_part_of_the_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert "vgg16_weights" in (cost.estimate("vgg16", cells=9, epochs=1).weights or "")
    assert cost.estimate("vgg16", cells=9, epochs=1, imagenet=False).weights is None
    assert cost.estimate("cnn-16", cells=9, epochs=1).weights is None
