"""Cells of a field by number and state, and boxes around them."""

from core.cells.detection.detect import Cell
from core.reading.fields.reading import FieldReading

SCALE = 0.5
UM_PER_PX = 0.06 / SCALE


def states(reading: FieldReading) -> dict[int, str]:
    return {one.number: one.state for one in reading.cells}


def around(cell: Cell, by: int = 6) -> tuple[int, int, int, int]:
    x, y, w, h = cell.bbox
    return x - by, y - by, w + 2 * by, h + 2 * by
