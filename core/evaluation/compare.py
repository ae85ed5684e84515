"""Runs side by side, from what their folders hold: a table, and a verdict in one sentence."""

from typing import Any

from core.errors import RunError
from core.evaluation import metrics
from core.models import catalog
from core.runs.store import Run

METRIC = "balanced_accuracy"


def rows(runs: list[Run]) -> list[dict[str, Any]]:
    """One row a run: what it was, what its test part measured, and under which protocol.

    Raises `RunError` for a run that has not succeeded.
    """
    return [_row(run) for run in runs]


def _row(run: Run) -> dict[str, Any]:
    state = run.status.state
    if state != "succeeded":
        raise RunError(f"Run {run.run_id} is {state}; only runs that succeeded can be compared.")
    measured = run.metrics
    if measured is None:
        raise RunError(f"Run {run.run_id} has lost its metrics.json; train it again.")
    try:
        return _facts(run, measured)
    except KeyError as error:
        raise RunError(f"Metrics of run {run.run_id} lack {error}; train it again.") from None


def _facts(run: Run, measured: dict[str, Any]) -> dict[str, Any]:
    config, test = run.config, measured["parts"]["test"]
    return {
        "run": run.run_id,
        "architecture": config.architecture,
        "title": catalog.architecture(config.architecture).title,
        "recipe": config.recipe,
        "dataset": measured["dataset"],
        "split": config.split,
        "leaking": measured["protocol"]["leaking"],
        "test_cells": measured["protocol"]["test_cells"],
        "test": test,
        "parameters": measured["training"]["parameters"],
        "epochs": measured["training"]["epochs"],
        "seconds": measured["training"]["seconds"],
        "images_per_second": measured["training"]["images_per_second"],
    }


def flat(table: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of `rows` as one level of readable columns."""
    return [
        {
            "Run": row["run"],
            "Architecture": row["title"],
            "Recipe": row["recipe"],
            "Split": row["split"] + (" (leaks)" if row["leaking"] else ""),
            "Test cells": row["test"]["images"],
            **{label: row["test"][name] for name, label in metrics.NAMES.items()},
            "Always ALL, accuracy": row["test"]["always_all"]["accuracy"],
            "Parameters": row["parameters"],
            "Training, s": row["seconds"],
        }
        for row in table
    ]


def verdict(table: list[dict[str, Any]]) -> str:
    """What the comparison allows to say, in one sentence, for the rows of `rows`."""
    if not table:
        return "Choose at least one finished run."
    leaking = [row["run"] for row in table if row["leaking"]]
    if leaking:
        return (
            f"Not a fair comparison: {', '.join(leaking)} was measured on patients it had, or may "
            "have, trained on, so its number shows recognition of patients, not of blasts."
        )
    if len({row["test_cells"] for row in table}) > 1:
        return (
            "These runs were measured on different test cells, so their numbers cannot be ranked; "
            "train them with the same data set, sample, split and seed."
        )
    undefined = [row["run"] for row in table if row["test"][METRIC] is None]
    if undefined:
        return (
            f"Balanced accuracy is undefined for {', '.join(undefined)}: the test part lacks a "
            "class. Train with more cells or another seed."
        )
    best, *others = sorted(table, key=lambda row: -row["test"][METRIC])
    score = _with_interval(best)
    if not others:
        return f"{best['run']} reaches a balanced accuracy of {score} on held-out subjects."
    intervals = {row["run"]: row["test"]["intervals"][METRIC] for row in table}
    if None in intervals.values():
        return (
            f"{best['run']} has the highest balanced accuracy, {score}, but the test part has too "
            "few groups of subjects to tell whether that is chance."
        )
    rivals = [row for row in others if intervals[row["run"]][1] >= intervals[best["run"]][0]]
    if rivals:
        return (
            f"These subjects do not show that one is better: {best['run']} is ahead on balanced "
            f"accuracy with {score}, but its interval overlaps that of {rivals[0]['run']} at "
            f"{_with_interval(rivals[0])}."
        )
    return (
        f"{best['run']} is ahead with a balanced accuracy of {score} on held-out subjects; the "
        f"next, {others[0]['run']}, reaches {_with_interval(others[0])}."
    )


def _with_interval(row: dict[str, Any]) -> str:
    value, interval = row["test"][METRIC], row["test"]["intervals"][METRIC]
    if interval is None:
        return f"{value:.2f} (too few groups for an interval)"
    return f"{value:.2f} (95% interval {interval[0]:.2f} to {interval[1]:.2f})"
