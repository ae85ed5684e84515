"""Cases in the database: created, read, changed, listed and deleted, each by an event."""

import itertools
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from core.cases import chain, database, drawing, pictures
from core.cases.intake import ReadPicture
from core.cases.labels import ALL, COUNTED
from core.cases.tables import CaseRow, CellRow, EventRow, HeadRow, PictureRow
from core.data.pixel_cache import IMAGE
from core.errors import CaseError, StaleError
from core.people import DECIDE, DELETE, SIGN, Person
from core.reading.fields.summary import BLOOD, FEWEST_FOR_PERCENT

OPEN, SIGNED = "open", "signed"
CREATED, CHANGED, ADDED = "created", "changed", "pictures added"
MAX_NAME = 120
MOST_CELLS = 1_000_000
_SHOWN = 5  # changes that a refused write lists


@dataclass(frozen=True)
class CaseSummary:
    """A case in the list of cases: cells, counted and blasts as `Verdict` counts them.

    blasts: None of a blind case that is open, whose readers it would tell what the model says.
    """

    id: str
    name: str
    state: str
    created: str
    changed: str
    created_by: str
    readers: tuple[str, ...]
    cells: int
    counted: int
    blasts: int | None

    @property
    def share(self) -> float | None:
        """The share of blasts; None if so few cells count that it says little."""
        if self.blasts is None or self.counted < FEWEST_FOR_PERCENT:
            return None
        return self.blasts / self.counted


def create(
    person: Person,
    name: str,
    read: Sequence[ReadPicture] = (),
    *,
    minimum_cells: int = BLOOD,
    blind: bool = False,
) -> str:
    """Creates a case of pictures, or an empty one, and returns its identifier; whole or not at all.

    Raises `CaseError` for a wrong value, or if a file comes twice.
    """
    person.require(DECIDE)
    time = chain.now()
    case = CaseRow(
        id=uuid.uuid4().hex,
        name=_checked_name(name),
        created=time,
        created_by=person.name,
        changed=time,
        version=0,
        state=OPEN,
        minimum_cells=_checked_minimum(minimum_cells),
        blind=blind,
    )
    case_id = case.id
    try:
        kept = [_keep(case_id, picture) for picture in read]
        with database.writing() as (session, head):
            session.add(case)
            chain.record(session, head, person, CREATED, case)
            if kept:
                _add(session, head, person, case, kept)
    except BaseException:
        pictures.erase(case_id)
        raise
    return case_id


def change(
    person: Person, case_id: str, version: int, *, name: str, minimum_cells: int, blind: bool
) -> None:
    """Changes the facts of a case that had `version` when the person saw it.

    Raises `StaleError` if somebody has changed it since, `CaseError` for a wrong value.
    """
    person.require(DECIDE)
    with changing(case_id) as (session, head, case):
        require_version(session, case, version)
        if case.blind and not blind:
            person.require(SIGN)  # who ends it shows every reader what the model says
        case.name = _checked_name(name)
        case.minimum_cells = _checked_minimum(minimum_cells)
        case.blind = blind
        chain.record(session, head, person, CHANGED, case)


def add(person: Person, case_id: str, read: Sequence[ReadPicture]) -> None:
    """Adds pictures and their cells to a case; all or none.

    Raises `CaseError` if a file is in the case already, or comes twice.
    """
    person.require(DECIDE)
    kept = [_keep(case_id, picture) for picture in read]
    with changing(case_id) as (session, head, case):
        _add(session, head, person, case, kept)


def _add(
    session: Session,
    head: HeadRow,
    person: Person,
    case: CaseRow,
    kept: Sequence[tuple[PictureRow, list[CellRow]]],
) -> None:
    of_case = session.scalars(select(PictureRow).where(PictureRow.case_id == case.id)).all()
    held = {picture.input_sha256 for picture in of_case}
    names = {picture.name for picture in of_case}
    last = max((picture.place for picture in of_case), default=0)
    for place, (picture, cells) in enumerate(kept, start=last + 1):
        if picture.input_sha256 in held:
            raise CaseError(f"{picture.name} is in this case already. Leave it out.")
        held.add(picture.input_sha256)
        picture.name = _free_name(picture.name, names)
        names.add(picture.name)
        picture.place = place
        for cell in cells:
            cell.place = place
        session.add_all([picture, *cells])
    rows = [picture for picture, _ in kept]
    chain.record(
        session,
        head,
        person,
        ADDED,
        case,
        inputs=sorted({picture.input_sha256 for picture in rows}),
        model=rows[0].model if rows else None,
    )


def _free_name(name: str, taken: Collection[str]) -> str:
    """The name, numbered if it is taken: in its case a picture is known by its name."""
    ending = PurePosixPath(name).suffix[:10]
    numbered = (f"{name.removesuffix(ending)[:180]} ({n}){ending}" for n in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)


