"""Pictures of a field that was read: made smaller, with outlines, numbers and crops."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.detection.detect import Cell
from core.cells.detection.setting import resized
from core.cells.detection.tiles import Region
from core.cells.masks import contours, draw_lines
from core.reading.fields.reading import CUT, NOT_READ, FieldCell, FieldReading

OVERVIEW = 1600  # pixels of the longer side, at most
# Okabe-Ito; never alone: each comes with its word.
COLOURS = {
    "ALL": "#D55E00",
    "HEM": "#0072B2",
    "review": "#E69F00",
    NOT_READ: "#666666",
    CUT: "#666666",
}
AROUND = 1.5  # side of a cell's small picture, over the cell's longer side
DETAIL = 0.6  # pixels of the shown picture by which a simplified outline may be off


@dataclass(frozen=True)
class Shown:
    """A cell in the shown picture: its outline (N, 2), closed, and its middle and diameter."""

    cell: FieldCell
    outline: np.ndarray
    middle: tuple[float, float]
    diameter: float


def overview(image: np.ndarray) -> np.ndarray:
    """A field in a size that can be shown, RGB uint8; a small one is returned as it is."""
    return resized(image, min(1, OVERVIEW / max(image.shape[:2])))


def shown(reading: FieldReading, width: int) -> list[Shown]:
    """The cells in a picture of the field that is `width` pixels wide."""
    factor = width / reading.field.shape[1]
    cells = []
    for cell in reading.cells:
        x, y, w, h = cell.cell.bbox
        line = _line(cell.cell) * factor
        simple = cv2.approxPolyDP(line.astype(np.float32)[:, None], DETAIL, True)[:, 0]
        middle = ((x + w / 2) * factor, (y + h / 2) * factor)
        closed = np.vstack((simple, simple[:1]))
        cells.append(Shown(cell, closed, middle, max(w, h) * factor))
    return cells


def in_field(
    across: tuple[float, float], down: tuple[float, float], reading: FieldReading, width: int
) -> tuple[int, int, int, int]:
    """The box (x, y, w, h) in the field of a box in a picture that is `width` pixels wide."""
    factor = reading.field.shape[1] / width
    left, right = sorted(value * factor for value in across)
    top, bottom = sorted(value * factor for value in down)
    return round(left), round(top), round(right - left), round(bottom - top)


def thumbnail(region: Region, cell: Cell, side: int = 128) -> np.ndarray:
    """The cell and its surroundings, RGB uint8 (side, side, 3); dark beyond the field's border."""
    x, y, w, h = cell.bbox
    length = max(2, round(AROUND * max(w, h)))
    left, top = x + (w - length) // 2, y + (h - length) // 2
    result = np.full((length, length, 3), 24, np.uint8)
    low, high = max(0, left), max(0, top)
    right, bottom = min(region.shape[1], left + length), min(region.shape[0], top + length)
    place = result[high - top : bottom - top, low - left : right - left]
    place[:] = region.read(low, high, right - low, bottom - high)
    way = cv2.INTER_AREA if length > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(result, (side, side), interpolation=way))


def overlay(image: np.ndarray, reading: FieldReading) -> np.ndarray:
    """The field, or a smaller picture of it, with outlines and numbers, RGB uint8 (H, W, 3)."""
    result = np.ascontiguousarray(image).copy()
    thick = max(1, round(min(image.shape[:2]) / 400))
    for item in shown(reading, image.shape[1]):
        colour = rgb(COLOURS[item.cell.state])
        line = np.round(item.outline).astype(np.int32)
        width = thick if item.cell.call is not None else max(1, thick // 2)
        draw_lines(result, [line], colour, width)
        how = " adapted" if item.cell.adapted else ""
        text = f"{item.cell.number} {item.cell.call or '-'}{how}"
        place = max(0, int(line[:, 0].min())), max(12, int(line[:, 1].min()) - 3)
        font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.4 * thick + 0.1
        cv2.putText(result, text, place, font, size, (255, 255, 255), 3 * thick, cv2.LINE_AA)
        cv2.putText(result, text, place, font, size, colour, thick, cv2.LINE_AA)
    return result


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of "#rrggbb"."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _line(cell: Cell) -> np.ndarray:
    """The longest outline of a cell, (N, 2), in pixels of the field."""
    lines = contours(cell.mask, cell.bbox[:2])
    return np.asarray(max(lines, key=len)[:, 0], np.float64)
