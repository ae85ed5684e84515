"""How many patients a run told right, in words and tables."""

from collections.abc import Mapping

import pandas as pd

from core.evaluation import patients
from core.evaluation.patients import Count, Patients
from core.evaluation.test_set import TestSet
from core.report.phrases import brief

UNKNOWN = "The subject of some test images is unknown, so patients cannot be counted."


def sentence(found: Patients) -> str:
    """How many patients lie on the right side of which share."""
    all_, hem, both = (found.right[name] for name in ("ALL", "HEM", "all"))
    chosen = "chosen on its validation patients"
    if found.cut_reason:
        chosen = f"not chosen from data, because {found.cut_reason}"
    return (
        f"{both.right} of {both.of} patients lie on the right side: {all_.right} of {all_.of} with "
        f"ALL and {hem.right} of {hem.of} without, if a patient with at least {found.cut:.0%} of "
        f"{found.items} called ALL counts as ALL (a share {chosen})."
    )


def table(measured: Mapping[str, Patients | None]) -> pd.DataFrame:
    """One row a run, by its name: counts with exact intervals, and the ROC AUC over patients."""
    rows = []
    for name, found in measured.items():
        if found is None:
            rows.append({"Model": name, "Patients right": UNKNOWN})
            continue
        rows.append(
            {
                "Model": name,
                "Patients right": _words(found.right["all"]),
                "With ALL": _words(found.right["ALL"]),
                "Without": _words(found.right["HEM"]),
                "ROC AUC over patients": brief(found.roc_auc),
                "Called ALL from": f"{found.cut:.0%} of {found.items}",
            }
        )
    return pd.DataFrame(rows)


def to_json(test: TestSet) -> dict[str, object] | None:
    """The counts and figures of `patients.measure`; None if subjects are unknown."""
    found = patients.measure(test)
    if found is None:
        return None
    return {
        "cut": found.cut,
        "cut_reason": found.cut_reason or None,
        "roc_auc": found.roc_auc.value,
        "roc_auc_interval": found.roc_auc.interval,
        "right": {
            name: {"right": one.right, "of": one.of, "interval": one.share.interval}
            for name, one in found.right.items()
        },
        "patients": found.table.drop(columns="group").to_dict("records"),
    }


def _words(one: Count) -> str:
    if one.share.interval is None:
        return "none there"
    low, high = one.share.interval
    return f"{one.right} of {one.of} ({low:.0%} to {high:.0%})"
