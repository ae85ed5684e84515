"""The leakage meter: how much of a recipe's result is recognition of patients.

One recipe is trained over folds dealt by image, so that a test cell's patient is among those
trained on, and over folds dealt by group, so that it is not. Trainings are as many and as large in
both, and every cell is tested once in each: what is left between them is knowing the patient.
"""

from typing import Any

import pandas as pd

from core.audit import pooled_difference
from core.audit.ablations import facts, tested
from core.metrics import classification
from core.runs.run_store import Run

METRIC = "balanced_accuracy"


def measure(by_image: list[Run], by_subject: list[Run]) -> dict[str, Any]:
    """The gap between both splits of one recipe, from the finished runs of all folds.

    Returns what `pooled_difference.difference` gives (first: by image, second: by subject), folds
    and synthetic. Raises `DataError` where the cells differ.
    """
    return pooled_difference.difference(tested(by_image), tested(by_subject)) | facts(by_subject)


def shows_leakage(found: dict[str, Any]) -> bool | None:
    """Whether the gap's interval lies above zero; None where there is no interval."""
    interval = found["metrics"][METRIC]["interval"]
    return None if interval is None else interval[0] > 0


def sentence(found: dict[str, Any]) -> str:
    """What the meter says, in words."""
    gap, name = found["metrics"][METRIC], classification.NAMES[METRIC].lower()
    shown = shows_leakage(found)
    if shown:
        return (
            f"Of the {gap['first']:.2f} {name} under a split by image, {gap['difference']:.2f} "
            f"{_span(gap['interval'])} is recognition of patients: on patients it has never seen, "
            f"the same recipe reaches {gap['second']:.2f}."
        )
    both = (
        f"{name} {gap['first']:.2f} under a split by image, {gap['second']:.2f} on patients never "
        f"seen"
    )
    if shown is None:
        return f"No interval can be given, so this tells nothing yet: {both}."
    if gap["interval"][1] < 0:
        return f"No recognition of patients: {both}."
    return (
        f"No recognition of patients is shown: {both}, a difference of {gap['difference']:+.2f} "
        f"{_span(gap['interval'])}, and the interval includes 0."
    )


def _span(interval: list[float]) -> str:
    return f"(95% interval {interval[0]:.2f} to {interval[1]:.2f})"


def table(found: dict[str, Any]) -> pd.DataFrame:
    """One row a metric, with readable columns."""
    return pd.DataFrame(
        [
            {
                "Metric": classification.NAMES[name],
                "By image": values["first"],
                "By subject": values["second"],
                "Recognition": values["difference"],
                "95% interval": span(values["interval"]),
            }
            for name, values in found["metrics"].items()
        ]
    )


def span(interval: list[float] | None) -> str:
    """An interval as a table shows it."""
    return "none" if interval is None else f"{interval[0]:+.3f} to {interval[1]:+.3f}"
