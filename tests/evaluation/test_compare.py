from typing import Any

import pytest

from core.errors import RunError
from core.evaluation.compare import flat, rows, verdict
from core.evaluation.metrics import NAMES
from core.runs import config, store


def _row(
    run: str,
    value: float | None,
    interval: list[float] | None,
    *,
    leaking: bool = False,
    test_cells: str = "same",
) -> dict[str, Any]:
    test = dict.fromkeys(NAMES, value) | {
        "images": 40,
        "intervals": dict.fromkeys(NAMES, interval),
        "always_all": {"accuracy": 0.6},
    }
    return {
        "run": run,
        "title": run.upper(),
        "recipe": "recommended",
        "split": "image" if leaking else "subject",
        "leaking": leaking,
        "test_cells": test_cells,
        "test": test,
        "parameters": 10,
        "seconds": 3.0,
    }


HIGH, LOW = _row("high", 0.9, [0.86, 0.94]), _row("low", 0.7, [0.6, 0.85])


def test_no_run_asks_for_one():
    assert "at least one" in verdict([])


def test_a_single_run_is_told_with_its_interval():
    assert verdict([HIGH]) == (
        "high reaches a balanced accuracy of 0.90 (95% interval 0.86 to 0.94) on held-out subjects."
    )
    assert "too few groups for an interval" in verdict([_row("a", 0.9, None)])


def test_runs_apart_are_ranked_in_any_order():
    for table in ([HIGH, LOW], [LOW, HIGH]):
        sentence = verdict(table)
        assert sentence.startswith("high is ahead")
        assert "low, reaches 0.70" in sentence
        assert "overlaps" not in sentence


def test_runs_whose_intervals_overlap_are_not_ranked():
    sentence = verdict([HIGH, _row("near", 0.88, [0.8, 0.9])])
    assert "overlaps that of near" in sentence
    assert "do not show" in sentence
    touching = verdict([HIGH, _row("touching", 0.8, [0.7, 0.86])])
    assert "do not show" in touching


def test_a_third_run_with_a_wide_interval_keeps_the_first_from_being_declared_better():
    wide = _row("wide", 0.65, [0.3, 0.95])
    for table in ([HIGH, LOW, wide], [wide, LOW, HIGH]):
        assert "do not show" in verdict(table)


@pytest.mark.parametrize("value", [0.99, 0.5])
def test_a_leaking_run_makes_the_comparison_unfair_wherever_it_stands(value):
    leaking = _row("leaky", value, [value, value], leaking=True, test_cells="other")
    for table in ([leaking], [HIGH, leaking], [leaking, LOW, HIGH]):
        sentence = verdict(table)
        assert sentence.startswith("Not a fair comparison: leaky")
        assert "high" not in sentence


def test_runs_measured_on_different_cells_are_not_ranked():
    sentence = verdict([HIGH, _row("else", 0.5, [0.4, 0.6], test_cells="other")])
    assert "different test cells" in sentence
    assert "ahead" not in sentence


def test_runs_without_intervals_are_not_said_to_overlap():
    for interval in (None, [0.1, 0.2]):
        sentence = verdict([_row("a", 0.9, None), _row("b", 0.15, interval)])
        assert "overlap" not in sentence


def test_an_undefined_metric_is_never_ahead_and_never_overlaps():
    assert "undefined" in verdict([_row("a", None, None)])
    sentence = verdict([_row("a", None, None), _row("b", None, None)])
    assert "ahead" not in sentence
    sentence = verdict([_row("a", None, None), HIGH])
    assert not sentence.startswith("a ")
    assert "overlap" not in sentence


def test_the_flat_table_names_every_metric_and_marks_a_leak():
    found = flat([HIGH, _row("leaky", 0.9, None, leaking=True)])
    assert [row["Split"] for row in found] == ["subject", "image (leaks)"]
    for label in NAMES.values():
        assert found[0][label] == 0.9
    assert found[0]["Always ALL, accuracy"] == 0.6
    assert not any(isinstance(value, dict | list) for row in found for value in row.values())


@pytest.fixture
def queued(demo_root) -> store.Run:
    return store.create(config.create("cnn-16", demo_root, "recommended"), "waiting")


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled"])
def test_an_unfinished_run_cannot_be_compared(queued, state):
    queued.write_status(store.Status(state=state))
    with pytest.raises(RunError, match=f"Run waiting is {state}; only runs that succeeded"):
        rows([queued])


def test_a_run_without_its_metrics_is_not_said_to_have_only_succeeded(queued):
    queued.write_status(store.Status(state="succeeded"))
    with pytest.raises(RunError, match="metrics"):
        rows([queued])
