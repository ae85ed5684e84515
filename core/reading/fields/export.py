"""A read field for other programs: boxes as CSV and COCO JSON, and all of it as ZIP."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO

import numpy as np

from core.cells import annotations
from core.cells.detection.detect import Field
from core.cells.detection.tiles import Region
from core.cells.masks import diameter
from core.data.images import encode
from core.reading.fields.drawing import overlay
from core.reading.fields.reader import model_input
from core.reading.fields.reading import FieldReading
from core.reading.reader import Reader
from core.tables import rows_to_csv

ROWS = 512  # rows of a mask that are written at a time
COLUMNS = (
    "image", "number", "x", "y", "w", "h", "area_px", "score", "touches_border", "drawn_by_person",
    "state", "adapted_stain", "probability", "interval_low", "interval_high", "gate", "reason",
    "diameter_um", "lobed_nucleus",
)  # fmt: skip


def to_csv(readings: Sequence[FieldReading]) -> str:
    """One line a cell, with a header; columns stay empty if a cell was not read."""
    rows: list[tuple[object, ...]] = []
    for reading in readings:
        for one in reading.cells:
            cell = one.cell
            place = (*cell.bbox, cell.area_px, round(cell.score, 4), int(cell.touches_border))
            low, high = one.interval or ("", "")
            probability = "" if one.probability is None else one.probability
            how = (int(one.marked.user_drawn), one.state, int(one.adapted))
            call = (*how, probability, low, high)
            gate = (one.gate.code or "", one.gate.sentence or "")
            scale = None if cell.touches_border else reading.um_per_px
            across = "" if scale is None else round(diameter(cell.mask) * scale, 2)
            measured = (across, int(one.lobed))
            rows.append((reading.image, one.number, *place, *call, *gate, *measured))
    return rows_to_csv(COLUMNS, rows)


def to_coco(readings: Sequence[FieldReading]) -> annotations.Coco:
    """A COCO detection document; the `attributes` of an annotation are the result for the cell."""
    document = annotations.to_coco([(reading.image, reading.edited) for reading in readings])
    cells = [cell for reading in readings for cell in reading.cells]
    for annotation, cell in zip(document["annotations"], cells, strict=True):
        annotation["attributes"] = {
            "number": cell.number,
            "state": cell.state,
            "adapted_stain": cell.adapted,
            "probability": cell.probability,
            "drawn_by_person": cell.marked.user_drawn,
        }
    return document


def to_zip(reader: Reader, region: Region, reading: FieldReading, picture: np.ndarray) -> bytes:
    """Boxes, mask (0, 128 cytoplasm, 255 nucleus), overlay, sum, and cells as the model saw them.

    The overlay is drawn on `picture`: the field, or a smaller picture of it.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readings.csv", to_csv([reading]))
        archive.writestr("boxes.coco.json", as_json(to_coco([reading])))
        archive.writestr("summary.json", as_json(reading.summary.to_json()))
        with archive.open("mask.png", "w") as file:
            _write_mask(file, reading.edited)
        archive.writestr("overlay.png", encode(overlay(picture, reading)))
        for cell in reading.cells:
            pixels = model_input(reader, region, reading, cell.number)
            if pixels is not None:
                how = f"{cell.call or 'unread'}{'_adapted' if cell.adapted else ''}"
                archive.writestr(f"cells/{cell.number:04d}_{how}.png", encode(pixels))
    return buffer.getvalue()


def _write_mask(file: IO[bytes], field: Field) -> None:
    """Writes `annotations.mask_image` as an 8-bit grey PNG, some rows at a time.

    Pillow and OpenCV encode whole arrays only, and the mask of a large scan takes over 100 MB.
    """
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
    """A document as text. Raises `ValueError` for NaN, which JSON does not have."""
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
