"""Reads the white cells of a whole field, one by one, as single cells are read."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.cells.detection.box import with_box
from core.cells.detection.detect import Cell, Field
from core.cells.detection.red_cells import RED_CELL_UM
from core.cells.detection.tiles import Region
from core.cells.scale import AskForMagnification, scale_of
from core.errors import DataError
from core.reading import background
from core.reading.checked_picture import CheckedPicture, Gate, Refusal, examine, refused
from core.reading.field_summary import Counts, Summary, summarise
from core.reading.gate import OF_FEATURES, OF_PIXELS
from core.reading.reader import Reader, Reading

BATCH = 16  # cells: their windows and feature maps are in memory together
MARGIN = 0.4  # of a cell's longer side, that is shown around it
SAME = 0.5  # of the smaller cell: two that share more are one
FIELD = "field"  # the gate's code
CUT, NOT_READ = "cut by the border", "refused"
STATES = ("ALL", "HEM", "review", NOT_READ, CUT)
# What a picture goes through once its cell has been cut out of its background.
BEFORE_CUT = ("stained", "field", "natural background")
AFTER_CUT = {code: check for code, check in OF_PIXELS.items() if code not in BEFORE_CUT}
GIVEN, BY_RED_CELLS = "the magnification given", "the field's red cells"
LATER = refused("later", "It has not been read yet.", "Go on with the reading.")


@dataclass(frozen=True)
class Edit:
    """What a person did to the boxes: "add" a box, "remove" a number, or "redraw" it as a box."""

    kind: str
    number: int | None = None
    box: tuple[int, int, int, int] | None = None  # x, y, w, h in pixels of the field


@dataclass(frozen=True)
class Marked:
    """A cell with its number, which stays its own; user_drawn: a person put its box there."""

    number: int
    cell: Cell
    user_drawn: bool = False


@dataclass(frozen=True)
class FieldCell:
    """What came of one cell of a field; the numbers are None where it was not read.

    call, leaning, close, interval: as `core.reading.reader.CellReading` has them.
    """

    marked: Marked
    gate: Gate
    probability: float | None = None
    logit: float | None = None
    interval: tuple[float, float] | None = None
    call: str | None = None
    leaning: str | None = None
    close: bool = False

    @property
    def number(self) -> int:
        """As the field's picture shows it."""
        return self.marked.number

    @property
    def cell(self) -> Cell:
        """Box and outlines, in pixels of the field."""
        return self.marked.cell

    @property
    def state(self) -> str:
        """One of `STATES`: the call, or that there is none."""
        if self.call is not None:
            return self.call
        return CUT if self.gate.code == "border" else NOT_READ


@dataclass(frozen=True)
class FieldReading:
    """A field whose cells were read.

    um_per_px: the scale, None where it has to be asked for with the `question`: then nothing was
    read. scale_by: who told it. cells: in the order of their numbers.
    """

    image: str
    field: Field
    um_per_px: float | None
    scale_by: str | None
    question: str | None
    cells: tuple[FieldCell, ...]

    @property
    def counts(self) -> Counts:
        """Of this field."""
        states = Counter(cell.state for cell in self.cells)
        refused = Counter(c.gate.code or "" for c in self.cells if c.state == NOT_READ)
        waiting = refused.pop(LATER.code or "", 0)
        return Counts(
            found=len(self.cells),
            cut=states[CUT],
            refused=dict(refused),
            waiting=waiting,
            blasts=states["ALL"],
            hem=states["HEM"],
            review=states["review"],
        )

    @property
    def waiting(self) -> int:
        """Cells that have not been read yet."""
        return self.counts.waiting

    @property
    def reasons(self) -> dict[str, int]:
        """Why cells were refused, in the words of the first of each code, and how many of it."""
        first: dict[str, str] = {}
        for one in self.cells:
            if one.state == NOT_READ:
                first.setdefault(one.gate.code or "", one.gate.reason or "")
        return {first[code]: count for code, count in self.counts.refused.items()}

    @property
    def summary(self) -> Summary:
        """What this field comes to."""
        return summarise([self.counts])

    @property
    def shown(self) -> Field:
        """The field with the cells as they are now, edits included."""
        return replace(self.field, cells=tuple(one.cell for one in self.cells))

    def find(self, number: int) -> FieldCell:
        """The cell of that number. Raises `DataError` if there is none."""
        for cell in self.cells:
            if cell.number == number:
                return cell
        raise DataError(f"This field has no cell No. {number}.")

    @property
    def by_probability(self) -> list[FieldCell]:
        """Cells read, the likeliest blast first; then the others, by number."""
        return sorted(
            self.cells,
            key=lambda one: (one.probability is None, -(one.probability or 0), one.number),
        )


