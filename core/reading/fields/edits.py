"""Numbers the cells of a field, and applies a person's edits of their boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.cells.detection.box import with_box
from core.cells.detection.detect import Cell, Field
from core.cells.detection.tiles import Region
from core.errors import DataError

SAME = 0.5  # of the smaller cell: two cells that share more are one


@dataclass(frozen=True)
class Edit:
    """A person's edit: "add" a box, "remove" a number, or "redraw" a number as a box."""

    kind: str
    number: int | None = None
    box: tuple[int, int, int, int] | None = None  # x, y, w, h in pixels of the field


@dataclass(frozen=True)
class Marked:
    """A cell with its number, which never changes; user_drawn: a person drew its box."""

    number: int
    cell: Cell
    user_drawn: bool = False


def mark(
    field: Field, region: Region, edits: Sequence[Edit] = (), um_per_px: float | None = None
) -> tuple[Marked, ...]:
    """Numbers the field's cells from 1 and applies the edits in their order.

    Added cells get the numbers that follow; numbers of removed cells are not used again. Raises
    `DataError` for an edit that is not possible.
    """
    marked = {number: Marked(number, cell) for number, cell in enumerate(field.cells, 1)}
    last = len(marked)
    for edit in edits:
        if edit.kind in ("remove", "redraw") and edit.number not in marked:
            raise DataError(f"This field has no cell No. {edit.number}.")
        if edit.kind == "remove":
            del marked[edit.number or 0]
            continue
        if edit.kind not in ("add", "redraw") or edit.box is None:
            raise DataError(
                f'"{edit.kind}" is not an edit of boxes; it can be add, remove or redraw.'
            )
        number = edit.number or 0
        if edit.kind == "add":
            last = number = last + 1
        cell = with_box(region, edit.box, um_per_px=um_per_px)
        for other in marked.values():
            if other.number != number and _overlap(cell, other.cell) > SAME:
                raise DataError(
                    f"In this box lies cell No. {other.number}, which has been found already: "
                    "redraw or remove it instead of counting it twice."
                )
        marked[number] = Marked(number, cell, True)
    return tuple(marked[number] for number in sorted(marked))


def _overlap(cell: Cell, other: Cell) -> float:
    """The area that two cells share, over that of the smaller one."""
    (x, y, w, h), (a, b, c, d) = cell.bbox, other.bbox
    left, top, right, bottom = max(x, a), max(y, b), min(x + w, a + c), min(y + h, b + d)
    if right <= left or bottom <= top:
        return 0.0
    own = cell.mask[top - y : bottom - y, left - x : right - x]
    others = other.mask[top - b : bottom - b, left - a : right - a]
    return float((own & others).sum()) / min(cell.area_px, other.area_px)
