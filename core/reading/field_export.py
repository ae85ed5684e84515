"""A read field for other programs: boxes as CSV and COCO JSON, and all of it as ZIP."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.cells import export
from core.cells.tiles import Region
from core.data.images import encode
from core.reading.field import FieldReading, model_input
from core.reading.field_picture import overlay
from core.reading.reader import Reader

COLUMNS = (
    "image", "number", "x", "y", "w", "h", "area_px", "score", "touches_border", "drawn_by_person",
    "state", "probability", "interval_low", "interval_high", "gate", "reason",
)  # fmt: skip


def to_csv(readings: Sequence[FieldReading]) -> str:
    """One line a cell, with a header; fields left empty where a cell was not read."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for reading in readings:
        for one in reading.cells:
            cell = one.cell
            place = (*cell.bbox, cell.area_px, round(cell.score, 4), int(cell.touches_border))
            low, high = one.interval or ("", "")
            said = "" if one.probability is None else one.probability
            call = (int(one.marked.drawn), one.state, said, low, high)
            why = (one.gate.code or "", one.gate.sentence or "")
            writer.writerow((reading.image, one.number, *place, *call, *why))
    return text.getvalue()


def to_coco(readings: Sequence[FieldReading]) -> dict[str, Any]:
    """A COCO detection document; each annotation's `attributes` say what came of the cell."""
    document: dict[str, Any] = export.to_coco([(one.image, one.shown) for one in readings])
    cells = [one for reading in readings for one in reading.cells]
    for annotation, one in zip(document["annotations"], cells, strict=True):
        annotation["attributes"] = {
            "number": one.number,
            "state": one.state,
            "probability": one.probability,
            "drawn_by_person": one.marked.drawn,
        }
    return document


def to_zip(reader: Reader, region: Region, reading: FieldReading, picture: np.ndarray) -> bytes:
    """Boxes, mask (0, 128 cytoplasm, 255 nucleus), overlay, sum, and cells as the model saw them.

    `picture` is what the overlay is drawn on: the field, or a smaller picture of it.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readings.csv", to_csv([reading]))
        archive.writestr("boxes.coco.json", as_json(to_coco([reading])))
        archive.writestr("summary.json", as_json(reading.summary.to_json()))
        archive.writestr("mask.png", encode(export.mask_image(reading.shown)))
        archive.writestr("overlay.png", encode(overlay(picture, reading)))
        for one in reading.cells:
            pixels = model_input(reader, region, reading, one.number)
            if pixels is not None:
                archive.writestr(
                    f"cells/{one.number:04d}_{one.call or 'unread'}.png", encode(pixels)
                )
    return buffer.getvalue()


def as_json(document: object) -> str:
    """As text; NaN is refused, since JSON has none."""
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