def add_up(readings: Sequence[FieldReading]) -> Summary:
    """What several fields of one patient come to."""
    return summarise([reading.counts for reading in readings])


def mark(
    field: Field, region: Region, edits: Sequence[Edit] = (), um_per_px: float | None = None
) -> tuple[Marked, ...]:
    """The field's cells, numbered from 1, after the edits in their order.

    Added cells get the numbers that follow; those of removed ones are not given again. Raises
    `DataError` for an edit that cannot be made.
    """
    marked = {number: Marked(number, cell) for number, cell in enumerate(field.cells, 1)}
    last = len(marked)
    for edit in edits:
        if edit.kind in ("remove", "redraw") and edit.number not in marked:
            raise DataError(f"This field has no cell No. {edit.number}.")
        if edit.kind == "remove":
            del marked[edit.number or 0]
            continue
        if edit.kind not in ("add", "redraw") or edit.box is None:
            raise DataError(f'"{edit.kind}" is no edit of boxes: add, remove or redraw.')
        number = edit.number or 0
        if edit.kind == "add":
            last = number = last + 1
        cell = with_box(region, edit.box, um_per_px=um_per_px)
        for other in marked.values():
            if other.number != number and _overlap(cell, other.cell) > SAME:
                raise DataError(
                    f"In this box lies cell No. {other.number}, which has been found already: "
                    "redraw or remove it instead of counting it twice."
                )
        marked[number] = Marked(number, cell, True)
    return tuple(marked[number] for number in sorted(marked))


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
    """Reads a field's cells; without a scale, says what to ask for and reads none.

    `um_per_px` is the scale where a person gave it. What has not changed since `before`, an
    earlier reading of the same field with the same reader, is not read again. Once `at_most` cells
    have been read anew, the rest is left for the next call: `FieldReading.waiting`.
    """
    scale = scale_of(field, um_per_px)
    if isinstance(scale, AskForMagnification):
        return FieldReading(name, field, None, None, scale.reason, ())
    by = BY_RED_CELLS if um_per_px is None else GIVEN
    marked = mark(field, region, edits, scale)
    kept: dict[int, FieldCell] = {}
    if before is not None and (before.um_per_px, before.scale_by) == (scale, by):
        kept = {one.number: one for one in before.cells}
    known = {
        one.number: kept[one.number]
        for one in marked
        if one.number in kept and _same(one, kept[one.number])
    }
    new = [one for one in marked if one.number not in known]
    if at_most is not None:
        known |= {one.number: FieldCell(one, LATER) for one in new[at_most:]}
        new = new[:at_most]
    for start in range(0, len(new), BATCH):
        for cell in _read(reader, region, new[start : start + BATCH], scale, by):
            known[cell.number] = cell
        if progress is not None:
            progress(min(start + BATCH, len(new)), len(new))
    cells = tuple(replace(known[one.number], marked=one) for one in marked)
    return FieldReading(name, field, scale, by, None, cells)


def single(reader: Reader, region: Region, reading: FieldReading, number: int) -> Reading:
    """All there is to say of one cell of a field: as if it had been uploaded alone."""
    one = reading.find(number)
    name = f"No. {number} of {reading.image}"
    if one.gate.code == "border" or reading.um_per_px is None:
        return Reading(name, "refused", one.gate.sentence, (), one.gate)
    picture = _checked_picture(reader, region, one.cell)
    _cut(picture, region, one.cell, reading.um_per_px, reading.scale_by or GIVEN)
    shown = reader.window(picture.image) if picture.prepared else None
    if not one.gate.passed:
        return Reading(name, "refused", one.gate.sentence, (), one.gate, picture.prepared, shown)
    digest = hashlib.sha256(picture.image.tobytes()).hexdigest()
    cell = replace(reader.read_cell(picture, one.gate, digest), bbox=one.cell.bbox)
    return Reading(name, "cell", None, (cell,), one.gate, picture.prepared, shown)


