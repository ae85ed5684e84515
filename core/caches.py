"""The caches: what can be made again, kept within `Settings.max_cache_bytes`, the oldest first out.

Each entry is a folder of artifacts/cache, named by all that it rests on. What was used within the
hour stays, and so does what a process holds the lock of.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core import leftovers, locks
from core.errors import DiskError
from core.settings import settings

# Not the speeds that were measured: they are small, and take minutes.
KINDS = ("backbones", "embeddings", "features", "indexes", "pixels", "scans")
IN_USE_SECONDS = 3600.0


@dataclass(frozen=True)
class Entry:
    """A folder of the cache, its bytes, and the Unix time of its last use."""

    path: Path
    bytes: int
    used: float

    @property
    def in_use(self) -> bool:
        """Whether it was used within the hour, by a clock that may have been set back."""
        return abs(time.time() - self.used) < IN_USE_SECONDS


@contextmanager
def entry(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Locks an entry while it is looked up or made, and marks it as used; see `locks.lock`.

    When it has grown, the oldest others go until all are within the limit.
    """
    with locks.lock(folder, waiting):
        before = _changed(folder)
        yield
        grown = _changed(folder) != before
        with suppress(OSError):
            os.utime(folder)
    if grown:
        make_room()


def make_room() -> None:
    """Removes the entries used longest ago until the others are within the limit."""
    kept = entries()
    total, limit = sum(one.bytes for one in kept), settings().max_cache_bytes
    for one in sorted(kept, key=lambda one: one.used):
        if total <= limit:
            return
        if not one.in_use and remove(one.path):
            total -= one.bytes


def entries() -> list[Entry]:
    """All entries."""
    found = []
    for kind in KINDS:
        for path in (settings().artifacts / "cache" / kind).glob("[!.]*"):
            with suppress(OSError):
                if path.is_dir():
                    found.append(Entry(path, leftovers.size(path), path.stat().st_mtime))
    return found


def remove(folder: Path) -> bool:
    """Removes an entry unless a process holds its lock, or that of a job; whether it is gone."""
    with locks.if_free(folder) as free, locks.if_free(folder / "worker") as idle:
        if not (free and idle):
            return False
        with suppress(DiskError):
            leftovers.discard(folder)
    return not folder.exists()


def _changed(folder: Path) -> int:
    with suppress(OSError):
        return folder.stat().st_mtime_ns
    return 0
