"""Controls: what a recipe reaches when it is shown less than the cell.

Blasts are larger than normal lymphocytes, so a network can look clever by size alone. The same
recipe is trained on each cell's silhouette and on a disc of its area; a model that does not beat
them on the same cells of unseen subjects has not shown that it reads the cell.
"""

from typing import Any

import pandas as pd

from core.audit import pooled_difference
from core.audit.ablations import facts, tested
from core.audit.leakage import span
from core.metrics import classification
from core.runs.run_store import Run

METRIC = "roc_auc"
WORDS = {"silhouette": "the silhouette alone", "size": "cell size alone"}


def measure(sides: dict[str, list[Run]]) -> dict[str, Any]:
    """The model beside each control, from the finished runs of all folds.

    `sides` has the folds of "model" and of controls of `WORDS`. Returns controls (of each what
    `pooled_difference.difference` gives, the model first, and beats), folds and synthetic. `beats`
    is True only where the interval of the difference in ROC AUC lies above zero. Raises `DataError`
    where the cells differ.
    """
    model = tested(sides["model"])
    found = {}
    for name in (side for side in WORDS if side in sides):
        apart = pooled_difference.difference(model, tested(sides[name]))
        interval = apart["metrics"][METRIC]["interval"]
        found[name] = apart | {"beats": interval is not None and interval[0] > 0}
    return {"controls": found, **facts(sides["model"])}


def sentence(found: dict[str, Any]) -> str:
    """Whether the model beats its controls, in words."""
    beaten = [name for name, values in found["controls"].items() if values["beats"]]
    others = [name for name in found["controls"] if name not in beaten]
    if not others:
        said = " and ".join(f"{WORDS[name]} ({_apart(found, name)})" for name in beaten)
        return f"The model beats {said}, at a ROC AUC of {_own(found):.2f} on unseen patients."
    said = " or ".join(f"{WORDS[name]} ({_apart(found, name)})" for name in others)
    also = ""
    if beaten:
        also = f" It does beat {WORDS[beaten[0]]} ({_apart(found, beaten[0])})."
    return (
        f"The model does not beat {said}, at a ROC AUC of {_own(found):.2f} on unseen patients: it "
        f"has not shown that it reads more of a cell.{also}"
    )


def _own(found: dict[str, Any]) -> float:
    return next(iter(found["controls"].values()))["metrics"][METRIC]["first"]


def _apart(found: dict[str, Any], name: str) -> str:
    values = found["controls"][name]["metrics"][METRIC]
    if values["interval"] is None:
        return f"{values['second']:.2f}; no interval can be given"
    low, high = values["interval"]
    return (
        f"{values['second']:.2f}; difference {values['difference']:+.2f}, 95% interval {low:+.2f} "
        f"to {high:+.2f}"
    )


def table(found: dict[str, Any]) -> pd.DataFrame:
    """One row a control and metric, with readable columns."""
    return pd.DataFrame(
        [
            {
                "Control": WORDS[name],
                "Metric": classification.NAMES[metric],
                "Model": values["first"],
                "Control alone": values["second"],
                "Difference": values["difference"],
                "95% interval": span(values["interval"]),
            }
            for name, apart in found["controls"].items()
            for metric, values in apart["metrics"].items()
        ]
    )
