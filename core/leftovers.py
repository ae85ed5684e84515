"""What work leaves behind: temporary files, and folders that are deleted."""

import os
import secrets
import shutil
from pathlib import Path

from core import storage
from core.errors import disk_errors
from core.settings import settings


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
        _remove(leftover)


def sweep_caches(process: int) -> None:
    """Removes the temporary files of a process of this machine from the caches."""
    for leftover in (settings().artifacts / "cache").rglob(".*"):
        if storage.mark(process) in leftover.name:
            _remove(leftover)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
