"""Decides what a picture shows, one cell or a whole field, and reads it accordingly.

The pages and the command line ask here and nowhere else. A picture of `SCAN_FROM` pixels or more is
a field. Any other is looked at as a cell first; it is a field if the checks find that it shows
several white cells, or one that it was not taken for: a small part of it, or aside
(`core.reading.preparing.natural_background`). What a model makes of the cell plays no part.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.cells.detection import tiles
from core.cells.detection.detect import Field, detect
from core.cells.detection.tiles import SCAN_FROM, Excerpt, Region, Whole
from core.data.images import open_large_image, size_of
from core.errors import ConfigError, UploadError
from core.reading.cell_reading import Reading
from core.reading.checked_picture import Gate
from core.reading.fields.drawing import OVERVIEW, overlay
from core.reading.fields.reader import read_field, single
from core.reading.fields.reading import FieldCell, FieldReading
from core.reading.fields.summary import Summary, summarise
from core.reading.preparing.eyepiece import open_picture, part_within_disc
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.reading.reader import Reader
from core.settings import settings

MOST_JUDGED = 40  # cells of a field: each takes the model some 60 further looks

Progress = Callable[[int, int], object]


def is_large(source: Path | bytes, name: str) -> bool:
    """Returns whether an image is so large that it can only be a field, searched in tiles.

    False for an image beyond all limits: reading it refuses it like any other unreadable file.
    """
    try:
        height, width = size_of(source, name)
    except UploadError:
        return False
    return SCAN_FROM <= height * width <= settings().max_scan_pixels


def has_background(reading: Reading) -> bool:
    """Returns whether a picture was searched for white cells, since it is not cut out on black."""
    return reading.gate.figures.get("white_cells") is not None


def is_field(reading: Reading) -> bool:
    """Returns whether a picture that was read as a cell shows a whole field instead."""
    return shows_field(reading.gate)


def shows_field(gate: Gate) -> bool:
    """Returns whether the checks of a cell say that its picture shows a whole field instead."""
    return gate.figures.get("close_up") == 0


@dataclass(frozen=True)
class FieldImage:
    """The reading of an image file that shows a field.

    overlay: the field with the outlines of its cells, RGB uint8 (H, W, 3). judged: the verdict on
    the heat map of each cell, by number, as JSON; empty if there are more than `MOST_JUDGED` cells.
    notes: what was assumed of its samples, in sentences.
    """

    reading: FieldReading
    overlay: np.ndarray
    judged: dict[int, dict[str, object]]
    notes: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        return self.reading.image

    @property
    def cells(self) -> tuple[FieldCell, ...]:
        return self.reading.cells

    @property
    def reason(self) -> str:
        """Why no cell was read, if none was."""
        if self.reading.question and self.reading.field.cells:
            return self.reading.question
        return "no white cell was found in it; if you see one, give the scale (--um-per-px)."

    def to_json(self) -> dict[str, object]:
        """The document that the command line prints."""
        reading = self.reading
        return {
            "image": reading.image,
            "kind": "field",
            "reason": reading.question,
            "um_per_px": reading.um_per_px,
            "scale_by": reading.scale_by,
            "prepared": list(self.notes) or None,
            "complete": reading.field.complete,
            "cells": [self._cell_to_json(cell) for cell in reading.cells],
            "summary": reading.summary.to_json(),
        }

    def _cell_to_json(self, cell: FieldCell) -> dict[str, object]:
        return {
            "number": cell.number,
            "bbox": list(cell.cell.bbox),
            "area_px": cell.cell.area_px,
            "score": round(cell.cell.score, 4),
            "touches_border": cell.cell.touches_border,
            "state": cell.state,
            "probability": cell.probability,
            "logit": cell.logit,
            "interval": None if cell.interval is None else list(cell.interval),
            "call": cell.call,
            "leaning": cell.leaning,
            "adapted_stain": cell.adapted,
            "lobed_nucleus": cell.lobed,
            "gate": asdict(cell.gate),
            "cam": self.judged.get(cell.number),
        }


def read_picture(
    reader: Reader,
    path: Path,
    name: str,
    *,
    as_field: bool = False,
    um_per_px: float | None = None,
    swap_red_blue: bool = False,
    adapt_stain: bool = False,
    progress: Callable[[str], Progress] = lambda action: lambda done, total: None,
) -> Reading | FieldImage:
    """Reads an image file as a cell or as a field.

    `as_field` reads it as a field in any case. `um_per_px` is the scale of a field (None: by its
    red cells), or of a cell on black (None: that of training). `swap_red_blue` and `adapt_stain` as
    in `ReadingOptions`. `progress` gets the name of each action and returns its progress function.
    A file that cannot be decoded gives a refused `Reading`; raises `UploadError` for a damaged
    large one, and for a large one whose red and blue are swapped.
    """
    if not (as_field or (is_large(path, name) and not reader.whole_images)):
        reading = reader.read(path, name, ReadingOptions(swap_red_blue, um_per_px, adapt_stain))
        if not is_field(reading):
            return reading
    tiles_done = progress("looking through tiles")
    with open_field(path, name, um_per_px, tiles_done, swap_red_blue) as (region, field):
        reading_cells = progress("reading cells")
        result = read_field(
            reader,
            region,
            field,
            name,
            um_per_px=um_per_px,
            adapt_stain=adapt_stain,
            progress=reading_cells,
        )
        picture = overlay(_overview(region), result)
        heat_maps = _judge_heat_maps(reader, region, result)
        return FieldImage(result, picture, heat_maps, notes_of(region))


def read_small_field(
    reader: Reader, source: Path | bytes, name: str, options: ReadingOptions = NO_OPTIONS
) -> FieldReading:
    """Finds and reads the white cells of a field that is not large, by the scale of its red cells.

    Of what was `told`, only whether to adapt stain matters here.

    Raises `UploadError` if the file cannot be read.
    """
    image, _ = open_picture(source, name)
    adapt = options.adapt_stain
    return read_field(reader, Whole(image), detect(image), name, adapt_stain=adapt)


@contextmanager
def open_field(
    path: Path,
    name: str,
    um_per_px: float | None,
    progress: Progress,
    swap_red_blue: bool = False,
) -> Iterator[tuple[Region, Field]]:
    """Opens an image file and detects its white cells: a large image by tiles, others at once.

    Raises `UploadError` if the file cannot be read, or is large and `swap_red_blue` is set.
    """
    if is_large(path, name):
        if swap_red_blue:
            raise UploadError(
                f"{name} is too large to have its red and blue swapped here. Export it again in "
                "the order red, green, blue."
            )
        with open_large_image(path, name) as large:
            region = part_within_disc(large)
            yield region, tiles.detect_tiled(region, um_per_px=um_per_px, progress=progress)
    else:
        image, notes = open_picture(path, name)
        if swap_red_blue:
            image = np.ascontiguousarray(image[:, :, ::-1])
        yield Whole(image, notes), detect(image, um_per_px=um_per_px)


def notes_of(region: Region) -> tuple[str, ...]:
    """What was assumed of a region that `open_field` opened, or done to it, in sentences."""
    return region.notes if isinstance(region, Whole | Excerpt) else ()


def of_patient(fields: list[FieldImage]) -> Summary:
    """Adds up the fields of one patient. Raises `ConfigError` if there is none."""
    if not fields:
        raise ConfigError(
            "--one-patient adds up fields, and none of the images is one. Leave it out, or give "
            "fields."
        )
    readings = [field.reading for field in fields]
    return summarise([reading.counts for reading in readings], readings[0].rates)


def _judge_heat_maps(
    reader: Reader, region: Region, reading: FieldReading
) -> dict[int, dict[str, object]]:
    called = [cell.number for cell in reading.cells if cell.call is not None]
    if len(called) > MOST_JUDGED:
        return {}
    alone = {number: single(reader, region, reading, number) for number in called}
    return {number: reader.judge(cell.cells[0]).to_json() for number, cell in alone.items()}


def _overview(region: Region) -> np.ndarray:
    """The field, or every nth pixel of a large one, RGB uint8."""
    height, width = region.shape
    step = max(1, -(-max(height, width) // OVERVIEW))
    rows = [
        region.read(0, y, width, min(step, height - y))[:1, ::step] for y in range(0, height, step)
    ]
    return np.vstack(rows)
