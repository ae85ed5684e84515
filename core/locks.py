"""Locks against other processes."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import disk_errors

_LOOK_EVERY_SECONDS = 0.2


@contextmanager
def lock(
    path: Path,
    waiting: Callable[[], None] | None = None,
    *,
    when: Callable[[], bool] = lambda: True,
) -> Iterator[None]:
    """Locks `path` + ".lock" against other processes; the lock is released if the process dies.

    While the lock is taken or `when` returns False, `waiting` is called about five times a second;
    it may raise to give up. Raises `DiskError` where no lock can be made.
    """
    with any_lock([path], waiting, when=when):
        yield


@contextmanager
def any_lock(
    paths: Sequence[Path],
    waiting: Callable[[], None] | None = None,
    *,
    when: Callable[[], bool] = lambda: True,
) -> Iterator[None]:
    """Locks the first of `paths` that is free; see `lock`."""
    for path in paths:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
    file_locks = [FileLock(f"{path}.lock") for path in paths]
    while (held := _first_free(file_locks) if when() else None) is None:
        time.sleep(_LOOK_EVERY_SECONDS)
        if waiting:
            waiting()
    try:
        yield
    finally:
        held.release()


@contextmanager
def if_free(path: Path) -> Iterator[bool]:
    """Holds the lock of `path` if no process does, and removes its file; yields whether it does.

    A process that waits for a lock whose file is gone makes a new one.
    """
    file = Path(f"{path}.lock")
    file_lock = FileLock(file)
    try:
        file_lock.acquire(blocking=False)
    except (Timeout, OSError):
        yield not file.exists()  # a full disk has no room for one
        return
    try:
        yield True
        with suppress(OSError):
            file.unlink(missing_ok=True)
    finally:
        file_lock.release()


def is_free(path: Path) -> bool:
    """Whether no process holds the lock of `path`, now."""
    file = Path(f"{path}.lock")
    if not file.exists():
        return True
    file_lock = FileLock(file)
    try:
        file_lock.acquire(blocking=False)
    except (Timeout, OSError):
        return False
    file_lock.release()
    return True


def _first_free(file_locks: Sequence[FileLock]) -> FileLock | None:
    for file_lock in file_locks:
        with suppress(Timeout), disk_errors(file_lock.lock_file):
            file_lock.acquire(blocking=False)
            return file_lock
    return None