def _keep(case_id: str, read: ReadPicture) -> tuple[PictureRow, list[CellRow]]:
    picture = PictureRow(
        id=uuid.uuid4().hex,
        case_id=case_id,
        file=pictures.keep(case_id, read.image),
        overview=pictures.keep(case_id, drawing.overview(read.image)),
        **read.columns,
    )
    cells = []
    for cell in read.cells:
        files = {kind: pictures.keep(case_id, image) for kind, image in cell.images.items()}
        cells.append(
            CellRow(
                id=uuid.uuid4().hex,
                case_id=case_id,
                picture_id=picture.id,
                files=files,
                version=0,
                settled=False,
                **cell.columns,
            )
        )
    return picture, cells


def get(case_id: str) -> CaseRow:
    """A case with all its rows, as they are now. Raises `CaseError` if there is none."""
    with database.reading() as session:
        return load(session, case_id)


def load(session: Session, case_id: str) -> CaseRow:
    """Like `get`, within a session."""
    parts = [CaseRow.pictures, CaseRow.decisions, CaseRow.signatures]
    options = [selectinload(part) for part in parts]
    options.append(selectinload(CaseRow.cells).selectinload(CellRow.picture))
    case = session.get(CaseRow, case_id, options=options)
    return database.existing(case, case_id)


def events(case_id: str) -> list[EventRow]:
    """The events of a case, the oldest first."""
    with database.reading() as session:
        found = select(EventRow).where(EventRow.case_id == case_id).order_by(EventRow.number)
        return list(session.scalars(found))


def cases() -> list[CaseSummary]:
    """All cases, the one changed last first."""
    with database.reading() as session:
        alone = CellRow.label.is_(None) & CellRow.probability.is_not(None)
        blast = (CellRow.label == ALL) | (alone & (CellRow.leaning == ALL))
        counted = (
            select(
                CellRow.case_id,
                func.count().label("cells"),
                func.count().filter(alone | CellRow.label.in_(COUNTED)).label("counted"),
                func.count().filter(blast).label("blasts"),
            )
            .join(PictureRow, PictureRow.id == CellRow.picture_id)
            .where(PictureRow.kind != IMAGE)
            .group_by(CellRow.case_id)
            .subquery()
        )
        rows = session.execute(
            select(CaseRow, counted.c.cells, counted.c.counted, counted.c.blasts)
            .outerjoin(counted, counted.c.case_id == CaseRow.id)
            .order_by(CaseRow.changed.desc())
        ).all()
        readers: dict[str, list[str]] = {}
        for case_id, person in session.execute(
            select(EventRow.case_id, EventRow.person).distinct().order_by(EventRow.person)
        ):
            readers.setdefault(case_id, []).append(person)
    return [
        CaseSummary(
            case.id, case.name, case.state, case.created, case.changed, case.created_by,
            tuple(readers.get(case.id, ())), cells or 0, counts or 0,
            None if case.blind and case.state == OPEN else blasts or 0,
        )
        for case, cells, counts, blasts in rows
    ]  # fmt: skip


def delete(person: Person, case_id: str) -> None:
    """Deletes a case: its rows and pictures, and what its events say; they stay in the chain."""
    person.require(DELETE)
    with database.writing() as (session, head):
        case = load(session, case_id)
        counts = {"pictures": len(case.pictures), "cells": len(case.cells)}
        chain.record_deletion(session, head, person, case, **counts)
        session.execute(sql_delete(CaseRow).where(CaseRow.id == case_id))
    pictures.erase(case_id)


@contextmanager
def changing(case_id: str) -> Iterator[tuple[Session, HeadRow, CaseRow]]:
    """A transaction on an open case. Raises `CaseError` if it is gone or signed."""
    with database.writing() as (session, head):
        case = database.existing(session.get(CaseRow, case_id), case_id)
        if case.state == SIGNED:
            raise CaseError(f"The case {case.name} is signed. Open it again to change it.")
        yield session, head, case


def require_version(session: Session, case: CaseRow, version: int) -> None:
    """Raises `StaleError`, with what changed, if the case has another version by now."""
    if case.version == version:
        return
    since = session.scalars(
        select(EventRow)
        .where(EventRow.case_id == case.id, EventRow.case_version > version)
        .order_by(EventRow.number)
    ).all()
    said = [f"{event.kind} by {event.person} at {event.time[:19]}" for event in since[:_SHOWN]]
    more = f" and {len(since) - _SHOWN} more" if len(since) > _SHOWN else ""
    raise StaleError(
        f"The case {case.name} has changed since you looked at it: {'; '.join(said)}{more}. "
        "Nothing was written. Look at it again."
    )


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise CaseError(f"{name[:MAX_NAME]!r} cannot name a case: give 1 to {MAX_NAME} characters.")
    return name


def _checked_minimum(cells: int) -> int:
    if not 1 <= cells <= MOST_CELLS:
        raise CaseError(
            f"The least number of cells is {cells}; it must lie from 1 to {MOST_CELLS}."
        )
    return cells
