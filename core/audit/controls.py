"""Controls: what a recipe reaches when it is shown less than the cell.

Blasts are larger than normal lymphocytes, so a network can look clever by size alone. The same
recipe is trained on each cell's silhouette and on a disc of its area; a model that does not beat
them on the same cells of unseen subjects has not shown that it reads the cell.
"""

from dataclasses import dataclass
from typing import Any

from core.audit import pooled_difference
from core.audit.ablations import is_synthetic, tested
from core.audit.pooled_difference import PooledDifference
from core.runs.run_store import Run

METRIC = "roc_auc"
SIDES = ("silhouette", "size")


@dataclass(frozen=True)
class Controls:
    """The model beside each control: how far it is above it, the model first."""

    differences: dict[str, PooledDifference]
    folds: int
    synthetic: bool

    def beats(self, name: str) -> bool:
        """Whether the interval of the difference in ROC AUC lies above zero."""
        return self.differences[name].metrics[METRIC].difference.above_zero

    @property
    def doubt(self) -> bool:
        """Whether the model is not shown to beat a control."""
        return not all(map(self.beats, self.differences))

    def to_json(self) -> dict[str, Any]:
        controls = {
            name: difference.to_json() | {"beats": self.beats(name)}
            for name, difference in self.differences.items()
        }
        return {"controls": controls, "folds": self.folds, "synthetic": self.synthetic}


def measure(sides: dict[str, list[Run]]) -> Controls:
    """The model beside each control, from the finished runs of all folds.

    `sides` has the folds of "model" and of controls of `SIDES`. Raises `DataError` if the cells
    differ.
    """
    model = tested(sides["model"])
    differences = {
        name: pooled_difference.difference(model, tested(sides[name]))
        for name in SIDES
        if name in sides
    }
    return Controls(differences, len(sides["model"]), is_synthetic(sides["model"]))
