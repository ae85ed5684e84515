"""Controls: the result of a recipe that is trained on less than the cell.

Blasts are larger than normal lymphocytes, so that size alone classifies many cells. The recipe is
trained on the silhouette of each cell and on a disc of its area. A model that does not beat these
controls on the same cells of unseen subjects has not shown that it uses more than size and outline.
"""

from dataclasses import dataclass
from typing import Any

from core.audit import pooled_difference
from core.audit.ablations import is_synthetic, tested
from core.audit.pooled_difference import PooledDifference
from core.documents import to_json
from core.runs.run_store import Run

METRIC = "roc_auc"
CONTROLS = ("silhouette", "size")


@dataclass(frozen=True)
class Controls:
    """The difference between the model (first) and each control."""

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
            name: to_json(difference) | {"beats": self.beats(name)}
            for name, difference in self.differences.items()
        }
        return {"controls": controls, "folds": self.folds, "synthetic": self.synthetic}


def measure(arms: dict[str, list[Run]]) -> Controls:
    """Compares the model with each control, from the finished runs of all folds.

    `arms` has the runs of "model" and of `CONTROLS`. Raises `DataError` if the cells
    differ.
    """
    model = tested(arms["model"])
    differences = {
        name: pooled_difference.difference(model, tested(arms[name]))
        for name in CONTROLS
        if name in arms
    }
    return Controls(differences, len(arms["model"]), is_synthetic(arms["model"]))
