"""A read field for other programs: boxes as CSV and COCO JSON, and all of it as ZIP."""

import csv
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from core.cells import annotations
from core.cells.detection.detect import Field
from core.cells.detection.tiles import Region
from core.data.images import encode
from core.reading.field import FieldReading, model_input
from core.reading.field_picture import overlay
from core.reading.reader import Reader

ROWS = 512  # of a mask, that are written at a time
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
            call = (int(one.marked.user_drawn), one.state, said, low, high)
            why = (one.gate.code or "", one.gate.sentence or "")
            writer.writerow((reading.image, one.number, *place, *call, *why))
    return text.getvalue()


def to_coco(readings: Sequence[FieldReading]) -> dict[str, Any]:
    """A COCO detection document; each annotation's `attributes` say what came of the cell."""
    document: dict[str, Any] = annotations.to_coco([(one.image, one.shown) for one in readings])
    cells = [one for reading in readings for one in reading.cells]
    for annotation, one in zip(document["annotations"], cells, strict=True):
        annotation["attributes"] = {
            "number": one.number,
            "state": one.state,
            "probability": one.probability,
            "drawn_by_person": one.marked.user_drawn,
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
        with archive.open("mask.png", "w") as file:
            _write_mask(file, reading.shown)
        archive.writestr("overlay.png", encode(overlay(picture, reading)))
        for one in reading.cells:
            pixels = model_input(reader, region, reading, one.number)
            if pixels is not None:
                archive.writestr(
                    f"cells/{one.number:04d}_{one.call or 'unread'}.png", encode(pixels)
                )
    return buffer.getvalue()


def _write_mask(file: IO[bytes], field: Field) -> None:
    """`export.mask_image` as a PNG, some rows at a time: a large scan's takes 100 MB and more."""
    height, width = field.shape

    def chunk(kind: bytes, data: bytes) -> None:
        file.write(struct.pack(">I", len(data)) + kind + data)
        file.write(struct.pack(">I", zlib.crc32(kind + data)))

    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))  # 8-bit grey
    packed = zlib.compressobj(level=6)
    for top in range(0, height, ROWS):
        part = annotations.mask_image(field, top, min(height, top + ROWS))
        unfiltered = np.zeros((len(part), 1), np.uint8)
        if data := packed.compress(np.hstack((unfiltered, part)).tobytes()):
            chunk(b"IDAT", data)
    chunk(b"IDAT", packed.flush())
    chunk(b"IEND", b"")


def as_json(document: object) -> str:
    """As text; NaN is refused, since JSON has none."""
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