def model_input(
    reader: Reader, region: Region, reading: FieldReading, number: int
) -> np.ndarray | None:
    """The cell as the model sees it, RGB uint8 (W, W, 3); None where it cannot be cut out."""
    if reading.um_per_px is None:
        return None
    cell = reading.find(number).cell
    picture = _checked_picture(reader, region, cell)
    _cut(picture, region, cell, reading.um_per_px, reading.scale_by or GIVEN)
    return reader.window(picture.image) if picture.prepared else None


def crop(region: Region, cell: Cell) -> np.ndarray:
    """The cell with what lies around it, RGB uint8."""
    left, top, right, bottom = _around(region, cell)
    return np.array(region.read(left, top, right - left, bottom - top))


def _same(one: Marked, read: FieldCell) -> bool:
    other = read.marked
    return (
        read.gate.code != LATER.code
        and one.user_drawn == other.user_drawn
        and one.cell.bbox == other.cell.bbox
        and np.array_equal(one.cell.mask, other.cell.mask)
    )


def _overlap(one: Cell, other: Cell) -> float:
    """The area that two cells share, over that of the smaller."""
    (x, y, w, h), (a, b, c, d) = one.bbox, other.bbox
    left, top, right, bottom = max(x, a), max(y, b), min(x + w, a + c), min(y + h, b + d)
    if right <= left or bottom <= top:
        return 0.0
    mine = one.mask[top - y : bottom - y, left - x : right - x]
    theirs = other.mask[top - b : bottom - b, left - a : right - a]
    return float((mine & theirs).sum()) / min(one.area_px, other.area_px)


def _around(region: Region, cell: Cell) -> tuple[int, int, int, int]:
    x, y, w, h = cell.bbox
    margin = int(np.ceil(MARGIN * max(w, h)))
    height, width = region.shape
    left, top = max(0, x - margin), max(0, y - margin)
    return left, top, min(width, x + w + margin), min(height, y + h + margin)


def _checked_picture(reader: Reader, region: Region, cell: Cell) -> CheckedPicture:
    return reader.picture(crop(region, cell))


def _cut(
    picture: CheckedPicture, region: Region, cell: Cell, um_per_px: float, by: str
) -> Refusal | None:
    left, top, _, _ = _around(region, cell)
    x, y, w, h = cell.bbox
    moved = replace(cell, bbox=(x - left, y - top, w, h))
    ruler = background.RED_CELLS if by == BY_RED_CELLS else by
    return background.cut(picture, moved, RED_CELL_UM / um_per_px, ruler)


def _read(
    reader: Reader, region: Region, marked: Sequence[Marked], um_per_px: float, by: str
) -> list[FieldCell]:
    """One batch: the checks that need no model, the engine for all that passed, the last check."""
    found, waiting = [], []
    for one in marked:
        if one.cell.touches_border:
            gate = refused(
                "border",
                "The cell is cut off by the edge of the field.",
                "Take a field that shows it whole.",
            )
            found.append(FieldCell(one, gate))
            continue
        if one.cell.smudged:
            gate = refused(
                "smudge",
                "It looks like a smudge cell: its nucleus is paler, and less blue, than those of "
                "the other cells of this field.",
                "Count it apart; draw its box anew to have it read all the same.",
            )
            found.append(FieldCell(one, gate))
            continue
        picture = _checked_picture(reader, region, one.cell)
        checks = {"natural background": _cutting(region, one.cell, um_per_px, by)}
        gate = examine(picture, checks | AFTER_CUT)
        if gate.passed:
            waiting.append((one, picture, gate))
        else:
            found.append(FieldCell(one, gate))
    reader.run_together([picture for _, picture, _ in waiting])
    for one, picture, gate in waiting:
        gate = examine(picture, OF_FEATURES, gate.checks)
        found.append(_called(reader, one, picture, gate) if gate.passed else FieldCell(one, gate))
    return found


def _cutting(
    region: Region, cell: Cell, um_per_px: float, by: str
) -> Callable[[CheckedPicture], Refusal | None]:
    return lambda picture: _cut(picture, region, cell, um_per_px, by)


def _called(reader: Reader, one: Marked, picture: CheckedPicture, gate: Gate) -> FieldCell:
    answer = reader.contract.answer(float(picture.output.logit[0]))
    return FieldCell(one, gate, **vars(answer))
