"""Cuts the cells in the boxes of a detection set: a data set of single cells on black."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from core import storage
from core.cells.detection.box import with_box
from core.cells.detection.detect import Cell, Field
from core.cells.detection.setting import read_setting
from core.cells.detection.tiles import Region, Whole
from core.cells.scale import UM_PER_PX, AskForMagnification, scale_of, to_model
from core.data import images
from core.data.boxes.annotations import Box, read_boxes
from core.data.walk import DESCRIPTION, Progress, on_all_cores, walk
from core.errors import BlastLensError, DataError
from core.tables import rows_to_csv
from core.untrusted.fields import is_file_name

LEAST_FILLED = 0.25  # of a box's area; a disc fills 0.79 of the square around it
_NO_SCALE = (
    "The field shows too few whole red cells to give its scale. Say how many micrometres a pixel "
    "covers (the camera's pixel size over the magnification): --um-per-px."
)
_LONGEST = 60  # characters of a folder's name
SAME = 0.5  # intersection over union of two masks that are one cell


@dataclass(frozen=True)
class LeftOut:
    """A box of a field, or of none if `box` is None, of which no cell was cut, and why.

    Without a box, `field` is a whole field or an annotation file.
    """

    field: str
    box: Box | None
    reason: str


@dataclass(frozen=True)
class CutSet:
    """What was cut: the data set's folder, cells of each class, fields, and what was left out."""

    root: Path
    cells: dict[str, int]
    fields: int
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class _FieldCells:
    """The cells of one field, on black at C-NMC's scale, with their boxes."""

    name: str
    cells: tuple[tuple[Box, np.ndarray], ...]
    left_out: tuple[LeftOut, ...]


def cut_cells(
    source: Path,
    target: Path,
    *,
    classes: Collection[str] | None = None,
    um_per_px: float | None = None,
    progress: Progress | None = None,
) -> CutSet:
    """Writes one image a box into `target`, as <class>/<field>/<number>.png, and labels.csv.

    A cell is outlined within its box (`core.cells.detection.box`), scaled to C-NMC's by the red
    cells of its field, or by `um_per_px`, micrometres a pixel, and put on black, 450 x 450 pixels.
    The field is the subject: cells of one field never stand on both sides of a split.
    `classes` limits the classes that are cut. Two boxes of different classes around one cell are
    both left out. `progress` gets (fields done, fields to do); what it raises stops the
    work, and then nothing is written.

    Raises `DataError` if `source` holds no boxes, `target` is not empty, or no cell can be cut.
    """
    if target.exists() and any(target.iterdir()):
        raise DataError(f"{target} is not empty. Give another folder for the cells.")
    found = read_boxes(source, [name for name, _, _ in walk(source)])
    with storage.scratch(target.parent) as scratch:
        folder = scratch / target.name
        folder.mkdir()
        made = _cut_all(source, found.boxes, folder, classes, um_per_px, progress)
        unread = (LeftOut(it.file, None, it.reason) for it in found.unread)
        made = replace(made, left_out=(*made.left_out, *unread))
        if not made.cells:
            first = (
                f"The first box: {made.left_out[0].reason}"
                if made.left_out
                else f"No box is of the classes {', '.join(classes or ())}."
            )
            raise DataError(f"No cell of {source} can be cut. {first}")
        storage.write_json(
            folder / DESCRIPTION,
            {
                "name": f"{source.name}, cells cut from boxes",
                "source": source.name,
                "um_per_px": UM_PER_PX,
                "left_out": [
                    {"field": it.field, "box": it.box and list(it.box), "reason": it.reason}
                    for it in made.left_out
                ],
            },
        )
        folder.replace(target)
    return replace(made, root=target)


