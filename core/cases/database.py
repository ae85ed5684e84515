"""The case database: SQLite in the artifacts folder, or PostgreSQL by `BLASTLENS_DATABASE_URL`."""

import errno
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from core import locks, storage
from core.cases.tables import CaseRow, HeadRow
from core.errors import CaseError, DiskError, disk_errors
from core.settings import settings

MIGRATIONS = Path(__file__).parent / "migrations"
# What is deleted is overwritten, not only forgotten.
SQLITE = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
WAIT_SECONDS = 30  # for another writer
WRITES = "writes"  # the execution option of a transaction that writes
# What SQLite says of the disk, as the system does.
_OF_THE_DISK = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}
_UPGRADE = threading.Lock()  # of two upgrades at once Alembic mixes up the databases
# What a damaged row or page ends in, beside what the database says itself.
DAMAGED = (UnicodeDecodeError, json.JSONDecodeError)
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def is_there() -> bool:
    """Whether there is a database: SQLite's file is made when a case is first asked for."""
    return settings().database_url is not None or _sqlite_file().exists()


def _sqlite_file() -> Path:
    return storage.cases_dir() / "cases.sqlite"


def url() -> str:
    """The database in SQLAlchemy's form, with the password."""
    given = settings().database_url
    if given is None:
        return f"sqlite:///{_sqlite_file()}"
    scheme, colon, rest = given.partition("://")
    return DRIVERS.get(scheme, scheme) + colon + rest


@contextmanager
def reading() -> Iterator[Session]:
    """A session that sees one state of the database and changes nothing."""
    engine = _engine(url())
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with _session(engine) as session:
        yield session


@contextmanager
def writing() -> Iterator[tuple[Session, HeadRow]]:
    """A transaction and the locked end of the chain: one writer at a time, all or nothing."""
    engine = _engine(url()).execution_options(**{WRITES: True})
    with _session(engine) as session, session.begin():
        # SQLite has locked the whole database by now; PostgreSQL locks this row.
        head = session.scalars(select(HeadRow).with_for_update()).one()
        yield session, head


@contextmanager
def _session(engine: Engine) -> Iterator[Session]:
    with _refusals(), Session(engine, expire_on_commit=False, autoflush=False) as session:
        yield session


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise CaseError(f"The case database cannot be used: {_cause(error.orig)}") from error
    except DAMAGED as error:
        raise CaseError(f"The case database cannot be used: {_damage(error)}") from error


@lru_cache(maxsize=4)
def _engine(address: str) -> Engine:
    """Connects, and brings the tables to the version of this BlastLens."""
    try:
        engine = _sqlite(address) if address.startswith("sqlite") else _postgresql(address)
        with locks.lock(storage.cases_dir() / "upgrade"):
            upgrade(engine)
    except DAMAGED as error:
        raise CaseError(f"The case database cannot be opened: {_damage(error)}") from error
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise CaseError(
            f"BLASTLENS_DATABASE_URL cannot be used ({error}). Give postgresql://user@host/name; "
            "PostgreSQL needs the extra blastlens[postgresql]."
        ) from error
    except DBAPIError as error:
        raise CaseError(f"The case database cannot be opened: {_cause(error.orig)}") from error
    except CommandError as error:
        raise CaseError(
            f"The case database is of a later version of BlastLens ({error}). Update BlastLens, or "
            "set BLASTLENS_DATABASE_URL to another database."
        ) from error
    return engine


def _sqlite(address: str) -> Engine:
    with disk_errors(storage.cases_dir()):
        storage.cases_dir().mkdir(parents=True, exist_ok=True)
    engine = create_engine(address, connect_args={"timeout": WAIT_SECONDS})
    if engine.url.database in (None, "", ":memory:"):
        raise CaseError(
            "BLASTLENS_DATABASE_URL names no file, so cases would be gone with the process. Give "
            "sqlite:////path/to/cases.sqlite."
        )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        # The driver must not begin transactions by itself: see `begin`.
        connection.isolation_level = None
        for setting in SQLITE:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and locks later could find the database changed meanwhile.
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(address: str) -> Engine:
    wait = {"options": f"-c lock_timeout={WAIT_SECONDS}s"}
    return create_engine(address, connect_args=wait, pool_pre_ping=True)


def upgrade(engine: Engine, version: str = "head") -> None:
    """Runs the Alembic migrations that a database has not had yet, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with _UPGRADE, engine.execution_options(**{WRITES: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def forget() -> None:
    """Closes the connections of this process."""
    for_address = url()
    _engine(for_address).dispose()
    _engine.cache_clear()


def backup(target: Path) -> None:
    """Copies a SQLite database, consistent while others write.

    Raises `CaseError` for PostgreSQL, which has pg_dump for that, and if the disk refuses.
    """
    if not url().startswith("sqlite"):
        raise CaseError("Back up PostgreSQL by pg_dump, and the folder of pictures beside it.")
    with _refusals(), _engine(url()).connect() as connection:
        source = connection.connection.driver_connection
        assert isinstance(source, sqlite3.Connection)
        with storage.atomic(target) as temporary, closing(sqlite3.connect(temporary)) as copy:
            try:
                source.backup(copy)
            except sqlite3.Error as error:
                cause = _cause(error, str(target))
                raise CaseError(f"The backup cannot be written: {cause}") from error


def _cause(error: BaseException | None, file: str | None = None) -> str:
    """What the database says, in a sentence; with file and remedy if the disk refuses SQLite."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _OF_THE_DISK:
        number = _OF_THE_DISK[code]
        return str(DiskError(number, os.strerror(number), file or url().removeprefix("sqlite:///")))
    return " ".join(str(error).split())[:300] + "."


def _damage(error: Exception) -> str:
    return f"it is damaged ({_cause(error)[:-1]}). Bring back a backup."


def existing(case: CaseRow | None, case_id: str) -> CaseRow:
    """Returns the row of a case. Raises `CaseError` if there is none."""
    if case is None:
        raise CaseError(
            f"There is no case {case_id}: it was deleted, or never was here. Choose one from the "
            "list of cases."
        )
    return case
