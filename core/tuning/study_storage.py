"""Where Optuna keeps the study of a search, by `BLASTLENS_STUDY_STORAGE`.

- unset: SQLite, `study.db` in the sweep's folder, which has to be on a local disk.
- `journal`: `study.journal` in the sweep's folder, a log that only grows; for a folder on a disk
  that several machines share, where SQLite's locks do not hold (NFS).
- `postgresql+psycopg://user:password@host/name`: a server. While a search is open, the trials under
  way have a heartbeat there, so that a second worker does not take them up.

A sweep keeps the storage that it was created with.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core import extras, locks
from core.errors import ConfigError, RunError
from core.settings import settings

if TYPE_CHECKING:
    import optuna

SQLITE, JOURNAL, POSTGRESQL = STORAGES = ("sqlite", "journal", "postgresql")
_SCHEME = "postgresql+psycopg"
SQLITE_WAIT_SECONDS = 60  # for another thread that writes
CONNECT_SECONDS = 10
HEARTBEAT_SECONDS = 5.0
# A worker that has not been heard of for so long is gone; one that has is waited for once as long.
STALE_SECONDS = 20.0
# Optuna has no public way to ask which trials are alive; tests/tuning/test_study_storage.py guards.
_ALIVE = """
SELECT trials.number FROM trials JOIN trial_heartbeats USING (trial_id)
WHERE study_id = :study AND state = 'RUNNING'
AND heartbeat > LOCALTIMESTAMP - make_interval(secs => :stale)
"""


def chosen() -> str:
    """The kind of storage that the setting names. Raises `ConfigError` for a value that it is not.

    The value itself may hold a password and is not repeated.
    """
    given = settings().study_storage
    if given is None or given == JOURNAL:
        return given or SQLITE
    if urlsplit(given).scheme == _SCHEME and urlsplit(given).hostname:
        return POSTGRESQL
    raise ConfigError(
        f"BLASTLENS_STUDY_STORAGE is neither {JOURNAL!r} nor an address that begins with "
        f"{_SCHEME}:// and names a host. Leave it unset to keep searches in SQLite."
    )


def require(kind: str) -> None:
    """Raises `ConfigError` if a study of that kind cannot be kept, as far as no server knows."""
    if kind != POSTGRESQL:
        return
    extras.require("psycopg", "postgresql", "A study in PostgreSQL")
    if chosen() != POSTGRESQL:
        raise ConfigError(
            "The study of this search is in a PostgreSQL database. Set BLASTLENS_STUDY_STORAGE to "
            f"its address, {_SCHEME}://user:password@host/name."
        )


@contextmanager
def opened(kind: str, folder: Path) -> Iterator["optuna.storages.BaseStorage"]:
    """Opens the storage of the sweep in `folder`; threads may share it.

    Raises `ConfigError` if a server cannot be reached, `RunError` if it stops answering.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import DBAPIError

    require(kind)
    if kind == JOURNAL:
        yield _journal(folder / "study.journal")
        return
    storage = _sqlite(folder / "study.db") if kind == SQLITE else _postgresql(folder)
    try:
        yield storage
    except (StorageInternalError, DBAPIError) as error:
        raise RunError(
            f"The study of this search cannot be used any more: {_cause(error)}. Trials that have "
            "ended are kept; when it can be used again, resume the search."
        ) from error
    finally:
        storage.engine.dispose()


@contextmanager
def taken_back(study: "optuna.Study", storage: "optuna.storages.BaseStorage") -> Iterator[None]:
    """Trials that a killed worker left under way wait again, and `study.ask` gives each once.

    Each keeps its number, and so its run and checkpoint, which it would lose if Optuna's own
    callback failed it and queued another one. The caller holds the sweep's lock, so no other worker
    should be at them; PostgreSQL also knows by heartbeats, which are written until the block ends.
    Raises `RunError` if another worker is at one all the same.
    """
    from optuna.storages import RDBStorage
    from optuna.trial import TrialState

    beats = isinstance(storage, RDBStorage) and storage.engine.dialect.name == "postgresql"
    if beats:
        _require_abandoned(study.study_name, storage)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
    stop = threading.Event()
    beating = threading.Thread(
        target=_beat, args=(study, storage, stop), daemon=True, name="heartbeat"
    )
    if beats:
        beating.start()
    try:
        yield
    finally:
        stop.set()
        if beats:
            beating.join()


def _require_abandoned(study: str, storage: Any) -> None:
    from sqlalchemy import text

    given = {"study": storage.get_study_id_from_name(study), "stale": STALE_SECONDS}
    deadline = time.monotonic() + STALE_SECONDS + HEARTBEAT_SECONDS
    while True:
        with storage.engine.connect() as connection:
            alive = connection.execute(text(_ALIVE), given).scalars().all()
        if not alive:
            return
        if time.monotonic() > deadline:
            raise RunError(
                f"Another worker is at trial {min(alive)} of this search: the database hears of it "
                f"every {HEARTBEAT_SECONDS:g} s. End that worker, or wait until it has ended."
            )
        time.sleep(HEARTBEAT_SECONDS / 5)


def _beat(study: "optuna.Study", storage: Any, stop: threading.Event) -> None:
    from optuna.exceptions import StorageInternalError
    from optuna.trial import TrialState
    from sqlalchemy.exc import DBAPIError

    while not stop.wait(HEARTBEAT_SECONDS):
        # A beat that fails is missed; whoever works on the study meets the error itself.
        with suppress(StorageInternalError, DBAPIError):
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                storage.record_heartbeat(trial._trial_id)


def _journal(file: Path) -> "optuna.storages.BaseStorage":
    from optuna.storages import JournalStorage, journal

    # Made by opening a file with O_EXCL, which NFS keeps exclusive from version 3 on.
    lock = journal.JournalFileOpenLock(str(file))
    if file.exists():
        lock.acquire()
        try:
            _cut_torn_line(file)
        finally:
            lock.release()
    return JournalStorage(journal.JournalFileBackend(str(file), lock_obj=lock))


def _cut_torn_line(file: Path) -> None:
    """Removes a last line that a killed worker has not finished: the next would go on in it."""
    with file.open("r+b") as log:
        log.truncate(log.read().rfind(b"\n") + 1)


def _sqlite(file: Path) -> "optuna.storages.RDBStorage":
    from optuna.storages import RDBStorage

    wait = {"connect_args": {"timeout": SQLITE_WAIT_SECONDS}}
    return RDBStorage(f"sqlite:///{file.as_posix()}", wait)


def _postgresql(folder: Path) -> "optuna.storages.RDBStorage":
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import ArgumentError, DBAPIError

    address = settings().study_storage or ""
    options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_SECONDS}}
    try:
        # Optuna's first look makes its tables, which two searches cannot do at once.
        with locks.lock(folder.parent / ".studies"):
            return RDBStorage(address, options)
    except (ArgumentError, DBAPIError, ValueError) as error:
        raise ConfigError(
            f"The database that BLASTLENS_STUDY_STORAGE names cannot be opened: {_cause(error)}. "
            "Check the address, and that its server runs and can be reached from this machine."
        ) from error


def _cause(error: Exception) -> str:
    cause = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error
    return " ".join(str(cause).split())[:300].rstrip(".")
