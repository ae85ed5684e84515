"""Pictures are removed, old cases purged, leftovers swept, and the database backed up."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from core import storage
from core.cases import case_store, chain, database, pictures
from core.cases.case_store import CaseSummary
from core.cases.tables import CellRow, DecisionRow, PictureRow
from core.errors import CaseError
from core.people import DECIDE, DELETE, Person

REMOVED = "picture removed"


def remove_picture(person: Person, case_id: str, picture_id: str) -> None:
    """Removes a picture and its cells from a case: one of another patient, or read wrongly.

    What the events said of it stays in the chain. Raises `CaseError` if the case is signed or has
    no such picture, or if a reader has decided one of its cells.
    """
    person.require(DECIDE)
    with case_store.changing(case_id) as (session, head, case):
        picture = session.get(PictureRow, picture_id)
        if picture is None or picture.case_id != case_id:
            raise CaseError(
                f"The case {case.name} has no such picture: somebody has removed it. Open the "
                "case again."
            )
        of_picture = CellRow.picture_id == picture_id
        cells = session.scalars(select(CellRow).where(of_picture)).all()
        decided = select(DecisionRow).join(CellRow, CellRow.id == DecisionRow.cell_id)
        if (first := session.scalars(decided.where(of_picture)).first()) is not None:
            raise CaseError(
                f"{first.reader} has decided cells of {picture.name}, so it stays in the case. "
                "Decide its cells to be excluded instead."
            )
        for row in (*cells, picture):
            session.delete(row)
        chain.record(session, head, person, REMOVED, case, inputs=[picture.input_sha256])
        left = case_store.load(session, case_id)
        kept = {digest for cell in left.cells for digest in cell.files.values()}
        kept |= {digest for one in left.pictures for digest in (one.file, one.overview)}
    pictures.erase_others(case_id, kept)


def older_than(days: int) -> list[CaseSummary]:
    """The cases that nobody has changed for so many days, the oldest first."""
    if days < 1:
        raise CaseError(f"Cases are kept for {days} days; it must be at least 1.")
    before = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    return sorted(
        (case for case in case_store.cases() if case.changed < before),
        key=lambda case: case.changed,
    )


def purge(person: Person, days: int) -> list[CaseSummary]:
    """Deletes the cases that nobody has changed for so many days, and returns them.

    Pictures that a process left behind when it was killed are removed too.
    """
    person.require(DELETE)
    old = older_than(days)
    for case in old:
        case_store.delete(person, case.id)
    for path in pictures.orphans({case.id for case in case_store.cases()}):
        shutil.rmtree(path, ignore_errors=True)
    return old


def backup(target: Path) -> Path:
    """Writes the database and the pictures into a new folder, while the app may go on.

    The database is copied first, so that every picture that it names is there to be copied. Raises
    `CaseError` if the folder exists, or the database is not SQLite.
    """
    if target.exists():
        raise CaseError(f"{target} exists already. Name a new folder.")
    with storage.scratch(target.absolute().parent) as scratch:
        copy = scratch / "cases"
        copy.mkdir()
        database.backup(copy / "cases.sqlite")
        if pictures.folder().is_dir():
            # A case that is deleted meanwhile takes its pictures with it.
            shutil.copytree(pictures.folder(), copy / "pictures", copy_function=_copy_if_there)
        copy.rename(target)
    return target


def _copy_if_there(source: str, target: str) -> None:
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return
