"""The verbs of the command line on smear fields: finding white cells, and reading them."""

import argparse
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.cells import annotations
from core.cells.detection import detect, tiles
from core.cells.detection.detect import Field
from core.cells.detection.tiles import LARGE, Region, Whole
from core.cells.scale import AskForMagnification, scale_of
from core.data.images import decode, encode, open_large_image, size_of
from core.errors import ConfigError, UploadError
from core.reading.field import FieldCell, FieldReading, add_up, is_field, read_field, single
from core.reading.field_picture import OVERVIEW, overlay
from core.reading.reader import Reader, Reading
from core.storage import atomic

MOST_JUDGED = 40  # cells of a field: each takes the model some 60 further looks


def cells_options(sub: argparse.ArgumentParser) -> None:
    """The options of `find_cells`."""
    sub.add_argument("image", nargs="+", metavar="IMAGE")
    sub.add_argument("--mask", metavar="DIR", help="write masks: 128 cytoplasm, 255 nucleus")
    sub.add_argument("--overlay", metavar="DIR", help="write the images with outlines")
    sub.add_argument("--csv", metavar="FILE", help="write the boxes as a table")
    sub.add_argument("--coco", metavar="FILE", help="write boxes and outlines as COCO JSON")
    sub.add_argument("--um-per-px", type=float, metavar="µm", help="scale; default: by red cells")


def find_cells(
    options: argparse.Namespace, progress: Callable[[int, int], None]
) -> list[dict[str, Any]]:
    """Finds white cells in fields: boxes, masks, overlays. Large scans are done in tiles.

    Raises `UploadError` for an image that cannot be read, `ConfigError` for a scale that cannot
    be.
    """
    if options.um_per_px is not None and not 0.02 <= options.um_per_px <= 1:
        raise ConfigError(
            f"--um-per-px is {options.um_per_px:g}: a pixel of a microscope's field covers 0.02 "
            "to 1 µm; give the camera's pixel size over the magnification."
        )
    missing = [name for name in options.image if not Path(name).is_file()]
    if missing:
        raise UploadError(f"There is no file {', '.join(missing)}. Check the path.")
    told, found = [], []
    stems: set[str] = set()
    for name in options.image:
        started = time.perf_counter()
        field = _field(Path(name), name, options, progress)
        milliseconds = 1000 * (time.perf_counter() - started)
        stem = _unique(Path(name).stem, stems)
        files = _write(Path(name), name, stem, field, options)
        told.append(_document(name, field, options, milliseconds) | files)
        found.append((name, field))
    if options.csv:
        _save(Path(options.csv), annotations.to_csv(found).encode())
    if options.coco:
        _save(
            Path(options.coco), json.dumps(annotations.to_coco(found), ensure_ascii=False).encode()
        )
    return told


def field_options(sub: argparse.ArgumentParser) -> None:
    """The options of `read` for whole fields."""
    sub.add_argument("--field", action="store_true", help="read each image as a whole field")
    sub.add_argument("--um-per-px", type=float, metavar="µm", help="a field's scale")
    sub.add_argument(
        "--one-patient", action="store_true", help="add up the fields, which are of one patient"
    )


@dataclass(frozen=True)
class FieldImage:
    """A field that was read from a file, with a picture of it with its outlines."""

    reading: FieldReading
    overlay: np.ndarray
    judged: dict[int, dict[str, Any]]

    @property
    def image(self) -> str:
        """The file."""
        return self.reading.image

    @property
    def cells(self) -> tuple[FieldCell, ...]:
        """Found, read or not."""
        return self.reading.cells

    @property
    def reason(self) -> str:
        """Why nothing was read, where that is so."""
        if self.reading.question and self.reading.field.cells:
            return self.reading.question
        return "no white cell was found in it; if you see one, give the scale (--um-per-px)."

    def document(self, reader: Reader) -> dict[str, Any]:
        """As the command line prints it."""
        reading = self.reading
        return {
            "image": reading.image,
            "kind": "field",
            "reason": reading.question,
            "um_per_px": reading.um_per_px,
            "scale_by": reading.scale_by,
            "complete": reading.field.complete,
            "cells": [
                {
                    "number": one.number,
                    "bbox": list(one.cell.bbox),
                    "area_px": one.cell.area_px,
                    "score": round(one.cell.score, 4),
                    "touches_border": one.cell.touches_border,
                    "state": one.state,
                    "probability": one.probability,
                    "logit": one.logit,
                    "interval": None if one.interval is None else list(one.interval),
                    "call": one.call,
                    "leaning": one.leaning,
                    "gate": asdict(one.gate),
                    "cam": self.judged.get(one.number),
                }
                for one in reading.cells
            ],
            "summary": reading.summary.to_json(),
        }


