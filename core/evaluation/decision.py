"""What a contract means for cells: misses, false alarms, review, net benefit, reliability."""

from typing import Any

import numpy as np
import pandas as pd

from core.errors import ConfigError
from core.evaluation import operating_point
from core.metrics import bootstrap, calibration, classification, reliability
from core.runs.calibration import Calibration, Choice
from core.runs.run_store import Run

PARTS = ("validation", "test")
# Each a share of cells; of which, and among whom, the words say.
QUANTITIES = {
    "missed": "Blasts missed (below the threshold)",
    "specificity": "HEM cleared (specificity)",
    "false_alarms": "False alarms per 100 cells",
    "review": "Sent to review",
    "missed_outright": "Blasts called HEM without review",
    "false_outright": "HEM called ALL without review",
}


def preview(run: Run, choice: Choice | None, prevalence: float | None = None) -> dict[str, Any]:
    """What a choice would mean; of None, the contract as it is stored.

    Returns contract; parts, by name (see `of_part`); trade_off and decision_curve of the test
    part, or of the validation part where there is no test part; shown_part, which of them that
    is; and reliability {part: {before, after}}, each {scores, curve}. Nothing is written.
    Raises as `operating_point.propose` does.
    """
    if prevalence is not None and not 0 < prevalence < 1:
        raise ConfigError(f"A prevalence of {prevalence} cannot be: it lies between 0 and 1.")
    contract = run.calibration if choice is None else operating_point.propose(run, choice)
    table = run.predictions
    logits = table["logit"].to_numpy(float)
    table["probability"] = contract.probability(logits)
    table["raw"] = calibration.logistic(logits)
    rows = {name: table[table["split"] == name] for name in PARTS}
    rows = {name: some for name, some in rows.items() if len(some)}
    last = list(rows)[-1]
    shown = rows[last]
    labels, probabilities = shown["label"].to_numpy(), shown["probability"].to_numpy()
    return {
        "contract": contract,
        "parts": {name: of_part(some, contract, prevalence) for name, some in rows.items()},
        "shown_part": last,
        "trade_off": trade_off(labels, probabilities, prevalence),
        "decision_curve": decision_curve(labels, probabilities, prevalence),
        "decision_threshold": float(
            _shifted(np.array([contract.threshold]), labels, prevalence)[0]
        ),
        "reliability": {name: _reliability(some) for name, some in rows.items()},
    }


def _reliability(rows: pd.DataFrame) -> dict[str, Any]:
    labels = rows["label"].to_numpy()
    columns = {"before": rows["raw"].to_numpy(), "after": rows["probability"].to_numpy()}
    return {
        name: {
            "scores": reliability.scores(labels, values),
            "curve": reliability.curve(labels, values),
        }
        for name, values in columns.items()
    }


def of_part(
    rows: pd.DataFrame, contract: Calibration, prevalence: float | None = None
) -> dict[str, Any]:
    """Counts (images, all, hem, groups), the prevalence used, and value and interval of each of
    `QUANTITIES`; the three of review are None without a review band.

    The value is None where the part lacks the class, the interval where groups are too few or
    unknown (see `bootstrap.intervals`). prevalence is the share of ALL among the cells to come;
    None takes the part's own.
    """
    labels, values = rows["label"].to_numpy(), rows["probability"].to_numpy()
    share = float(labels.mean()) if prevalence is None else prevalence
    sensitivity, specificity = _rates(rows, values >= contract.threshold)
    found: dict[str, Any] = {
        "images": len(rows),
        "all": int((labels == 1).sum()),
        "hem": int((labels == 0).sum()),
        "groups": int(rows["group"].nunique()),
        "prevalence": share,
        "missed": _complement(sensitivity),
        "specificity": specificity,
        "false_alarms": _scaled(_complement(specificity), 1 - share),
        **dict.fromkeys(("review", "missed_outright", "false_outright")),
    }
    if contract.review is not None:
        calls = np.array([contract.call(value) for value in values])
        found["review"], _ = _rates(rows.assign(label=1), calls == "review")
        found["missed_outright"] = _complement(_rates(rows, calls != "HEM")[0])
        found["false_outright"] = _complement(_rates(rows, calls == "ALL")[1])
    return found


