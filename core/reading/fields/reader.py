"""Reads the white cells of a whole field, one by one, as single cells are read."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from core.cells.detection.detect import Cell, Field
from core.cells.detection.red_cells import RED_CELL_UM
from core.cells.detection.tiles import Region
from core.cells.lobes import is_lobed
from core.cells.masks import diameter
from core.cells.scale import AskForMagnification, scale_of, size
from core.errors import ModelError
from core.evaluation.track_record import call_rates
from core.reading.cell_reading import Reading
from core.reading.checked_picture import CheckedPicture, Gate, Refusal, examine, refused
from core.reading.checks import OF_FEATURES, OF_PIXELS
from core.reading.description import Description
from core.reading.fields.edits import Edit, Marked, mark
from core.reading.fields.reading import BORDER, LATER, FieldCell, FieldReading
from core.reading.preparing import adapted, natural_background
from core.reading.preparing.doubts import answer
from core.reading.preparing.options import ReadingOptions
from core.reading.reader import Reader

BATCH = 16  # cells whose windows and feature maps are in memory together
MARGIN = 0.4  # of a cell's longer side, that is cut out around it
# The checks of a picture whose cell has been cut out of its background already.
BEFORE_CUT = ("stained", "field", "natural background")
AFTER_CUT = {code: check for code, check in OF_PIXELS.items() if code not in BEFORE_CUT}
GIVEN, BY_RED_CELLS = "the magnification given", "the field's red cells"
SMUDGE = refused(
    "smudge",
    "It looks like a smudge cell: its nucleus is paler, and less blue, than those of the other "
    "cells of this field.",
    "Count it separately; to have it read all the same, draw its box anew.",
)


def read_field(
    reader: Reader,
    region: Region,
    field: Field,
    name: str,
    *,
    um_per_px: float | None = None,
    adapt_stain: bool = False,
    edits: Sequence[Edit] = (),
    before: FieldReading | None = None,
    at_most: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> FieldReading:
    """Reads a field's cells; if its scale is unknown, asks for it and reads none.

    `um_per_px` is the scale if a person gave it. `adapt_stain` has cells that are refused for their
    appearance alone read as if stained like the reference cells. Cells that have not changed since
    `before`, an earlier reading of the same field with the same reader, are not read again. Once
    `at_most` cells have been read, the rest is left for the next call: `FieldReading.waiting`.
    Raises `ModelError` if the run sees whole images.
    """
    if reader.whole_images:
        raise ModelError(
            f"Run {reader.run.run_id} sees whole images, not the cells of a field. Take a run of "
            "single cells, or read this one as an image."
        )
    scale = scale_of(field, um_per_px)
    if isinstance(scale, AskForMagnification):
        return FieldReading(name, field, None, None, scale.reason, ())
    scale_by = BY_RED_CELLS if um_per_px is None else GIVEN
    marked = mark(field, region, edits, scale)
    earlier: dict[int, FieldCell] = {}
    if before is not None and (before.um_per_px, before.scale_by) == (scale, scale_by):
        earlier = {cell.number: cell for cell in before.cells}
    results = {
        item.number: earlier[item.number]
        for item in marked
        if item.number in earlier
        and _unchanged(item, earlier[item.number])
        and not (before and _depends(earlier[item.number], before.adapt_stain, adapt_stain))
    }
    new = [item for item in marked if item.number not in results]
    if at_most is not None:
        results |= {item.number: FieldCell(item, LATER) for item in new[at_most:]}
        new = new[:at_most]
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        for cell in _read(
            reader, region, batch, scale, scale_by, ReadingOptions(adapt_stain=adapt_stain)
        ):
            results[cell.number] = cell
        if progress is not None:
            progress(min(start + BATCH, len(new)), len(new))
    cells = tuple(replace(results[item.number], marked=item) for item in marked)
    return FieldReading(
        name,
        field,
        scale,
        scale_by,
        None,
        cells,
        before.rates if before else call_rates(reader.run),
        adapt_stain,
    )


def single(reader: Reader, region: Region, reading: FieldReading, number: int) -> Reading:
    """The full reading of one cell of a field, as if it had been uploaded alone."""
    cell = reading.find(number)
    name, gate = f"No. {number} of {reading.image}", cell.gate
    if gate.code == BORDER.code or reading.um_per_px is None:
        return Reading(name, "refused", gate.sentence, (), gate)
    picture = _cut_picture(reader, region, cell, reading)
    window = picture.shown if picture.prepared else None
    if not gate.passed:
        found = reader.describe(picture, gate) or _across(cell.cell, reading.um_per_px)
        return Reading(name, "refused", gate.sentence, (), gate, picture.prepared, window, found)
    digest = hashlib.sha256(picture.image.tobytes()).hexdigest()
    cell_reading = replace(reader.read_cell(picture, gate, digest), bbox=cell.cell.bbox)
    return Reading(name, "cell", None, (cell_reading,), gate, picture.prepared, window)


def model_input(
    reader: Reader, region: Region, reading: FieldReading, number: int
) -> np.ndarray | None:
    """The cell as the model sees it, RGB uint8 (W, W, 3); None if it cannot be cut out."""
    if reading.um_per_px is None:
        return None
    picture = _cut_picture(reader, region, reading.find(number), reading)
    return picture.shown if picture.prepared else None


def crop(region: Region, cell: Cell) -> np.ndarray:
    """The cell and what lies around it, RGB uint8."""
    left, top, right, bottom = _around(region, cell)
    return np.array(region.read(left, top, right - left, bottom - top))


def _unchanged(marked: Marked, read: FieldCell) -> bool:
    earlier = read.marked
    return (
        read.gate.code != LATER.code
        and marked.user_drawn == earlier.user_drawn
        and marked.cell.bbox == earlier.cell.bbox
        and np.array_equal(marked.cell.mask, earlier.cell.mask)
    )


def _depends(read: FieldCell, before: bool, now: bool) -> bool:
    """Whether another choice about adapting stain could change what was read of a cell."""
    return before != now and (read.adapted or read.gate.code == "appearance")


def _around(region: Region, cell: Cell) -> tuple[int, int, int, int]:
    x, y, w, h = cell.bbox
    margin = int(np.ceil(MARGIN * max(w, h)))
    height, width = region.shape
    left, top = max(0, x - margin), max(0, y - margin)
    return left, top, min(width, x + w + margin), min(height, y + h + margin)


def _cut_picture(
    reader: Reader, region: Region, read: FieldCell, reading: FieldReading
) -> CheckedPicture:
    """The cell as it was read."""
    picture = reader.picture(crop(region, read.cell))
    if reading.um_per_px is not None:
        _cut(region, read.cell, reading.um_per_px, reading.scale_by, picture)
    if read.adapted:
        adapted.adapt(picture)
    return picture


def _cut(
    region: Region, cell: Cell, um_per_px: float, scale_by: str | None, picture: CheckedPicture
) -> Refusal | None:
    left, top, _, _ = _around(region, cell)
    x, y, w, h = cell.bbox
    moved = replace(cell, bbox=(x - left, y - top, w, h))
    ruler = natural_background.RED_CELLS if scale_by == BY_RED_CELLS else GIVEN
    return natural_background.cut(picture, moved, RED_CELL_UM / um_per_px, ruler)


def _read(
    reader: Reader,
    region: Region,
    marked: Sequence[Marked],
    um_per_px: float,
    scale_by: str,
    options: ReadingOptions,
) -> list[FieldCell]:
    """Reads one batch: the checks of pixels, the engine for all at once, then the last check."""
    results, passed = [], []
    for item in marked:
        cell = item.cell
        if cell.touches_border or cell.smudged:
            results.append(FieldCell(item, BORDER if cell.touches_border else SMUDGE))
            continue
        picture = reader.picture(crop(region, cell))
        picture.options = options
        cutting = {"natural background": partial(_cut, region, cell, um_per_px, scale_by)}
        gate = examine(picture, cutting | AFTER_CUT)
        if gate.passed:
            passed.append((item, picture, gate))
        else:
            results.append(_result(region, item, picture, gate))
    reader.run_together([picture for _, picture, _ in passed])
    for item, picture, gate in passed:
        gate = examine(picture, OF_FEATURES, gate.checks)
        result = _result(region, item, picture, gate)
        if gate.passed:
            answered, doubts = answer(picture, reader.calibration)
            result = replace(result, **vars(answered), doubts=doubts)
        results.append(result)
    return results


def _across(cell: Cell, um_per_px: float) -> tuple[Description, ...]:
    """The diameter of a cell, of which nothing else could be measured."""
    across = diameter(cell.mask)
    return (Description("diameter_px", across, f"{size([across], um_per_px)} across."),)


def _result(region: Region, item: Marked, picture: CheckedPicture, gate: Gate) -> FieldCell:
    lobed = is_lobed(np.array(region.read(*item.cell.bbox)), item.cell.mask)
    return FieldCell(item, gate, adapted=picture.unadapted is not None, lobed=lobed)