def read_image(
    reader: Reader,
    name: str,
    options: argparse.Namespace,
    progress: Callable[[str], Callable[[int, int], None]],
) -> Reading | FieldImage:
    """A cell or a field; a picture that the gate takes for a field is read as one.

    Large scans are always fields. Heat maps are judged for `MOST_JUDGED` cells of a field at most:
    beyond, `cam` is null. Raises `UploadError` for a field that cannot be read.
    """
    path = Path(name)
    try:
        height, width = size_of(path, name)
    except UploadError:
        return reader.read(path, name)  # which says why it is refused
    large = height * width >= LARGE
    if not large and not options.field:
        reading = reader.read(path, name)
        if not is_field(reading):
            return reading
    with ExitStack() as stack:
        if large:
            region: Region = stack.enter_context(open_large_image(path, name))
            looked = progress("looking through tiles")
            field = tiles.detect_tiled(region, um_per_px=options.um_per_px, progress=looked)
        else:
            image = decode(path, name)
            region, field = Whole(image), detect.detect(image, um_per_px=options.um_per_px)
        read = progress("reading cells")
        done = read_field(reader, region, field, name, um_per_px=options.um_per_px, progress=read)
        return FieldImage(done, overlay(_picture(region), done), _judged(reader, region, done))


def patient(run_id: str, found: list[FieldImage]) -> dict[str, Any]:
    """What the fields of one patient come to."""
    if not found:
        raise ConfigError("--one-patient adds up fields, and none of the images is one.")
    total = add_up([one.reading for one in found])
    return {
        "run": run_id,
        "image": None,
        "kind": "patient",
        "cells": [],
        "summary": total.to_json(),
    }


def _judged(reader: Reader, region: Region, done: FieldReading) -> dict[int, dict[str, Any]]:
    read = [one.number for one in done.cells if one.call is not None]
    if len(read) > MOST_JUDGED:
        return {}
    alone = {number: single(reader, region, done, number) for number in read}
    return {number: reader.judge(one.cells[0]).to_json() for number, one in alone.items()}


def _picture(region: Region) -> np.ndarray:
    """The field, or of a large one every nth pixel, RGB uint8."""
    height, width = region.shape
    step = max(1, -(-max(height, width) // OVERVIEW))
    rows = [
        region.read(0, y, width, min(step, height - y))[:1, ::step] for y in range(0, height, step)
    ]
    return np.vstack(rows)


def _field(
    path: Path, name: str, options: argparse.Namespace, progress: Callable[[int, int], None]
) -> Field:
    height, width = size_of(path, name)
    if height * width < LARGE:
        return detect.detect(decode(path, name), um_per_px=options.um_per_px)
    with open_large_image(path, name) as scan:
        return tiles.detect_tiled(scan, um_per_px=options.um_per_px, progress=progress)


def _write(
    path: Path, name: str, stem: str, field: Field, options: argparse.Namespace
) -> dict[str, str]:
    files = {}
    if options.mask:
        file = Path(options.mask) / f"{stem}_mask.png"
        _save(file, encode(annotations.mask_image(field)))
        files["mask"] = str(file)
    if options.overlay:
        file = Path(options.overlay) / f"{stem}_overlay.png"
        _save(file, encode(annotations.overlay(decode(path, name), field)))
        files["overlay"] = str(file)
    return files


def _document(
    name: str, field: Field, options: argparse.Namespace, milliseconds: float
) -> dict[str, Any]:
    scale = scale_of(field, options.um_per_px)
    return {
        "image": name,
        "cells": [
            {
                "bbox": list(field.frame(cell)),
                "area_px": cell.area_px,
                "score": round(cell.score, 4),
                "touches_border": cell.touches_border,
            }
            for cell in field.cells
        ],
        "milliseconds": round(milliseconds, 1),
        "um_per_px": None if isinstance(scale, AskForMagnification) else round(scale, 4),
        "magnification_needed": scale.reason if isinstance(scale, AskForMagnification) else None,
    }


def _unique(stem: str, stems: set[str]) -> str:
    name, number = stem, 1
    while name in stems:
        number += 1
        name = f"{stem}_{number}"
    stems.add(name)
    return name


def _save(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic(file) as temporary:
        temporary.write_bytes(data)
