"""Reads the white cells of a whole field, one by one, as single cells are read."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from core.cells.detection.detect import Cell, Field
from core.cells.detection.red_cells import RED_CELL_UM
from core.cells.detection.tiles import Region
from core.cells.scale import AskForMagnification, scale_of
from core.errors import DataError
from core.evaluation.track_record import KnownRates, call_rates
from core.reading import natural_background
from core.reading.checks import OF_FEATURES, OF_PIXELS
from core.reading.field_edits import Edit, Marked, mark
from core.reading.field_summary import UNKNOWN, Counts, Summary, summarise
from core.reading.gate import CheckedPicture, Gate, Refusal, examine, refused
from core.reading.preparing.doubts import answer
from core.reading.reader import Reader, Reading

BATCH = 16  # cells whose windows and feature maps are in memory together
MARGIN = 0.4  # of a cell's longer side, that is cut out around it
FIELD = "field"  # the gate's code
CUT, NOT_READ = "cut by the border", "refused"
STATES = ("ALL", "HEM", "review", NOT_READ, CUT)
# The checks of a picture whose cell has been cut out of its background already.
BEFORE_CUT = ("stained", "field", "natural background")
AFTER_CUT = {code: check for code, check in OF_PIXELS.items() if code not in BEFORE_CUT}
GIVEN, BY_RED_CELLS = "the magnification given", "the field's red cells"
LATER = refused("later", "It has not been read yet.", "Go on with the reading.")
BORDER = refused(
    "border", "The cell is cut off by the edge of the field.", "Take a field that shows it whole."
)
SMUDGE = refused(
    "smudge",
    "It looks like a smudge cell: its nucleus is paler, and less blue, than those of the other "
    "cells of this field.",
    "Count it apart; draw its box anew to have it read all the same.",
)


BAND = "Its probability lies too near to the threshold to be called."


@dataclass(frozen=True)
class FieldCell:
    """The result for one cell of a field; the numbers are None if it was not read.

    call, leaning, close, interval, doubts: as `core.reading.reader.CellReading` has them.
    """

    marked: Marked
    gate: Gate
    probability: float | None = None
    logit: float | None = None
    interval: tuple[float, float] | None = None
    call: str | None = None
    leaning: str | None = None
    close: bool = False
    doubts: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        return self.marked.number

    @property
    def cell(self) -> Cell:
        """Box and outlines, in pixels of the field."""
        return self.marked.cell

    @property
    def state(self) -> str:
        """One of `STATES`: the call, or why there is none."""
        if self.call is not None:
            return self.call
        return CUT if self.gate.code == BORDER.code else NOT_READ


@dataclass(frozen=True)
class FieldReading:
    """A field whose cells were read.

    um_per_px: the scale; None if it is unknown: the `question` asks for it, and nothing was read.
    scale_by: the source of the scale. cells: in the order of their numbers. rates: how often the
    model calls cells wrongly.
    """

    image: str
    field: Field
    um_per_px: float | None
    scale_by: str | None
    question: str | None
    cells: tuple[FieldCell, ...]
    rates: KnownRates = UNKNOWN

    @property
    def counts(self) -> Counts:
        states = Counter(cell.state for cell in self.cells)
        codes = Counter(cell.gate.code or "" for cell in self.cells if cell.state == NOT_READ)
        waiting = codes.pop(LATER.code or "", 0)
        return Counts(
            found=len(self.cells),
            cut=states[CUT],
            refused=dict(codes),
            waiting=waiting,
            blasts=states["ALL"],
            hem=states["HEM"],
            review=states["review"],
            leaning=sum(cell.leaning == "ALL" for cell in self.cells),
        )

    @property
    def waiting(self) -> int:
        """The number of cells that have not been read yet."""
        return self.counts.waiting

    @property
    def reasons(self) -> dict[str, int]:
        """How many cells were refused, by the reason of the first cell of each code."""
        first: dict[str, str] = {}
        for cell in self.cells:
            if cell.state == NOT_READ:
                first.setdefault(cell.gate.code or "", cell.gate.reason or "")
        return {first[code]: count for code, count in self.counts.refused.items()}

    @property
    def review_reasons(self) -> dict[str, int]:
        """How many cells were sent to review, by reason."""
        reviewed = [cell for cell in self.cells if cell.call == "review"]
        return dict(Counter(cell.doubts[0] if cell.doubts else BAND for cell in reviewed))

    @property
    def summary(self) -> Summary:
        return summarise([self.counts], self.rates)

    @property
    def edited(self) -> Field:
        """The field with the cells as they are after the edits."""
        return replace(self.field, cells=tuple(cell.cell for cell in self.cells))

    def find(self, number: int) -> FieldCell:
        """The cell of that number. Raises `DataError` if there is none."""
        for cell in self.cells:
            if cell.number == number:
                return cell
        raise DataError(f"This field has no cell No. {number}.")

    @property
    def by_probability(self) -> list[FieldCell]:
        """Cells that were read, the likeliest blast first; then the others, by number."""
        return sorted(
            self.cells,
            key=lambda cell: (cell.probability is None, -(cell.probability or 0), cell.number),
        )


def read_field(
    reader: Reader,
    region: Region,
    field: Field,
    name: str,
    *,
    um_per_px: float | None = None,
    edits: Sequence[Edit] = (),
    before: FieldReading | None = None,
    at_most: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> FieldReading:
    """Reads a field's cells; if its scale is unknown, asks for it and reads none.

    `um_per_px` is the scale if a person gave it. Cells that have not changed since `before`, an
    earlier reading of the same field with the same reader, are not read again. Once `at_most` cells
    have been read, the rest is left for the next call: `FieldReading.waiting`.
    """
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
        if item.number in earlier and _unchanged(item, earlier[item.number])
    }
    new = [item for item in marked if item.number not in results]
    if at_most is not None:
        results |= {item.number: FieldCell(item, LATER) for item in new[at_most:]}
        new = new[:at_most]
    for start in range(0, len(new), BATCH):
        for cell in _read(reader, region, new[start : start + BATCH], scale, scale_by):
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
    )


def single(reader: Reader, region: Region, reading: FieldReading, number: int) -> Reading:
    """The full reading of one cell of a field, as if it had been uploaded alone."""
    cell = reading.find(number)
    name, gate = f"No. {number} of {reading.image}", cell.gate
    if gate.code == BORDER.code or reading.um_per_px is None:
        return Reading(name, "refused", gate.sentence, (), gate)
    picture = _cut_picture(reader, region, cell.cell, reading.um_per_px, reading.scale_by)
    window = reader.window(picture.image) if picture.prepared else None
    if not gate.passed:
        return Reading(name, "refused", gate.sentence, (), gate, picture.prepared, window)
    digest = hashlib.sha256(picture.image.tobytes()).hexdigest()
    cell_reading = replace(reader.read_cell(picture, gate, digest), bbox=cell.cell.bbox)
    return Reading(name, "cell", None, (cell_reading,), gate, picture.prepared, window)


def model_input(
    reader: Reader, region: Region, reading: FieldReading, number: int
) -> np.ndarray | None:
    """The cell as the model sees it, RGB uint8 (W, W, 3); None if it cannot be cut out."""
    if reading.um_per_px is None:
        return None
    cell = reading.find(number).cell
    picture = _cut_picture(reader, region, cell, reading.um_per_px, reading.scale_by)
    return reader.window(picture.image) if picture.prepared else None


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


def _around(region: Region, cell: Cell) -> tuple[int, int, int, int]:
    x, y, w, h = cell.bbox
    margin = int(np.ceil(MARGIN * max(w, h)))
    height, width = region.shape
    left, top = max(0, x - margin), max(0, y - margin)
    return left, top, min(width, x + w + margin), min(height, y + h + margin)


def _cut_picture(
    reader: Reader, region: Region, cell: Cell, um_per_px: float, scale_by: str | None
) -> CheckedPicture:
    picture = reader.picture(crop(region, cell))
    _cut(region, cell, um_per_px, scale_by, picture)
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
    reader: Reader, region: Region, marked: Sequence[Marked], um_per_px: float, scale_by: str
) -> list[FieldCell]:
    """Reads one batch: the checks of pixels, the engine for all at once, then the last check."""
    results, passed = [], []
    for item in marked:
        cell = item.cell
        if cell.touches_border or cell.smudged:
            results.append(FieldCell(item, BORDER if cell.touches_border else SMUDGE))
            continue
        picture = reader.picture(crop(region, cell))
        cutting = {"natural background": partial(_cut, region, cell, um_per_px, scale_by)}
        gate = examine(picture, cutting | AFTER_CUT)
        if gate.passed:
            passed.append((item, picture, gate))
        else:
            results.append(FieldCell(item, gate))
    reader.run_together([picture for _, picture, _ in passed])
    for item, picture, gate in passed:
        gate = examine(picture, OF_FEATURES, gate.checks)
        if gate.passed:
            answered, doubts = answer(picture, reader.calibration)
            results.append(FieldCell(item, gate, **vars(answered), doubts=doubts))
        else:
            results.append(FieldCell(item, gate))
    return results
