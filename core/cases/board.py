"""The cells of a case as a reader goes through them: their order, and little of each.

A whole case takes tens of milliseconds to load; this is loaded anew after each decision.
"""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import select

from core.cases import database
from core.cases.tables import CaseRow, CellRow, DecisionRow, PictureRow
from core.errors import CaseError

BY_CALL = "By call"
# Orders of the cells, and what is said of each.
ORDERS = {BY_CALL: ""}


@dataclass(frozen=True)
class ListedCell:
    """Some columns of a `CellRow`; own: what one reader decided."""

    id: str
    place: int
    number: int
    state: str
    leaning: str | None
    probability: float | None
    low: float | None
    high: float | None
    logit: float | None
    code: str | None
    distance: float | None
    files: dict[str, str]
    seen_by: str | None
    label: str | None
    label_by: str | None
    version: int
    picture: str
    own: str | None


@dataclass(frozen=True)
class Listed:
    """A case, without its rows, and its cells as on the pictures."""

    case: CaseRow
    cells: tuple[ListedCell, ...]


_JOINED = ("picture", "own")  # from other tables
_NAMES = [field.name for field in fields(ListedCell) if field.name not in _JOINED]


def listed(case_id: str, reader: str) -> Listed:
    """A case and its cells as `reader` sees them. Raises `CaseError` if there is none."""
    with database.reading() as session:
        case = database.existing(session.get(CaseRow, case_id), case_id)
        columns = [getattr(CellRow, name) for name in _NAMES]
        own = (CellRow.id == DecisionRow.cell_id) & (DecisionRow.reader == reader)
        found = session.execute(
            select(*columns, PictureRow.name, DecisionRow.label)
            .join(PictureRow, PictureRow.id == CellRow.picture_id)
            .outerjoin(DecisionRow, own)
            .where(CellRow.case_id == case_id)
            .order_by(CellRow.place, CellRow.number)
        )
        rows: list[tuple[Any, ...]] = [tuple(row) for row in found]
        return Listed(case, tuple(ListedCell(*row) for row in rows))


def whole(cell_id: str) -> CellRow:
    """A cell with its picture. Raises `CaseError` if there is none."""
    with database.reading() as session:
        cell = session.get(CellRow, cell_id)
        if cell is None:
            raise CaseError(
                f"There is no cell {cell_id}: its case was deleted. Choose a case from the list."
            )
        assert cell.picture  # is loaded by this
        return cell


def rows(listed: Listed, order: str = BY_CALL) -> list[tuple[str, list[ListedCell]]]:
    """The cells in rows with titles: by the model's call, most cells first, likeliest blast first.

    A blind case has one row, in which the cells lie as on the pictures.
    """
    if listed.case.blind:
        return [("All cells", list(listed.cells))]
    by_state: dict[str, list[ListedCell]] = {}
    for cell in listed.cells:
        by_state.setdefault(cell.state, []).append(cell)
    return [
        (
            f"{state} ({len(cells)})",
            sorted(cells, key=lambda cell: (-(cell.probability or 0), cell.place, cell.number)),
        )
        for state, cells in sorted(by_state.items(), key=lambda item: -len(item[1]))
    ]
