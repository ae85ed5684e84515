"""The reading of a field: its cells, what became of each, and their sum."""

from collections import Counter
from dataclasses import dataclass, replace

from core.cells.detection.detect import Cell, Field
from core.errors import DataError
from core.evaluation.track_record import KnownRates
from core.reading.checked_picture import Gate, refused
from core.reading.fields.edits import Marked
from core.reading.fields.summary import UNKNOWN, Counts, Summary, summarise

CUT, NOT_READ = "cut by the border", "refused"
STATES = ("ALL", "HEM", "review", NOT_READ, CUT)
LATER = refused("later", "It has not been read yet.", "Go on with the reading.")
BORDER = refused(
    "border", "The cell is cut off by the edge of the field.", "Take a field that shows it whole."
)

BAND = "Its probability lies in this model's review band."


@dataclass(frozen=True)
class FieldCell:
    """The result for one cell of a field; the numbers are None if it was not read.

    call, leaning, close, interval, doubts: as `core.reading.cell_reading.CellReading` has them.
    adapted: whether its colours were adapted to those of the reference cells, read or not. lobed:
    whether its nucleus is bent or in lobes, so far as cytoplasm can be seen around it.
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
    adapted: bool = False
    lobed: bool = False

    @property
    def number(self) -> int:
        return self.marked.number

    @property
    def cell(self) -> Cell:
        """Box and outlines, in pixels of the field."""
        return self.marked.cell

    @property
    def adaptable(self) -> bool:
        """Whether only its appearance has it refused: it is read if its colours are adapted."""
        return self.gate.code == "appearance" and self.gate.offer is not None

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
    model calls cells wrongly. adapt_stain: whether cells refused for their appearance alone were
    read as if stained like the reference cells.
    """

    image: str
    field: Field
    um_per_px: float | None
    scale_by: str | None
    question: str | None
    cells: tuple[FieldCell, ...]
    rates: KnownRates = UNKNOWN
    adapt_stain: bool = False

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
            adapted=sum(cell.adapted and cell.call is not None for cell in self.cells),
        )

    @property
    def adaptable(self) -> int:
        """How many more cells are read if colours are adapted."""
        return sum(cell.adaptable for cell in self.cells)

    @property
    def lobed(self) -> int:
        """How many cells have a nucleus that is bent or in lobes."""
        return sum(cell.lobed for cell in self.cells)

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