def _rates(rows: pd.DataFrame, calls: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
    """Share of the ALL cells called, and of the HEM cells not called, with their intervals."""
    labels = rows["label"].to_numpy()
    rates = classification.rates(classification.confusion(labels, calls.astype(int)))
    intervals: dict[str, Any] = dict.fromkeys(classification.NAMES)
    if rows["group"].notna().all():
        intervals = bootstrap.intervals(labels, calls.astype(float), rows["group"].to_numpy())
    both = []
    for name in ("sensitivity", "specificity"):
        value = None if np.isnan(rates[name]) else float(rates[name])
        both.append({"value": value, "interval": intervals[name]})
    return both[0], both[1]


def _complement(rate: dict[str, Any]) -> dict[str, Any]:
    value, interval = rate["value"], rate["interval"]
    return {
        "value": None if value is None else 1 - value,
        "interval": None if interval is None else [1 - interval[1], 1 - interval[0]],
    }


def _scaled(rate: dict[str, Any], factor: float) -> dict[str, Any]:
    value, interval = rate["value"], rate["interval"]
    return {
        "value": None if value is None else factor * value,
        "interval": None if interval is None else [factor * edge for edge in interval],
    }


def trade_off(
    labels: np.ndarray, probabilities: np.ndarray, prevalence: float | None = None
) -> dict[str, list[float]] | None:
    """threshold, missed and false_alarms (of all cells) of every threshold; None of one class."""
    if len(np.unique(labels)) < 2:
        return None
    share = float(labels.mean()) if prevalence is None else prevalence
    thresholds = np.append(np.unique(probabilities), np.inf)
    blasts, healthy = (np.sort(probabilities[labels == label]) for label in (1, 0))
    missed = np.searchsorted(blasts, thresholds) / len(blasts)
    cleared = np.searchsorted(healthy, thresholds) / len(healthy)
    return {
        "threshold": [*thresholds[:-1].tolist(), 1.0],
        "missed": missed.tolist(),
        "false_alarms": ((1 - share) * (1 - cleared)).tolist(),
    }


def decision_curve(
    labels: np.ndarray, probabilities: np.ndarray, prevalence: float | None = None
) -> dict[str, list[float]] | None:
    """Net benefit against the threshold probability (Vickers and Elkin 2006); None of one class.

    Arrays are (N,). Returns threshold, model, all (every cell called ALL) and none (no cell: 0):
    the true alarms less the false ones per cell, a false one weighing threshold / (1 - threshold)
    as much. At a prevalence other than the part's, the odds are shifted to it (Saerens et al.
    2002), since a probability depends on the prevalence.
    """
    if len(np.unique(labels)) < 2:
        return None
    share = float(labels.mean()) if prevalence is None else prevalence
    moved = _shifted(probabilities, labels, prevalence)
    thresholds = np.arange(1, 100) / 100
    calls = moved >= thresholds[:, None]
    true, false = calls[:, labels == 1].mean(axis=1), calls[:, labels == 0].mean(axis=1)
    weight = thresholds / (1 - thresholds)
    return {
        "threshold": thresholds.tolist(),
        "model": (share * true - (1 - share) * weight * false).tolist(),
        "all": (share - (1 - share) * weight).tolist(),
        "none": np.zeros(len(thresholds)).tolist(),
    }


def _shifted(probabilities: np.ndarray, labels: np.ndarray, prevalence: float | None) -> np.ndarray:
    here = float(labels.mean())
    if prevalence is None or not 0 < here < 1:
        return probabilities
    true = probabilities * prevalence / here
    return true / (true + (1 - probabilities) * (1 - prevalence) / (1 - here))


def table(parts: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """One row a quantity, one column a part, as text: the value and its interval."""
    rows = {
        label: {part: shown(name, found[name]) for part, found in sorted(parts.items())}
        for name, label in QUANTITIES.items()
        if any(found[name] is not None for found in parts.values())
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Of the cells").reset_index()


def scores_table(found: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Log-loss, Brier score and ECE of each part, before and after calibration."""
    return pd.DataFrame(
        [
            {"Part": part, "Calibration": when}
            | {label: row["scores"][name] for name, label in reliability.SCORES.items()}
            for part, both in found.items()
            for when, row in both.items()
        ]
    )


def shown(name: str, rate: dict[str, Any] | None) -> str:
    """A share as percent, false alarms as a number of 100 cells; with the interval."""
    if rate is None or rate["value"] is None:
        return "not defined"
    unit = "" if name == "false_alarms" else "%"
    text = f"{100 * rate['value']:.1f}{unit}"
    if rate["interval"] is None:
        return f"{text} (no interval)"
    low, high = rate["interval"]
    return f"{text} ({100 * low:.1f} to {100 * high:.1f})"


def sentence(found: dict[str, Any], part: str) -> str:
    """What the calls come to in a part, in plain words, for `of_part`'s document."""
    if found["missed"]["value"] is None or found["specificity"]["value"] is None:
        return f"The {part} part lacks a class, so nothing can be said of it."
    missed, clear = found["missed"]["value"], found["specificity"]["value"]
    count = round(missed * found["all"])
    text = (
        f"Of the {found['all']} blasts of the {part} part it would miss {count} ({missed:.1%}); it "
        f"would clear {clear:.0%} of the HEM cells, with "
        f"{100 * found['false_alarms']['value']:.1f} false alarms per 100 cells where "
        f"{found['prevalence']:.0%} of the cells are blasts."
    )
    if found["review"] is None:
        return text
    return (
        f"{text} With review, {found['review']['value']:.0%} of the cells go to a person, "
        f"{found['missed_outright']['value']:.1%} of the blasts are still called HEM and "
        f"{found['false_outright']['value']:.1%} of the HEM cells ALL."
    )
