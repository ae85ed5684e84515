"""The rows of a part: one for each picture, and one for each white cell of a field."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from core.cohort.source import ListedPicture
from core.errors import TooSmallError
from core.reading.checked_picture import Gate, refused
from core.reading.fields.reading import FieldCell, FieldReading
from core.reading.neighbours import Seen
from core.runs.calibration import Answer

CELL, FIELD, FIELD_CELL, REFUSED = "cell", "field", "field cell", "refused"
UNREADABLE, TOO_SMALL = "unreadable", "too small"


@dataclass(frozen=True)
class ScoredRow:
    """What a part says of a picture, or of a cell of a field.

    picture: number of the picture in the manifest. cell: number of a field's cell, None in the row
    of the picture itself, so that a picture has exactly one row without it. kind: `CELL`, `FIELD`,
    `FIELD_CELL` or `REFUSED`; of a field, reason says what became of its cells. sha256: of the
    bytes of the file, None if they could not be read. x, y, w, h: the cell in pixels of its field.
    gate: the code of the check that refused it, None if it was read. known_from: the part of the
    run whose cell it is, if any. The rest: as `core.reading.cell_reading.CellReading` has it.
    """

    picture: int
    path: str
    subject: str | None
    sha256: str | None
    kind: str
    cell: int | None = None
    x: int | None = None
    y: int | None = None
    w: int | None = None
    h: int | None = None
    call: str | None = None
    leaning: str | None = None
    probability: float | None = None
    logit: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    close: bool | None = None
    doubts: tuple[str, ...] = ()
    adapted_stain: bool = False
    gate: str | None = None
    reason: str | None = None
    distance: float | None = None
    distance_limit: float | None = None
    um_per_px: float | None = None
    known_from: str | None = None


_NUMBERS = ("probability", "logit", "interval_low", "interval_high")
_FIGURES = ("distance", "distance_limit", "um_per_px")
SCHEMA = pa.schema(
    [
        ("picture", pa.int64()),
        *((name, pa.string()) for name in ("path", "subject", "sha256", "kind")),
        *((name, pa.int32()) for name in ("cell", "x", "y", "w", "h")),
        ("call", pa.string()),
        ("leaning", pa.string()),
        *((name, pa.float64()) for name in _NUMBERS),
        ("close", pa.bool_()),
        ("doubts", pa.list_(pa.string())),
        ("adapted_stain", pa.bool_()),
        ("gate", pa.string()),
        ("reason", pa.string()),
        *((name, pa.float64()) for name in _FIGURES),
        ("known_from", pa.string()),
    ]
)


@dataclass(frozen=True)
class Known:
    """A listed picture, its number, and the SHA-256 of its bytes."""

    number: int
    listed: ListedPicture
    sha256: str | None = None

    def row(self, kind: str, **facts: Any) -> ScoredRow:
        """A row of this picture."""
        listed = self.listed
        return ScoredRow(self.number, listed.path, listed.subject, self.sha256, kind, **facts)

    def refused(self, gate: Gate) -> ScoredRow:
        """The row of a picture that was not read."""
        return self.row(REFUSED, gate=gate.code, reason=gate.sentence, **_figures(gate))

    def unreadable(self, error: Exception) -> ScoredRow:
        """The row of a picture whose file cannot be read."""
        code = TOO_SMALL if isinstance(error, TooSmallError) else UNREADABLE
        return self.refused(refused(code, str(error)))

    def cell(
        self, gate: Gate, answer: Answer, doubts: tuple[str, ...], adapted: bool, seen: Seen | None
    ) -> ScoredRow:
        """The row of a picture of one cell that was read."""
        facts = {**_answer(answer), "doubts": doubts, "adapted_stain": adapted, **_figures(gate)}
        return self.row(CELL, known_from=seen.part if seen else None, **facts)

    def field(self, reading: FieldReading) -> list[ScoredRow]:
        """The row of a field, and those of its cells."""
        reason = reading.question or reading.counts.sentence
        rows = [self.row(FIELD, reason=reason, um_per_px=reading.um_per_px)]
        for one in reading.cells:
            x, y, w, h = one.cell.bbox
            facts: dict[str, object] = {"cell": one.number, "x": x, "y": y, "w": w, "h": h}
            facts |= {"doubts": one.doubts, "adapted_stain": one.adapted}
            facts |= {"gate": one.gate.code, "reason": one.gate.sentence}
            if one.call is not None:
                facts |= _answer(one)
            rows.append(self.row(FIELD_CELL, **facts, **_figures(one.gate)))
        return rows


def _answer(read: Answer | FieldCell) -> dict[str, object]:
    low, high = read.interval or (None, None)
    facts = {name: getattr(read, name) for name in ("call", "leaning", "probability", "logit")}
    return facts | {"interval_low": low, "interval_high": high, "close": read.close}


def _figures(gate: Gate) -> dict[str, object]:
    return {name: gate.figures.get(name) for name in _FIGURES}


def table(rows: list[ScoredRow]) -> pa.Table:
    """The rows as `SCHEMA` has them."""
    return pa.Table.from_pylist([vars(row) for row in rows], SCHEMA)
