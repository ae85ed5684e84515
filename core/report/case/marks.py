"""How the outline of a cell looks: by colour, and by line and letter where there are no colours."""

from dataclasses import dataclass

from core.cases.labels import EXCLUDED, NO_CELL, OTHER
from core.reading.fields.drawing import COLOURS
from core.reading.fields.reading import CUT, NOT_READ
from core.report.case.content import ReportedCell

GREY = COLOURS[NOT_READ]
# In pixels of a field that is SHOWN pixels wide; all sizes grow with it.
SHOWN, WIDTH, HALO, FONT = 640, 1.8, 4.0, 12.5
LEAST_POINTS = 6.0  # of a number on paper


@dataclass(frozen=True)
class Mark:
    """How cells of one kind look.

    letter: stands behind the number. line: what `dash` looks like, in words. dash: lengths of
    strokes and gaps, () for a solid line.
    """

    letter: str
    colour: str
    line: str
    dash: tuple[float, ...]
    meaning: str


MARKS = {
    "ALL": Mark("A", COLOURS["ALL"], "solid", (), "blast (ALL)"),
    "HEM": Mark("H", COLOURS["HEM"], "dashed", (6, 3), "healthy white cell (HEM)"),
    "review": Mark("?", COLOURS["review"], "dash and dot", (8, 2.5, 2, 2.5), "sent to review"),
    OTHER: Mark("O", GREY, "long dashes", (12, 4), "another white cell"),
    NO_CELL: Mark("N", GREY, "dotted", (1.5, 3), "no cell"),
    EXCLUDED: Mark("X", GREY, "dotted", (1.5, 3), "excluded"),
    NOT_READ: Mark("r", GREY, "dotted", (1.5, 3), "refused, not read"),
    CUT: Mark("c", GREY, "dotted", (1.5, 3), "cut by the border"),
}
DECIDED = "Number on colour: decided by a person. Number on white: by the model alone, or not read."


def mark(cell: ReportedCell) -> Mark:
    """The mark of what a cell is taken for."""
    return MARKS[cell.standing]


def number(cell: ReportedCell) -> str:
    """Its number and letter: "3A"."""
    return f"{cell.number}{mark(cell).letter}"


def legend(cells: tuple[ReportedCell, ...]) -> str:
    """The marks of some cells in words."""
    used = {cell.standing for cell in cells}
    parts = [f"{m.letter} {m.meaning}: {m.line} line" for name, m in MARKS.items() if name in used]
    return f"{'; '.join(parts)}. {DECIDED}" if parts else "No cell was found in it."