def _cut_all(
    source: Path,
    boxes: Mapping[str, list[Box]],
    folder: Path,
    classes: Collection[str] | None,
    um_per_px: float | None,
    progress: Progress | None,
) -> CutSet:
    """Writes the cells and labels.csv into an empty folder."""
    work = partial(_cut_field, source, classes=classes, um_per_px=um_per_px)
    counts: Counter[str] = Counter()
    left_out: list[LeftOut] = []
    rows: list[tuple[str, str, str]] = []
    fields: set[str] = set()
    for done, found in enumerate(on_all_cores(work, list(boxes.items())), start=1):
        field = _folder_name(found.name.rpartition(".")[0])
        while field.casefold() in fields:  # such as a.png beside a.jpg
            field += "_"
        fields.add(field.casefold())
        for number, (box, image) in enumerate(found.cells, start=1):
            kind = _folder_name(box.class_name)
            file = folder / kind / field / f"{number:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(images.encode(image))
            rows.append((file.relative_to(folder).as_posix(), box.class_name, found.name))
            counts[kind] += 1
        left_out += found.left_out
        if progress:
            progress(done, len(boxes))
    table = rows_to_csv(("file", "class", "subject"), rows)
    (folder / "labels.csv").write_text(table, "utf-8", newline="")
    return CutSet(folder, dict(sorted(counts.items())), len(boxes), tuple(left_out))


def _cut_field(
    source: Path,
    item: tuple[str, list[Box]],
    *,
    classes: Collection[str] | None,
    um_per_px: float | None,
) -> _FieldCells:
    name, boxes = item
    try:
        image = images.decode(source / name)
    except BlastLensError as error:
        return _FieldCells(name, (), (LeftOut(name, None, str(error)),))
    region = Whole(image)
    scale = scale_of(Field((), read_setting(image, um_per_px).ruler, region.shape), um_per_px)
    if isinstance(scale, AskForMagnification):
        return _FieldCells(name, (), (LeftOut(name, None, _NO_SCALE),))
    found: list[tuple[Box, Cell]] = []
    left_out: list[LeftOut] = []
    for box in boxes:
        if classes is not None and box.class_name not in classes:
            continue
        try:
            found.append((box, _cell(region, box, scale)))
        except DataError as error:
            left_out.append(LeftOut(name, box, str(error)))
    one, twice = _apart(found)
    reason = "Boxes of two classes hold this one cell."
    return _FieldCells(
        name,
        tuple((box, to_model(image, cell, scale)) for box, cell in one),
        (*left_out, *(LeftOut(name, box, reason) for box, _ in twice)),
    )


def _cell(region: Region, box: Box, um_per_px: float) -> Cell:
    corner = round(box.x), round(box.y)
    cell = with_box(region, (*corner, round(box.w), round(box.h)), um_per_px=um_per_px)
    if cell.touches_border:
        raise DataError("The cell is cut off by the edge of the field.")
    filled = cell.area_px / (box.w * box.h)
    if filled < LEAST_FILLED:
        raise DataError(
            f"The cell found in the box fills {filled:.0%} of it, less than {LEAST_FILLED:.0%}: "
            "the box holds more than one cell. Draw it around the cell alone."
        )
    return cell


def _apart(
    found: Sequence[tuple[Box, Cell]],
) -> tuple[list[tuple[Box, Cell]], list[tuple[Box, Cell]]]:
    """Cells that one class claims, once each, and those that two classes claim."""
    one: list[tuple[Box, Cell]] = []
    twice = []
    for box, cell in found:
        same = [other for other, held in found if _overlap(cell, held) >= SAME]
        if any(other.class_name != box.class_name for other in same):
            twice.append((box, cell))
        elif same[0] is box:  # of several boxes of one class, the first counts
            one.append((box, cell))
    return one, twice


def _overlap(a: Cell, b: Cell) -> float:
    """Intersection over union of two cells of one field."""
    left, top = max(a.bbox[0], b.bbox[0]), max(a.bbox[1], b.bbox[1])
    right = min(a.bbox[0] + a.bbox[2], b.bbox[0] + b.bbox[2])
    bottom = min(a.bbox[1] + a.bbox[3], b.bbox[1] + b.bbox[3])
    if right <= left or bottom <= top:
        return 0.0
    inside = [
        cell.mask[top - y : bottom - y, left - x : right - x]
        for cell, (x, y, _, _) in ((a, a.bbox), (b, b.bbox))
    ]
    shared = int((inside[0] & inside[1]).sum())
    return shared / (a.area_px + b.area_px - shared)


def _folder_name(text: str) -> str:
    """A name that every file system can hold."""
    name = re.sub(r"[^\w .+-]+", "_", text)[:_LONGEST].strip(" .") or "_"
    return name if is_file_name(name) else f"_{name}"
