"""The table of a comparison: as numbers to take away, and as text to look at, in views."""

from typing import Any

from core.evaluation.subgroups import with_interval
from core.metrics import classification

Rows = list[dict[str, Any]]
# What fits a laptop's screen at once. Every view has the model, its protocol and the run's name.
VIEWS: dict[str, tuple[str, ...]] = {
    "Calls": ("balanced_accuracy", "sensitivity", "specificity", "weighted_f1", "accuracy"),
    "Probabilities": ("roc_auc", "pr_auc", "brier", "ece"),
    "At a prevalence": ("ppv", "npv"),
    "Cost": (),
}
BEST = "★"
BASELINE = "Always ALL"
LABELS = classification.NAMES | classification.PREDICTIVE


def flat(rows: Rows, milliseconds: dict[str, float] | None = None) -> Rows:
    """The rows of `compare.rows` as one level of readable columns, numbers as numbers."""
    return [_flat(row, (milliseconds or {}).get(row["run"])) for row in rows]


def _flat(row: dict[str, Any], milliseconds: float | None) -> dict[str, Any]:
    test = row["test"]
    columns = {
        "Model": row["name"],
        "Measured on": row["protocol"],
        "Data set": row["dataset"]["name"],
        "Test cells": test["images"],
        "Groups": test["groups"],
    }
    for metric, label in LABELS.items():
        if metric in test:
            low, high = test["intervals"][metric] or (None, None)
            columns |= {label: test[metric], f"{label}, low": low, f"{label}, high": high}
            columns[f"{label}, {BASELINE}"] = test["always_all"][metric]
    return columns | {
        "Against the best": row["against"],
        "Better beyond chance in": ", ".join(LABELS[metric] for metric in row["best"]),
        "Parameters": row["parameters"],
        "Training, s": row["seconds"],
        "Reading, ms": milliseconds,
        "Recipe": row["recipe"],
        "Run": row["run"],
    }


def shown(rows: Rows, view: str, milliseconds: dict[str, float] | None = None) -> Rows:
    """One of `VIEWS` of the rows of `compare.rows`, each metric with its interval as text.

    Always answering ALL follows as a row of its own for each set of test cells.
    """
    table = [_shown(row, view, (milliseconds or {}).get(row["run"])) for row in rows]
    if VIEWS[view]:
        table += _baselines(rows, view)
    return table


def _shown(row: dict[str, Any], view: str, milliseconds: float | None) -> dict[str, Any]:
    columns = {"Model": row["name"], "Measured on": row["protocol"]}
    for number, metric in enumerate(VIEWS[view]):
        low, high = row["test"]["intervals"][metric] or (None, None)
        star = f" {BEST}" if metric in row["best"] else ""
        columns[LABELS[metric]] = with_interval(row["test"][metric], low, high) + star
        if view == "Calls" and not number:
            columns["Against the best"] = row["against"]
    if view == "Cost":
        columns |= {
            "Test cells": row["test"]["images"],
            "Groups": row["test"]["groups"],
            "Parameters": row["parameters"],
            "Epochs": row["epochs"],
            "Training, s": row["seconds"],
            "Reading, ms": milliseconds,
            "Recipe": row["recipe"],
        }
    return columns | {"Run": row["run"]}


def _baselines(rows: Rows, view: str) -> Rows:
    first = {row["test_cells"]: row for row in reversed(rows)}
    found = []
    for row in reversed(list(first.values())):
        whose = f", cells of {row['name']}" if len(first) > 1 else ""
        values = {
            LABELS[metric]: with_interval(row["test"]["always_all"][metric], None, None)
            for metric in VIEWS[view]
        }
        columns = {"Model": BASELINE + whose, "Measured on": row["protocol"], **values}
        found.append(columns | ({"Against the best": ""} if view == "Calls" else {}) | {"Run": ""})
    return found
