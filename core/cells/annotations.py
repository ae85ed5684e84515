"""Detected cells for other programs: mask PNGs, boxes as CSV and COCO, overlays.

Boxes are those of `Field.frame`, with a margin as annotators leave it; masks are tight.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from core.cells.detection.detect import Cell, Field
from core.cells.masks import contours, draw_lines
from core.tables import rows_to_csv

CYTOPLASM, NUCLEUS = 128, 255
COLUMNS = ("image", "x", "y", "w", "h", "area_px", "score", "touches_border")
WHOLE, CUT = (0, 158, 115), (230, 159, 0)  # Okabe-Ito's green and orange


class Coco(TypedDict):
    """A COCO detection document; images, annotations and categories refer to one another by id."""

    images: list[dict[str, object]]
    annotations: list[dict[str, object]]
    categories: list[dict[str, object]]


def mask_image(field: Field, top: int = 0, bottom: int | None = None) -> np.ndarray:
    """The cells as uint8 (H, W): 0 background, 128 cytoplasm, 255 nucleus.

    `top` and `bottom` limit the rows, for a field too large for one array.
    """
    bottom = field.shape[0] if bottom is None else bottom
    result = np.zeros((bottom - top, field.shape[1]), np.uint8)
    for cell in field.cells:
        x, y, w, h = cell.bbox
        first, last = max(y, top), min(y + h, bottom)
        if first >= last:
            continue
        window, rows = result[first - top : last - top, x : x + w], slice(first - y, last - y)
        window[cell.mask[rows] & (window < CYTOPLASM)] = CYTOPLASM
        window[cell.nucleus[rows]] = NUCLEUS
    return result


def overlay(image: np.ndarray, field: Field) -> np.ndarray:
    """The image, RGB uint8 (H, W, 3), with outlines: green, or orange if cut by the border."""
    result = image.copy()
    thick = max(1, round(min(field.shape) / 400))
    for cell in field.cells:
        colour = CUT if cell.touches_border else WHOLE
        for part in (cell.mask, cell.nucleus):
            draw_lines(result, contours(part, cell.bbox[:2]), colour, thick)
    return result


def to_csv(fields: Sequence[tuple[str, Field]]) -> str:
    """One line a cell, with a header, of fields with the names of their images."""
    rows = []
    for name, field in fields:
        for cell in field.cells:
            row = [cell.area_px, round(cell.score, 4), int(cell.touches_border)]
            rows.append([name, *field.frame(cell), *row])
    return rows_to_csv(COLUMNS, rows)


def to_coco(fields: Sequence[tuple[str, Field]]) -> Coco:
    """A COCO detection document: images, one category, boxes with polygons of the outlines."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, (name, field) in enumerate(fields, 1):
        height, width = field.shape
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for cell in field.cells:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "bbox": list(field.frame(cell)),
                    "area": cell.area_px,
                    "segmentation": _polygons(cell),
                    "iscrowd": 0,
                    "score": round(cell.score, 4),
                }
            )
    categories: list[dict[str, object]] = [{"id": 1, "name": "white cell", "supercategory": "cell"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def _polygons(cell: Cell) -> list[list[int]]:
    lines = contours(cell.mask, cell.bbox[:2], corners_only=True)
    return [line.ravel().tolist() for line in lines if len(line) >= 3]
