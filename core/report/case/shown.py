"""What a report shows of a case, and the files of its pictures as the report embeds them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from core.cases import pictures
from core.cases.intake import FIELD
from core.data.images import decode, encode
from core.data.pixel_cache import CELL, IMAGE
from core.reading.fields.drawing import OVERVIEW, overview
from core.report.case.content import CaseReport, ReportedCell, ReportedEvent, ReportedPicture
from core.report.case.history import counted

T = TypeVar("T")
MOST_FIELDS, MOST_CROPS, MOST_ROWS, MOST_EVENTS = 24, 60, 1000, 300
QUALITY = 90  # of a JPEG, of 100


@dataclass(frozen=True)
class ShownCell:
    """A cell with the picture that it is of."""

    picture: ReportedPicture
    cell: ReportedCell

    @property
    def noun(self) -> str:
        """What it is called: "image" for a whole one, else "cell"."""
        return IMAGE if self.picture.kind == IMAGE else CELL


@dataclass(frozen=True)
class Selection:
    """What is shown of a case, in its order.

    pictured: cells shown with their pictures; listed: the others. left_out: a sentence on what is
    not shown, or "".
    """

    fields: Sequence[ReportedPicture]
    pictured: Sequence[ShownCell]
    listed: Sequence[ShownCell]
    events: Sequence[ReportedEvent]
    left_out: str

    @property
    def title(self) -> str:
        """What `pictured` and `listed` are: "Cells", "Images", or both."""
        nouns = {row.noun for row in (*self.pictured, *self.listed)}
        return " and ".join(f"{noun}s" for noun in sorted(nouns)).capitalize()


def select(report: CaseReport) -> Selection:
    """Chooses what is shown: blasts, reviewed and reclassified cells come before others."""
    rows = [ShownCell(picture, cell) for picture in report.pictures for cell in picture.cells]
    fields = [picture for picture in report.pictures if picture.kind == FIELD]
    pictured = _choose(rows, MOST_CROPS, lambda row: row.cell.matters)
    chosen = {row.cell.id for row in pictured}
    others = [row for row in rows if row.cell.id not in chosen]
    selection = (
        _choose(fields, MOST_FIELDS, lambda field: any(cell.matters for cell in field.cells)),
        pictured,
        _choose(others, MOST_ROWS, lambda row: row.cell.matters),
        report.events[:MOST_EVENTS],
    )
    left_out = {
        "field": len(fields) - len(selection[0]),
        "cell": len(others) - len(selection[2]),
        "event": len(report.events) - len(selection[3]),
    }
    words = ", ".join(counted(number, noun) for noun, number in left_out.items() if number)
    sentence = (
        f"Not shown, to keep it short: {words}. The data in this file list all." if words else ""
    )
    return Selection(*selection, sentence)


def _choose(items: Sequence[T], most: int, preferred: Callable[[T], bool]) -> list[T]:
    """At most so many, the preferred ones first to be chosen; in the order that they had."""
    order = sorted(range(len(items)), key=lambda place: not preferred(items[place]))
    return [items[place] for place in sorted(order[:most])]


@dataclass
class Album:
    """The pictures of a case as a report embeds them.

    kind: "PNG" embeds the kept files themselves, unless one is larger than can be shown; "JPEG"
    small copies. smaller: the kept file (SHA-256) of a smaller copy that stands for another one.
    kept: the kept file (SHA-256) that each embedded one (SHA-256) is, or was made of.
    """

    case_id: str
    kind: str
    smaller: Mapping[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def embed(self, file: str) -> bytes:
        """The file to embed for a kept one. Raises `CaseError` if that is gone or was changed."""
        data = pictures.load(self.case_id, self.smaller.get(file, file))
        image = decode(data, file)
        if self.kind != "PNG" or max(image.shape[:2]) > OVERVIEW:
            data = encode(overview(image), self.kind, quality=QUALITY)
        self.kept[hashlib.sha256(data).hexdigest()] = file
        return data
