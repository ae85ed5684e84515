"""Consequences of an operating point: errors, review, net benefit and reliability."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.errors import ConfigError
from core.evaluation import operating_point
from core.metrics import bootstrap, calibration_curves, classification, reliability
from core.metrics.estimate import UNKNOWN_SUBJECTS, Estimate
from core.runs.calibration import Calibration, Choice
from core.runs.run_store import Run

PARTS = ("validation", "test")
QUANTITIES = (
    "missed",
    "specificity",
    "false_alarms",
    "review",
    "missed_outright",
    "false_outright",
)


@dataclass(frozen=True)
class Outcome:
    """The calls on a part: counts, and shares with their intervals.

    prevalence: the share of ALL at which false_alarms, a share of all cells, is computed. missed:
    the share of blasts below the threshold. review: the share of all cells. missed_outright: the
    share of blasts called HEM without review; false_outright: the share of HEM cells called ALL.
    The last three are None without a review band.
    """

    images: int
    all: int
    hem: int
    groups: int
    prevalence: float
    missed: Estimate
    specificity: Estimate
    false_alarms: Estimate
    review: Estimate | None = None
    missed_outright: Estimate | None = None
    false_outright: Estimate | None = None

    def estimates(self) -> Iterator[tuple[str, Estimate | None]]:
        """The name and the estimate of each of `QUANTITIES`."""
        return ((name, getattr(self, name)) for name in QUANTITIES)

    def to_json(self) -> dict[str, Any]:
        counts = ("images", "all", "hem", "groups", "prevalence")
        shares = {
            name: estimate and {"value": estimate.value, "interval": estimate.interval}
            for name, estimate in self.estimates()
        }
        return {name: getattr(self, name) for name in counts} | shares


@dataclass(frozen=True)
class Reliability:
    """The `scores` and `curve` of `core.metrics.reliability`."""

    scores: dict[str, float]
    curve: list[dict[str, float]]


@dataclass(frozen=True, eq=False)
class Preview:
    """The consequences of an operating point.

    parts: by name. shown_part: the part of trade_off and decision_curve, the test part if there is
    one. reliability: by part, "before" and "after" calibration. decision_threshold: the threshold
    on the probabilities of the decision curve.
    """

    calibration: Calibration
    parts: dict[str, Outcome]
    shown_part: str
    trade_off: pd.DataFrame | None
    decision_curve: pd.DataFrame | None
    decision_threshold: float
    reliability: dict[str, dict[str, Reliability]]


def preview(run: Run, choice: Choice | None, prevalence: float | None = None) -> Preview:
    """Computes the consequences of a choice (None: the stored calibration); writes nothing.

    Raises `ConfigError` for a prevalence outside (0, 1), and as `operating_point.propose` does.
    """
    if prevalence is not None and not 0 < prevalence < 1:
        raise ConfigError(f"The prevalence is {prevalence}; it must lie between 0 and 1.")
    fitted = run.calibration if choice is None else operating_point.propose(run, choice)
    cells = run.predictions
    logits = cells["logit"].to_numpy(float)
    cells["probability"] = fitted.probability(logits)
    cells["raw"] = calibration_curves.logistic(logits)
    parts = {name: cells[cells["split"] == name] for name in PARTS}
    parts = {name: rows for name, rows in parts.items() if len(rows)}
    shown_part = list(parts)[-1]
    labels = parts[shown_part]["label"].to_numpy()
    probabilities = parts[shown_part]["probability"].to_numpy()
    threshold = _at_prevalence(np.array([fitted.threshold]), labels, prevalence)
    return Preview(
        calibration=fitted,
        parts={name: outcome(rows, fitted, prevalence) for name, rows in parts.items()},
        shown_part=shown_part,
        trade_off=trade_off(labels, probabilities, prevalence),
        decision_curve=decision_curve(labels, probabilities, prevalence),
        decision_threshold=float(threshold[0]),
        reliability={name: _reliability(rows) for name, rows in parts.items()},
    )


def _reliability(rows: pd.DataFrame) -> dict[str, Reliability]:
    labels = rows["label"].to_numpy()
    columns = {"before": rows["raw"].to_numpy(), "after": rows["probability"].to_numpy()}
    return {
        when: Reliability(reliability.scores(labels, values), reliability.curve(labels, values))
        for when, values in columns.items()
    }


def outcome(rows: pd.DataFrame, fitted: Calibration, prevalence: float | None = None) -> Outcome:
    """Computes the outcome of the cells of a part (label, probability and group).

    A value is None if the part lacks the class; there is no interval if groups are too few or
    unknown (see `bootstrap.estimate`). prevalence: None for that of the part.
    """
    labels, probabilities = rows["label"].to_numpy(), rows["probability"].to_numpy()
    share = float(labels.mean()) if prevalence is None else prevalence
    sensitivity, specificity = _rates(rows, probabilities >= fitted.threshold)
    review: dict[str, Estimate] = {}
    if fitted.review is not None:
        calls = np.array([fitted.call(value) for value in probabilities])
        review = {
            "review": _rates(rows.assign(label=1), calls == "review")[0],
            "missed_outright": _rates(rows, calls != "HEM")[0].map(_complement),
            "false_outright": _rates(rows, calls == "ALL")[1].map(_complement),
        }
    return Outcome(
        images=len(rows),
        all=int((labels == 1).sum()),
        hem=int((labels == 0).sum()),
        groups=int(rows["group"].nunique()),
        prevalence=share,
        missed=sensitivity.map(_complement),
        specificity=specificity,
        false_alarms=specificity.map(lambda cleared: (1 - share) * (1 - cleared)),
        **review,
    )


def _rates(rows: pd.DataFrame, calls: np.ndarray) -> tuple[Estimate, Estimate]:
    """The share of ALL cells that are called, and of HEM cells that are not."""
    labels, called = rows["label"].to_numpy(), calls.astype(float)
    if rows["group"].isna().any():
        values = classification.metrics(labels, called, 0.5)
        rates = [
            Estimate(values[n], reason=UNKNOWN_SUBJECTS) for n in ("sensitivity", "specificity")
        ]
        return rates[0], rates[1]
    estimates = bootstrap.intervals(labels, called, rows["group"].to_numpy())
    return estimates["sensitivity"], estimates["specificity"]


def _complement(share: float) -> float:
    return 1 - share


def trade_off(
    labels: np.ndarray, probabilities: np.ndarray, prevalence: float | None = None
) -> pd.DataFrame | None:
    """Returns misses and false alarms at every threshold; None if the part has one class.

    Columns threshold, missed (share of the blasts) and false_alarms (share of all cells).
    """
    if len(np.unique(labels)) < 2:
        return None
    share = float(labels.mean()) if prevalence is None else prevalence
    thresholds = np.append(np.unique(probabilities), np.inf)
    blasts, healthy = (np.sort(probabilities[labels == label]) for label in (1, 0))
    missed = np.searchsorted(blasts, thresholds) / len(blasts)
    cleared = np.searchsorted(healthy, thresholds) / len(healthy)
    return pd.DataFrame(
        {
            "threshold": [*thresholds[:-1], 1.0],
            "missed": missed,
            "false_alarms": (1 - share) * (1 - cleared),
        }
    )


def decision_curve(
    labels: np.ndarray, probabilities: np.ndarray, prevalence: float | None = None
) -> pd.DataFrame | None:
    """Returns the net benefit by threshold probability (Vickers and Elkin 2006).

    Arrays are (N,). None if there is one class. Columns threshold, model, all (every cell called
    ALL) and none (no cell: 0). Net benefit is the share of true alarms less that of false alarms,
    weighted by threshold / (1 - threshold). If a prevalence is given, the odds are shifted to it
    (Saerens et al. 2002), because probabilities depend on the prevalence.
    """
    if len(np.unique(labels)) < 2:
        return None
    share = float(labels.mean()) if prevalence is None else prevalence
    shifted = _at_prevalence(probabilities, labels, prevalence)
    thresholds = np.arange(1, 100) / 100
    calls = shifted >= thresholds[:, None]
    true, false = calls[:, labels == 1].mean(axis=1), calls[:, labels == 0].mean(axis=1)
    weight = thresholds / (1 - thresholds)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "model": share * true - (1 - share) * weight * false,
            "all": share - (1 - share) * weight,
            "none": 0.0,
        }
    )


def _at_prevalence(
    probabilities: np.ndarray, labels: np.ndarray, prevalence: float | None
) -> np.ndarray:
    share = float(labels.mean())
    if prevalence is None or not 0 < share < 1:
        return probabilities
    true = probabilities * prevalence / share
    shifted: np.ndarray = true / (true + (1 - probabilities) * (1 - prevalence) / (1 - share))
    return shifted
