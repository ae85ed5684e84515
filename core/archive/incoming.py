"""Folders in which archives are unpacked and checked before their runs join the others."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core import locks, storage
from core.errors import disk_errors, refusals


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder, removed afterwards. Those of imports that were killed are removed first.

    A lock beside the folder says that its import lives; the system releases it with the process.
    The lock on all imports is held for these few steps alone, never while an archive is read.
    """
    imports = storage.imports_dir()
    with locks.lock(imports), disk_errors(imports):
        imports.mkdir(parents=True, exist_ok=True)
        _sweep(imports)
        place = imports / f".{secrets.token_hex(8)}"
        living = FileLock(f"{place}.lock")
        living.acquire(blocking=False)
        place.mkdir()
    try:
        with refusals(place / ".refused", place):
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        living.release()
        Path(living.lock_file).unlink(missing_ok=True)


def _sweep(imports: Path) -> None:
    """Removes what lies there without a living import, of older versions too."""
    for left in {path.with_name(path.name.removesuffix(".lock")) for path in imports.iterdir()}:
        lock = FileLock(f"{left}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
