"""The decided cells of cases that a model can be taught with, and why others cannot."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from core.cases import case_store, pictures
from core.cases.case_store import SIGNED
from core.cases.intake import CUT
from core.cases.labels import ALL, HEM
from core.cases.review import disagreements
from core.cases.tables import CaseRow, CellRow
from core.cells.detection.red_cells import RED_CELL_UM
from core.data.images import decode
from core.data.pixel_cache import IMAGE
from core.errors import BlastLensError
from core.ood import reference
from core.reading.fields.reading import BORDER
from core.runs import run_store

LABELS = {ALL: 1, HEM: 0}
NOT_SIGNED = "in cases that are not signed"
NOT_DECIDED = "not decided"
WHOLE = "pictures that were read whole"
OTHERWISE = "decided to be neither ALL nor HEM"
DIFFERED = "on which readers differ"
ADAPTED = "kept in colours that were adapted to a model's"
CUT_OFF = "cut off by the edge of their pictures"
NO_PICTURE = "that could not be cut out"
OTHER_SCALE = "cut at another scale than most"
CLEARLY = 1.03  # times a scale: less does not count as another


@dataclass(frozen=True)
class DecidedCell:
    """A cell of a case that a person decided to be ALL (1) or HEM (0).

    picture: the place of its picture in the case; number: its own in that.
    """

    case_id: str
    picture: int
    number: int
    label: int
    digest: str
    um_per_px: float | None

    @property
    def image(self) -> np.ndarray:
        """The cell on black, RGB uint8 (W, W, 3). Raises `CaseError` if its file is gone."""
        return decode(pictures.load(self.case_id, self.digest), f"cell {self.number}")


@dataclass(frozen=True)
class Decided:
    """The cells that can be taught, ordered by case; the other cells, counted by reason."""

    cells: tuple[DecidedCell, ...]
    left_out: dict[str, int]

    @property
    def labels(self) -> np.ndarray:
        """1 = ALL, 0 = HEM, int64 (N,)."""
        return np.array([cell.label for cell in self.cells], int)

    @property
    def groups(self) -> np.ndarray:
        """The case of each cell, (N,): cells of one case never stand on both sides of a split."""
        return np.array([cell.case_id for cell in self.cells], object)

    @property
    def um_per_px(self) -> float | None:
        """Micrometres that a pixel of these pictures covers; None if unknown."""
        return self.cells[0].um_per_px if self.cells else None


def collect(case_ids: Iterable[str], *, open_too: bool = False) -> Decided:
    """The decided cells of cases; of cases that are not signed only if `open_too`.

    Cells of most cases have one scale, that of the model that read them; those that a model of
    another scale cut out are left out. Raises `CaseError` if there is no such case.
    """
    found: list[DecidedCell] = []
    left_out: Counter[str] = Counter()
    scale_of = cache(_scale_of)  # of a run, which many cells share
    for case_id in dict.fromkeys(case_ids):
        case = case_store.get(case_id)
        if case.state != SIGNED and not open_too:
            left_out[NOT_SIGNED] += len(case.cells)
            continue
        for cell, reason in _looked_through(case):
            if reason is None:
                um_per_px = scale_of(str(cell.picture.model.get("run")))
                label = LABELS[str(cell.label)]
                found.append(
                    DecidedCell(case_id, cell.place, cell.number, label, cell.files[CUT], um_per_px)
                )
            else:
                left_out[reason] += 1
    kept = _of_one_scale(found)
    if len(kept) < len(found):
        left_out[OTHER_SCALE] = len(found) - len(kept)
    return Decided(tuple(kept), dict(left_out.most_common()))


def can_be_taught(cell: CellRow) -> bool:
    """Whether a decision on the cell would be one more to learn from."""
    whole = cell.item == IMAGE
    return CUT in cell.files and not (whole or cell.adapted) and cell.code != BORDER.code


def _looked_through(case: CaseRow) -> Iterator[tuple[CellRow, str | None]]:
    """Each cell with why it is left out; None if it is not."""
    differing = {cell.id for cell in disagreements(case)}
    for cell in case.cells:
        if cell.item == IMAGE:
            yield cell, WHOLE
        elif cell.label is None:
            yield cell, NOT_DECIDED
        elif cell.label not in LABELS:
            yield cell, OTHERWISE
        elif cell.id in differing:
            yield cell, DIFFERED
        elif cell.adapted:
            yield cell, ADAPTED
        elif cell.code == BORDER.code:
            yield cell, CUT_OFF
        else:
            yield cell, None if CUT in cell.files else NO_PICTURE


def _scale_of(run_id: str) -> float | None:
    """Micrometres a pixel of what a run sees, to which it brings pictures; None if unknown."""
    try:
        kept = reference.load(run_store.get(run_id))
    except BlastLensError:
        return None
    return RED_CELL_UM / kept.red_cell if kept and kept.red_cell else None


def _of_one_scale(cells: Sequence[DecidedCell]) -> list[DecidedCell]:
    """The cells of the most frequent scale."""
    scales = Counter(cell.um_per_px for cell in cells)
    if len(scales) < 2:
        return list(cells)
    most = scales.most_common(1)[0][0]
    return [cell for cell in cells if _same(cell.um_per_px, most)]


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return max(one, other) / min(one, other) < CLEARLY
