"""The cell within a box that a person drew in a field."""

from dataclasses import replace

import cv2
import numpy as np

from core.cells.detection.detect import Cell, find
from core.cells.detection.setting import read_setting
from core.cells.detection.tiles import Region
from core.errors import DataError

AROUND = 1024  # pixels around the box from which light and stain are measured
LEAST_SIDE = 8  # pixels
SLACK = 0.1  # of the box's side, by which an outline may exceed it
PALER = 0.6  # of the field's level of purple, for a nucleus that a person has pointed at
LEAST_PURPLE = 0.08  # natural logarithm; nothing is stained below it


def with_box(
    image: Region, box: tuple[int, int, int, int], *, um_per_px: float | None = None
) -> Cell:
    """Detects the white cell within a box (x, y, w, h) in pixels of the field, of any score.

    The outline is detected, and cut off well beyond the box. Raises `DataError` for a box that is
    too small or outside the field, and if nothing in it is stained like a nucleus.
    """
    x, y, w, h = _inside(image, box)
    left, top = max(0, x - AROUND), max(0, y - AROUND)
    right = min(image.shape[1], x + w + AROUND)
    bottom = min(image.shape[0], y + h + AROUND)
    around = image.read(left, top, right - left, bottom - top)
    setting = read_setting(around, um_per_px)
    margin = int(np.ceil(2 * setting.red_cell))
    column, row = max(0, x - left - margin), max(0, y - top - margin)
    near = around[row : y - top + h + margin, column : x - left + w + margin]
    corner = column + left, row + top
    moved = x - corner[0], y - corner[1], w, h
    for share in (1.0, PALER):
        paler = replace(setting, level=max(share * setting.level, LEAST_PURPLE))
        # The darkest part of a box on empty glass is no nucleus, whatever level noise leads to.
        cell = _best(find(near, paler), moved)
        if cell is not None:
            return _in_field(cell, corner, image.shape)
    raise DataError(
        f"Nothing in the box at ({x}, {y}), {w} x {h} pixels, is stained like a nucleus: draw it "
        "around a whole white cell."
    )


def _inside(image: Region, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    height, width = image.shape
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(width, box[0] + box[2]), min(height, box[1] + box[3])
    if right - left < LEAST_SIDE or bottom - top < LEAST_SIDE:
        raise DataError(
            f"The box at ({box[0]}, {box[1]}), {box[2]} x {box[3]} pixels, leaves less than "
            f"{LEAST_SIDE} x {LEAST_SIDE} pixels of the field: draw it around a whole cell."
        )
    return left, top, right - left, bottom - top


def _best(cells: list[Cell], box: tuple[int, int, int, int]) -> Cell | None:
    """The cell with most of its area within the box, cut to it; None if none is mostly inside."""
    inside = [(part, cell) for cell in cells if (part := _cut(cell, box)) is not None]
    whole = [
        part for part, cell in inside
        if part.area_px >= 0.5 * cell.area_px or _middle_inside(cell, box)
    ]  # fmt: skip
    return max(whole, key=lambda part: part.area_px, default=None)


def _middle_inside(cell: Cell, box: tuple[int, int, int, int]) -> bool:
    x, y, w, h = cell.bbox
    return 0 <= x + w / 2 - box[0] < box[2] and 0 <= y + h / 2 - box[1] < box[3]


def _cut(cell: Cell, box: tuple[int, int, int, int]) -> Cell | None:
    x, y, w, h = cell.bbox
    across, down = round(SLACK * box[2]), round(SLACK * box[3])
    keep = np.zeros((h, w), bool)
    rows = slice(max(0, box[1] - down - y), max(0, box[1] + box[3] + down - y))
    columns = slice(max(0, box[0] - across - x), max(0, box[0] + box[2] + across - x))
    keep[rows, columns] = True
    mask, nucleus = cell.mask & keep, cell.nucleus & keep
    if not nucleus.any():
        return None
    a, b, c, d = cv2.boundingRect(mask.astype(np.uint8))
    window = np.s_[b : b + d, a : a + c]
    return replace(
        cell,
        bbox=(x + a, y + b, c, d),
        mask=mask[window],
        nucleus=nucleus[window],
        area_px=int(mask.sum()),
    )


def _in_field(cell: Cell, corner: tuple[int, int], shape: tuple[int, int]) -> Cell:
    x, y, w, h = cell.bbox[0] + corner[0], cell.bbox[1] + corner[1], *cell.bbox[2:]
    border = x == 0 or y == 0 or x + w == shape[1] or y + h == shape[0]
    return replace(cell, bbox=(x, y, w, h), touches_border=border)
