"""Many readings as a table, as CSV, and as a ZIP with their pictures."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np
import pandas as pd

from core import tables
from core.data import images
from core.data.walk import Progress
from core.errors import UploadError
from core.explain.cam_methods import METHODS
from core.explain.overlay import stamp
from core.explain.trust import Judgement
from core.reading.batch import Item, read_many
from core.reading.cell_reading import ADAPTED_STAMP, CellReading, Reading
from core.reading.fields.reading import FieldReading
from core.reading.fields.summary import Counts
from core.reading.picture import is_field, is_large, read_small_field
from core.reading.preparing.options import NO_OPTIONS, ReadingOptions
from core.reading.reader import Reader
from core.runs.calibration import Calibration

CELL, CUT_OUT, FIELD, NOTHING = "one cell", "cell cut out", "whole field", "nothing"
WHOLE = "whole image"
NOT_READ, AS_FIELD = "not read", "field"
NOT_JUDGED = "not judged"  # a judgement takes twice as long as a reading
LARGE = "A large image: its white cells are searched for when it is opened."
_FACTS = """Readings of BlastLens. For research use only, never a diagnosis.

readings.csv: one row a file; of a field, what became of its cells. In pictures/, of each picture
of one cell that was read: *_cell.png is what the model read, *_outline.png has the outline of what
was measured, and *_overlay.png the heat map: evidence for the side of the threshold that the cell
lies on, from weak (teal) to strong (yellow), drawn by {method}. One that is not to be relied on
has that stamped on it; the column heat_map of readings.csv has the badge of each. Of a cell whose
colours were adapted to those of the reference cells, *_original.png is what came, and the others
are *_adapted_*.png, with that stamped on all but what the model read.
"""


@dataclass(frozen=True)
class Row:
    """A row of the table: the reading of one picture by one model.

    call: ALL, HEM, review, `NOT_READ`, or `AS_FIELD` for a field of which cells were read. reason:
    why the picture was refused or sent to review, what makes the call doubtful, or what became of
    the cells of a field. adapted_stain: whether it, or cells of the field, was read as if stained
    like the reference cells. check: the code of the check that refused it. known_from: train,
    validation or test if the model knows the very cell. diameter: in words.
    diameter_px: at the scale of training; diameter_um: NaN if the scale is not known. heat_map:
    the badge of the heat map of a cell, `NOT_JUDGED`, or "" where there is no cell. counts: of the
    cells of a field; no column of the table.
    """

    file: str
    model: str
    read_as: str
    call: str = NOT_READ
    probability_all: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    undecided: bool = False
    adapted_stain: bool = False
    reason: str = ""
    check: str = ""
    diameter: str = ""
    diameter_px: float | None = None
    diameter_um: float | None = None
    distance: float | None = None
    distance_limit: float | None = None
    known_from: str = ""
    heat_map: str = ""
    counts: Counts | None = None


_DTYPES = {
    field.name: float if field.type == float | None else field.type
    for field in fields(Row)
    if field.name != "counts"
}


def read_as(reading: Reading) -> str:
    """How a picture was read: as `CELL`, `CUT_OUT`, `WHOLE`, `FIELD` or `NOTHING`."""
    if is_field(reading):
        return FIELD
    if not reading.cells:
        return NOTHING
    if reading.cells[0].whole_image:
        return WHOLE
    return CUT_OUT if reading.prepared and reading.prepared.cut_out else CELL


def row(reading: Reading, model: str, calibration: Calibration) -> Row:
    """The reading of a picture by a model, given the model's calibration."""
    figures = reading.gate.figures
    result = Row(
        file=reading.image,
        model=model,
        read_as=read_as(reading),
        reason=reading.reason or "",
        check=reading.gate.code or "",
        diameter=reading.gate.size("diameter_px"),
        diameter_px=figures.get("diameter_px"),
        diameter_um=reading.gate.diameter_um,
        distance=figures.get("distance"),
        distance_limit=figures.get("distance_limit"),
    )
    if not reading.cells:
        return result
    cell = reading.cells[0]
    low, high = cell.interval or (None, None)
    return replace(
        result,
        call=cell.call,
        probability_all=cell.probability,
        interval_low=low,
        interval_high=high,
        undecided=cell.undecided,
        adapted_stain=cell.adapted,
        reason=doubt(cell, calibration),
        known_from=cell.seen.part if cell.seen else "",
        heat_map=NOT_JUDGED,
    )


