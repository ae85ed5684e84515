"""Old cases are purged, leftovers swept, and the database backed up."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core import storage
from core.cases import case_store, database, pictures
from core.cases.case_store import CaseSummary
from core.errors import CaseError
from core.people import DELETE, Person


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
