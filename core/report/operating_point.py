"""The operating point of a model, as sentences and tables."""

from dataclasses import replace

import pandas as pd

from core.data.pixel_cache import said_of
from core.evaluation.decision import Outcome, Reliability
from core.metrics import reliability
from core.metrics.estimate import Estimate
from core.runs.calibration import Calibration, Choice

# How a method of calibration is called; the glossary has each.
METHOD_WORDS = {
    "temperature": "one factor",
    "platt": "a factor and a shift",
    "isotonic": "a rising curve",
    "none": "none",
}
FITTED = ("Calibration", "One factor", "A factor and a shift", "Rising curve")
# Labels of the quantities of an `Outcome`.
QUANTITIES = {
    "missed": "Blasts missed (below the threshold)",
    "specificity": "HEM cleared (specificity)",
    "false_alarms": "False alarms per 100 cells",
    "review": "Sent to review",
    "missed_outright": "Blasts called HEM without review",
    "false_outright": "HEM called ALL without review",
}


def as_share(percent: float | None) -> float | None:
    """Converts percent to a share; None stays None."""
    return None if percent is None else percent / 100


def from_percents(
    max_missed: float, review_error: float | None, method: str | None, *, promised: bool
) -> Choice:
    """Makes a choice from shares in percent."""
    basis = "promised" if promised else "observed"
    return Choice(as_share(max_missed), as_share(review_error), method, basis)


def in_percents(choice: Choice | None, lowest: float = 0.0, highest: float = 100.0) -> Choice:
    """Returns a choice with its shares in percent, clipped to lowest and highest."""

    def percent(share: float | None) -> float | None:
        return None if share is None else min(max(round(100 * share, 6), lowest), highest)

    shares = choice or Choice()
    return replace(
        shares,
        max_missed=percent(shares.max_missed),
        review_error=percent(shares.review_error),
    )


def rule(calibration: Calibration, item: str) -> str:
    """Returns the rule for the call of an item, `RunConfig.item`, in one sentence."""
    one = said_of("a cell", item)
    text = f"It calls {one} ALL from a probability of {_percent(calibration.threshold)} on"
    if band := calibration.band:
        text = (
            f"It calls {one} ALL above a probability of {_percent(band.high)}, HEM below "
            f"{_percent(band.low)}, and sends the others to review"
        )
    chosen = calibration.operating_point or calibration.review
    return f"{text}; {'chosen for this model' if chosen else 'as trained'}."


def _percent(probability: float) -> str:
    return f"{100 * probability:.3g}%"


def calibrated(calibration: Calibration, items: str) -> str:
    """Returns on what, and how, the probabilities of items, `RunConfig.items`, were calibrated."""
    method, on = calibration.method, calibration.fitted_on
    if method is None or method == "none" or on is None:
        return calibration.reason
    return (
        f"calibrated on {on.cells:,} validation {items} of {on.groups:,} groups of subjects, by "
        f"{METHOD_WORDS[method]}"
    )


def sentence(outcome: Outcome, part: str, items: str) -> str:
    """Returns the outcome on a part of items, `RunConfig.items`, in words."""
    missed, clear = outcome.missed.value, outcome.specificity.value
    alarms = outcome.false_alarms.value
    if missed is None or clear is None or alarms is None:
        return f"The {part} part lacks a class, so nothing can be said of it."
    text = (
        f"Of the {outcome.all} blasts of the {part} part it would miss "
        f"{round(missed * outcome.all)} ({missed:.1%}); it would clear {clear:.0%} of the HEM "
        f"{items}, with {100 * alarms:.1f} false alarms per 100 {items} where "
        f"{outcome.prevalence:.0%} are blasts."
    )
    if outcome.review is None or outcome.missed_outright is None:
        return text
    return (
        f"{text} With review, {outcome.review.value:.0%} of the {items} go to a person, and "
        f"{outcome.missed_outright.value:.1%} of the blasts are still called HEM."
    )


def beyond(outcome: Outcome, part: str, choice: Choice) -> str:
    """That more blasts are missed on a part than a choice allows, and why; "" if they are not."""
    missed, allowed = outcome.missed.value, choice.max_missed
    if missed is None or allowed is None or missed <= allowed:
        return ""
    return (
        f"More than the {allowed:.1%} allowed: the threshold was chosen on other subjects, and new "
        "ones differ as these do."
    )


def table(parts: dict[str, Outcome], item: str) -> pd.DataFrame:
    """Returns one row a quantity and one column a part: the value and its interval, as text.

    `item` is what the run reads, `RunConfig.item`.
    """
    rows = {
        said_of(label, item): {
            part: _share(name, getattr(parts[part], name)) for part in sorted(parts)
        }
        for name, label in QUANTITIES.items()
        if any(getattr(outcome, name) is not None for outcome in parts.values())
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(said_of("Of the cells", item)).reset_index()


def _share(name: str, estimate: Estimate | None) -> str:
    """A share as percent, false alarms as a number of 100 cells; with the interval."""
    if estimate is None or estimate.value is None:
        return "not defined"
    text = f"{100 * estimate.value:.1f}{'' if name == 'false_alarms' else '%'}"
    if estimate.interval is None:
        return f"{text} (no interval)"
    low, high = estimate.interval
    return f"{text} ({100 * low:.1f} to {100 * high:.1f})"


def scores_table(parts: dict[str, dict[str, Reliability]]) -> pd.DataFrame:
    """Returns log-loss, Brier score and ECE of each part, before and after calibration."""
    return pd.DataFrame(
        [
            {"Part": part, "Calibration": when}
            | {label: row.scores[name] for name, label in reliability.SCORES.items()}
            for part, both in parts.items()
            for when, row in both.items()
        ]
    )
