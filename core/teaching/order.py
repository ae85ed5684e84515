"""The order in which a review teaches a model most: uncertain and unlike what it has learned from.

Uncertainty sampling is that of Lewis and Gale (A sequential algorithm for training text
classifiers, SIGIR 1994), by the entropy of the call; Settles surveys it with the variants that
regard where a case lies among the others and how a batch differs within (Active learning
literature survey, University of Wisconsin-Madison, 2009).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.cases import case_store
from core.cases.board import Listed, ListedCell
from core.cases.tables import CaseRow, CellRow
from core.errors import BlastLensError
from core.ood import reference
from core.runs import run_store
from core.teaching.decided import can_be_taught

# The checks that refuse a cell because the model has not learned from such cells.
UNLIKE = ("appearance", "known")
# Cells of one picture have stain and light in common: each counts so much of the one before it.
NEXT_OF_PICTURE = 0.9
NAME = "By what teaches most"
STATEMENT = (
    "Ordered by what the model would learn most from: cells that it refuses as unlike its "
    "training cells, or is unsure of, come first, and pictures take turns. It is not an order of "
    "suspicion, and the share of blasts among the first cells says nothing of the patient."
)


@dataclass(frozen=True)
class ReviewOrder:
    """The cells of a case by id, the most instructive first, and what to say of the order.

    Cells that cannot be taught, such as those that are cut off by the border, come last. Decisions
    do not change the order, so that a list does not move under the hands of who reviews it.
    """

    cells: tuple[str, ...]
    statement: str = STATEMENT


def by_worth(cells: Sequence[CellRow], limits: Mapping[str, float]) -> ReviewOrder:
    """Orders cells by the sum of uncertainty and unlikeness, each from 0 to 1.

    `limits` has the largest distance from its training cells that a model reads, by run.
    """
    taught = [cell for cell in cells if can_be_taught(cell)]
    worth = {cell.id: uncertainty(cell) + unlikeness(cell, limits) for cell in taught}
    of_picture: dict[str, int] = defaultdict(int)
    discounted = {}
    for cell in sorted(taught, key=lambda cell: -worth[cell.id]):
        discounted[cell.id] = worth[cell.id] * NEXT_OF_PICTURE ** of_picture[cell.picture_id]
        of_picture[cell.picture_id] += 1
    first = sorted(discounted, key=lambda cell_id: -discounted[cell_id])
    return ReviewOrder((*first, *(cell.id for cell in cells if cell.id not in discounted)))


def rows(listed: Listed) -> list[tuple[str, list[ListedCell]]]:
    """The cells of a case in one row with a title, as `core.cases.board.rows` gives them."""
    by_id = {cell.id: cell for cell in listed.cells}
    ordered = of_case(case_store.get(listed.case.id)).cells
    return [("Teaches most first", [by_id[name] for name in ordered if name in by_id])]


def of_case(case: CaseRow) -> ReviewOrder:
    """The order of a case's cells; a model that is gone gives no limit."""
    runs = {str(picture.model.get("run")) for picture in case.pictures}
    limits = {run: limit for run in runs if (limit := _limit(run)) is not None}
    return by_worth(case.cells, limits)


def uncertainty(cell: CellRow) -> float:
    """The entropy of the call, in bits: 1 at the threshold, and where the model says nothing.

    The log-odds are counted from the threshold, so that it is where the model is least sure.
    """
    if cell.probability is None:
        return 1.0 if cell.code in UNLIKE else 0.0
    calibration = cell.picture.model.get("calibration")
    known = calibration.get("threshold") if isinstance(calibration, dict) else None
    threshold = 0.5 if known is None else float(known)
    share = 1 / (1 + np.exp(_log_odds(threshold) - _log_odds(cell.probability)))
    return float(-share * np.log2(share) - (1 - share) * np.log2(1 - share))


def unlikeness(cell: CellRow, limits: Mapping[str, float]) -> float:
    """The distance from the training cells as a share of the largest that is read, at most 1.

    1 if the cell was refused for it; 0 if it is not known.
    """
    if cell.probability is None:
        return 1.0 if cell.code in UNLIKE else 0.0
    limit = limits.get(str(cell.picture.model.get("run")))
    if limit is None or cell.distance is None:
        return 0.0
    return min(1.0, cell.distance / limit)


def _log_odds(probability: float) -> float:
    inside = np.clip(probability, 1e-4, 1 - 1e-4)
    return float(np.log(inside / (1 - inside)))


def _limit(run_id: str) -> float | None:
    try:
        kept = reference.load(run_store.get(run_id))
    except BlastLensError:
        return None
    return kept.limit if kept else None
