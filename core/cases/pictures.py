"""The kept pictures of cases: PNG files by case, each named by the SHA-256 of its content.

They are encoded from pixels alone, so no metadata of the file that came is kept.
"""

import hashlib
import shutil
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np

from core import storage
from core.data.images import encode
from core.errors import CaseError

# A picture is written before the rows that name it, so one without rows may be of a case that is
# being read right now.
ORPHAN_SECONDS = 24 * 3600


def folder() -> Path:
    """The folder with one folder a case."""
    return storage.cases_dir() / "pictures"


def keep(case_id: str, image: np.ndarray) -> str:
    """Keeps an image, RGB uint8 (H, W, 3), and returns the SHA-256 of its file."""
    data = encode(image)
    digest = hashlib.sha256(data).hexdigest()
    path = file(case_id, digest)
    if not path.exists():
        storage.write_bytes(path, data)
    return digest


def file(case_id: str, digest: str) -> Path:
    """Where a kept picture lies."""
    return folder() / case_id / f"{digest}.png"


def load(case_id: str, digest: str) -> bytes:
    """The file of a kept picture. Raises `CaseError` if it is gone or was changed."""
    try:
        data = file(case_id, digest).read_bytes()
    except FileNotFoundError:
        raise CaseError(
            f"The picture {digest[:12]} of this case is gone. Restore a backup."
        ) from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise CaseError(f"The picture {digest[:12]} of this case was changed. Restore a backup.")
    return data


def erase(case_id: str) -> None:
    """Removes all pictures of a case."""
    shutil.rmtree(folder() / case_id, ignore_errors=True)


def erase_others(case_id: str, digests: Collection[str]) -> None:
    """Removes the pictures of a case that are not among the digests."""
    for path in (folder() / case_id).glob("*.png"):
        if path.stem not in digests:
            path.unlink(missing_ok=True)


def orphans(known: Collection[str]) -> list[Path]:
    """Folders of cases that are not among the known ones, and are not being written now."""
    if not folder().is_dir():
        return []
    before = time.time() - ORPHAN_SECONDS
    return [
        path
        for path in folder().iterdir()
        if path.name not in known and path.stat().st_mtime < before
    ]
