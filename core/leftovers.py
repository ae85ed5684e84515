"""What work leaves behind: temporary files, and folders that are deleted."""

import os
import platform
import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from core import storage
from core.errors import disk_errors
from core.settings import settings

_MARK = re.compile(rf"\..*-{re.escape(platform.node())}-(\d+)-")
_OLD_SECONDS = 24 * 3600  # where it cannot be asked whether a process lives


def discard(folder: Path) -> None:
    """Deletes a folder for good. Raises `DiskError` if it stays.

    Its name is free at once; what cannot be deleted with it `blastlens clean` removes.
    """
    gone = folder.with_name(f".deleted{storage.mark(os.getpid())}{secrets.token_hex(4)}")
    with disk_errors(folder):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Removes temporary files from a folder that no other process writes to."""
    for leftover in folder.glob(".*"):
        if storage.mark(os.getpid()) not in leftover.name:
            remove(leftover)


def sweep_process(process: int, folder: Path) -> None:
    """Removes what a process of this machine left half-written in a folder and in the caches."""
    for place in (folder, settings().artifacts / "cache"):
        for leftover in place.rglob(".*"):
            if storage.mark(process) in leftover.name:
                remove(leftover)


def sweep_dead(folder: Path) -> None:
    """Removes what processes that have ended left in a folder."""
    for leftover in folder.glob(".*"):
        if is_dead(leftover):
            remove(leftover)


def is_dead(path: Path) -> bool:
    """Whether a process of this machine that has ended left a temporary file or folder."""
    marked = _MARK.match(path.name)
    if not marked:
        return False
    if os.name == "nt":
        return is_old(path)
    try:
        os.kill(int(marked[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return _is_zombie(int(marked[1]))


def _is_zombie(process: int) -> bool:
    """Whether a process has ended and its parent has not asked for its exit status yet.

    False where the system has no /proc.
    """
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2]
        return fields.split()[0] == "Z"
    return False


def is_old(path: Path) -> bool:
    """Whether nothing has changed in a file or folder for a day."""
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > _OLD_SECONDS
    return False


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    total = 0
    for file in (path, *path.rglob("*")):
        with suppress(OSError):  # removed meanwhile
            total += 0 if file.is_dir() else file.lstat().st_size
    return total


def remove(path: Path) -> None:
    """Removes a file or a folder, or what can be removed of it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
