"""Locks against other processes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def lock(
    path: Path,
    waiting: Callable[[], None] | None = None,
    *,
    when: Callable[[], bool] = lambda: True,
) -> Iterator[None]:
    """Locks `path` + ".lock" against other processes; the lock is released if the process dies.

    While the lock is taken or `when` returns False, `waiting` is called about five times a second;
    it may raise to give up.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(f"{path}.lock")
    while True:
        if when():
            with suppress(Timeout):
                file_lock.acquire(timeout=0.2)
                break
        else:
            time.sleep(0.2)
        if waiting:
            waiting()
    try:
        yield
    finally:
        file_lock.release()