def field_row(reading: FieldReading, model: str) -> Row:
    """The reading of a field by a model, or why none of its cells was read."""
    counts = reading.counts
    return Row(
        file=reading.image,
        model=model,
        read_as=FIELD,
        call=AS_FIELD if counts.read else NOT_READ,
        adapted_stain=counts.adapted > 0,
        reason=reading.question or counts.sentence,
        counts=counts,
    )


def rows(
    reader: Reader, items: Sequence[Item], options: ReadingOptions = NO_OPTIONS
) -> Iterator[tuple[Row, Reading]]:
    """Yields the row of each picture, in their order, with its reading as a cell.

    `told` holds for all of them. Whether a picture is a field is decided as `core.reading.picture`
    does, and the cells of a field are read as well, except in a large one, whose search takes
    minutes.
    """
    model, calibration = reader.run.run_id, reader.calibration
    for (name, source), reading in zip(items, read_many(reader, items, options), strict=True):
        data = source() if callable(source) else source
        if reader.whole_images:
            yield row(reading, model, calibration), reading
        elif is_large(data, name):
            yield Row(name, model, FIELD, reason=LARGE), reading
        elif is_field(reading):
            yield _of_field(reader, data, name, options), reading
        else:
            yield row(reading, model, calibration), reading


def _of_field(reader: Reader, data: Path | bytes, name: str, options: ReadingOptions) -> Row:
    try:
        return field_row(read_small_field(reader, data, name, options), reader.run.run_id)
    except UploadError as error:
        return Row(name, reader.run.run_id, NOTHING, reason=str(error))


def doubt(cell: CellReading, calibration: Calibration) -> str:
    """Why a cell went to review, or why its call is doubtful; empty if it is not."""
    if cell.doubts:
        return f"{' '.join(cell.doubts)} A person should look."
    band = calibration.band
    if cell.call == "review" and band:
        return (
            f"Its probability of {cell.probability:.0%} lies in this model's review band, "
            f"{band.low:.0%} to {band.high:.0%}: a person should look."
        )
    return "Close to the threshold: take it as undecided." if cell.undecided else ""


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows with the fields of `Row` as columns; missing numbers are NaN."""
    listed = [{name: getattr(row, name) for name in _DTYPES} for row in rows]
    return pd.DataFrame(listed, columns=list(_DTYPES)).astype(_DTYPES)


def to_csv(readings: pd.DataFrame) -> bytes:
    """The table as CSV in UTF-8, with the byte order mark by which spreadsheets recognise it."""
    return tables.to_csv(readings, float_format="%.6g").encode("utf-8-sig")


def write_zip(
    readers: Sequence[Reader],
    items: Sequence[Item],
    file: BinaryIO,
    progress: Progress | None = None,
    options: ReadingOptions = NO_OPTIONS,
) -> None:
    """Reads files and writes a ZIP: readings.csv, the pictures of each cell, and README.txt.

    It is written picture by picture, so that memory holds the pictures of one batch.
    """
    done: list[Row] = []
    total = len(readers) * len(items)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # PNG is packed already
        for reader in readers:
            folder = f"pictures/{reader.run.run_id}" if len(readers) > 1 else "pictures"
            for number, (made, reading) in enumerate(rows(reader, items, options), start=1):
                stem = f"{folder}/{number:04}_{PurePath(reading.image).stem}"
                for cell in reading.cells:
                    judgement = reader.judge(cell)
                    made = replace(made, heat_map=judgement.badge)
                    for name, picture in _pictures(cell, judgement):
                        archive.writestr(f"{stem}_{name}.png", images.encode(picture))
                done.append(made)
                if progress:
                    progress(len(done), total)
        archive.writestr("readings.csv", to_csv(table(done)))
        methods = {METHODS[reader.cam].title for reader in readers}
        archive.writestr("README.txt", _FACTS.format(method=" and ".join(sorted(methods))))


def zipped(
    readers: Sequence[Reader], items: Sequence[Item], options: ReadingOptions = NO_OPTIONS
) -> bytes:
    """Returns the file that `write_zip` writes."""
    buffer = io.BytesIO()
    write_zip(readers, items, buffer, options=options)
    return buffer.getvalue()


def _pictures(cell: CellReading, judgement: Judgement) -> list[tuple[str, np.ndarray]]:
    outlined = stamp(cell.outlined, ADAPTED_STAMP if cell.adapted else "")
    pictures = [("cell", cell.image), ("outline", outlined)]
    pictures += [] if cell.heat is None else [("overlay", cell.stamped(judgement))]
    if cell.unadapted is None:
        return pictures
    marked = [(f"adapted_{name}", picture) for name, picture in pictures]
    return [("original", cell.unadapted), *marked]
