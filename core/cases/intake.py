"""Reads pictures for a case: cells and fields mixed, with all that a review of them shows."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import PurePath

import cv2
import numpy as np

from core.cells.detection.detect import detect
from core.cells.detection.setting import resized
from core.cells.detection.tiles import Region, Whole
from core.cells.masks import cell_mask, contours
from core.data.pixel_cache import CELL, IMAGE
from core.errors import CaseError
from core.reading.cell_reading import CellReading, Reading
from core.reading.fields import drawing
from core.reading.fields.reader import model_input, read_field, single
from core.reading.fields.reading import BAND, NOT_READ, FieldCell, FieldReading
from core.reading.neighbours import Neighbour
from core.reading.picture import has_background, is_field, is_large
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.reading.reader import Reader
from core.runs.run_store import Run
from core.settings import version
from core.untrusted.fields import shown

FIELD = "field"  # beside `CELL` and `IMAGE`, one of which is the whole of another picture
CUT, CONTEXT, HEAT = "cut", "context", "heat"  # the kept pictures of a cell
CONTEXT_SIDE, HEAT_SIDE = 192, 256
OUTLINE_ERROR = 0.7  # pixels by which a kept outline may be off
NOT_JUDGED = "There is no heat map of a cell that was not read."


@dataclass(frozen=True)
class ReadCell:
    """A cell, read or refused: the columns of its row, and its pictures by kind.

    cut: on black, as the model sees it, RGB uint8 (W, W, 3); context: with what lies around it;
    heat: with its heat map, if that may be believed.
    """

    columns: dict[str, object]
    images: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadPicture:
    """A picture that was read, RGB uint8 (H, W, 3), and its cells: the columns of its row."""

    image: np.ndarray
    columns: dict[str, object]
    cells: tuple[ReadCell, ...]


Progress = Callable[[int, int], object]
# Words of a file name, which stand between blanks and signs.
_IN_WORD, _LAST_WORD = re.compile(r"[^\s_.,;-]"), re.compile(r"[^\s_.,;-]+$")


def name_for(files: Sequence[str]) -> str:
    """A name for a case of files with these names, printable.

    Of a single file it is the name without its ending; of several the words that all begin with, if
    there is a digit in them, as in the number of a smear. Else it is the day.
    """
    stems = ["".join(filter(str.isprintable, PurePath(file).stem)).strip() for file in files]
    if len(stems) == 1 and stems[0]:
        return stems[0]
    letters = takewhile(lambda each: len(set(each)) == 1, zip(*stems, strict=False))
    shared = "".join(first for first, *_ in letters)
    if any(_IN_WORD.match(stem, len(shared)) for stem in stems):
        shared = _LAST_WORD.sub("", shared)
    if any(character.isdigit() for character in shared):
        return shared.replace("_", " ").strip(" .,;-")
    return f"Pictures of {datetime.now(UTC):%d %B %Y}"


def model_of(run: Run) -> dict[str, object]:
    """What reads, so that it can be told apart later: run, engine, calibration, version."""
    return {
        "run": run.run_id,
        "engine_sha256": run.engine_digest,
        "calibration": run.calibration.to_json(),
        "blastlens": version(),
    }


def read(
    reader: Reader,
    name: str,
    data: bytes,
    options: ReadingOptions = NO_OPTIONS,
    *,
    as_field: bool | None = None,
    known: FieldReading | None = None,
    um_per_px: float | None = None,
    progress: Progress | None = None,
) -> ReadPicture:
    """Reads the bytes of an image file, a cell or a field.

    `as_field` says whether it is a field; None: by what it shows. `known` is the reading of this
    field by this reader, if there is one, with its edits; `um_per_px` the scale of a field if a
    person gave it. Raises `UploadError` if the file cannot be decoded, and `CaseError` if it is a
    scan, which is too large to be kept.
    """
    if is_large(data, name):
        raise CaseError(
            f"{name} is a scan; a case keeps single fields and cells. Export the fields that "
            "matter from it, and add those."
        )
    digest = hashlib.sha256(data).hexdigest()
    facts: dict[str, object] = {
        "name": shown(name)[:200],
        "input_sha256": digest,
        "model": model_of(reader.run),
    }
    image, _ = reader.pixels(data, name)
    if as_field is None and known is not None:
        as_field = True
    if not as_field:
        reading = reader.read(data, name, options)
        if as_field is False or not is_field(reading):
            return _single(reader, image, reading, facts)
    region = Whole(image)
    if known is None:
        found = detect(image, um_per_px=um_per_px)
        known = read_field(
            reader, region, found, name, um_per_px=um_per_px, adapt_stain=options.adapt_stain
        )
    cells = []
    for done, cell in enumerate(known.cells, start=1):
        cells.append(_of_field(reader, region, known, cell))
        if progress:
            progress(done, len(known.cells))
    facts |= {"kind": FIELD, "um_per_px": known.um_per_px, "scale_by": known.scale_by}
    return _picture(image, facts | {"reason": known.question}, cells)


def _picture(image: np.ndarray, facts: dict[str, object], cells: list[ReadCell]) -> ReadPicture:
    height, width = image.shape[:2]
    return ReadPicture(image, facts | {"width": width, "height": height}, tuple(cells))


def _single(
    reader: Reader, image: np.ndarray, reading: Reading, facts: dict[str, object]
) -> ReadPicture:
    if reading.prepared:
        mask = reading.prepared.mask
    elif has_background(reading):  # of which no cell was cut out: all of it is lit
        mask = np.zeros(image.shape[:2], bool)
    else:
        mask = cell_mask(image)
    lines = contours(mask)
    line = max(lines, key=len)[:, 0] if lines else np.zeros((0, 2), int)
    height, width = image.shape[:2]
    bbox = cv2.boundingRect(line.astype(np.int32)) if len(line) else (0, 0, width, height)
    columns = _place(1, bbox, line, int(np.count_nonzero(mask)))
    images = {CONTEXT: resized(image, min(1, CONTEXT_SIDE / max(height, width)))}
    if reading.picture is not None:
        images[CUT] = reading.picture
    for cell in reading.cells:
        columns |= _called(cell)
    if not reading.cells:
        refusal = {"state": NOT_READ, "code": reading.gate.code, "reason": reading.reason or ""}
        columns |= refusal
    kind = IMAGE if reader.whole_images else CELL
    facts |= {"kind": kind, "um_per_px": reading.gate.um_per_px, "scale_by": None, "reason": None}
    return _picture(image, facts, [_finish(reader, columns, images, reading)])


def _of_field(reader: Reader, region: Region, field: FieldReading, cell: FieldCell) -> ReadCell:
    found = cell.cell
    lines = contours(found.mask, found.bbox[:2])
    columns = _place(cell.number, found.bbox, max(lines, key=len)[:, 0], found.area_px)
    images = {CONTEXT: drawing.thumbnail(region, found, CONTEXT_SIDE)}
    columns |= {
        "state": cell.state,
        "leaning": cell.leaning,
        "probability": cell.probability,
        "logit": cell.logit,
        "code": cell.gate.code,
        "adapted": cell.adapted,
    }
    columns["low"], columns["high"] = cell.interval or (None, None)
    if cell.call is None:
        columns["reason"] = cell.gate.sentence or ""
        if (window := model_input(reader, region, field, cell.number)) is not None:
            images[CUT] = window
        return _finish(reader, columns, images, None)
    if cell.call == "review":
        columns["reason"] = " ".join(cell.doubts) or BAND
    return _finish(reader, columns, images, single(reader, region, field, cell.number))


def _place(number: int, bbox: tuple[int, ...], line: np.ndarray, area_px: int) -> dict[str, object]:
    outline = []
    if len(line):
        simple = cv2.approxPolyDP(line.astype(np.float32)[:, None], OUTLINE_ERROR, True)[:, 0]
        outline = [[round(float(x)), round(float(y))] for x, y in (*simple, *simple[:1])]
    empty = dict.fromkeys(("leaning", "probability", "low", "high", "logit", "code", "distance"))
    return empty | {
        "number": number,
        "bbox": [int(value) for value in bbox],
        "outline": outline,
        "area_px": area_px,
        "reason": "",
        "adapted": False,
        "badge": NOT_JUDGED,
        "similar": [],
    }


def _called(cell: CellReading) -> dict[str, object]:
    low, high = cell.interval or (None, None)
    reason = ""
    if cell.call == "review":
        reason = " ".join(cell.doubts) or BAND
    return {
        "state": cell.call,
        "leaning": cell.leaning,
        "probability": cell.probability,
        "low": low,
        "high": high,
        "logit": cell.logit,
        "adapted": cell.adapted,
        "reason": reason,
    }


def _finish(
    reader: Reader,
    columns: dict[str, object],
    images: dict[str, np.ndarray],
    reading: Reading | None,
) -> ReadCell:
    """Adds what takes the engine: the judged heat map, and the training cells most like it."""
    for cell in reading.cells if reading else ():
        images[CUT] = cell.image
        judged = reader.judge(cell)
        columns["badge"] = f"{judged.badge}: {judged.reason}"
        columns["distance"] = cell.gate.figures.get("distance")
        columns["similar"] = [_reference(one) for one in reader.nearest_of_each_class(cell)]
        if judged.supported:
            drawn = cell.stamped(judged)
            images[HEAT] = resized(drawn, min(1, HEAT_SIDE / max(drawn.shape[:2])))
    return ReadCell(columns, images)


def _reference(neighbour: Neighbour) -> dict[str, object]:
    document = neighbour.to_json()
    return {key: document[key] for key in ("image_id", "label", "subject", "distance")}
