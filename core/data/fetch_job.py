"""The fetching of C-NMC 2019, a job, and the files that it leaves.

Its folder, `artifacts/downloads`, also has kagglehub's own cache, whose unfinished archive a later
fetch goes on from.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from core import extras, storage
from core.errors import DataError, disk_errors
from core.jobs.job import UNFINISHED, Job, Status

DATASET = "andrewmvd/leukemia-classification"
LICENCE = "CC BY 3.0"
UNPACKED_BYTES = 10 * 10**9


@dataclass(frozen=True)
class Fetch(Job):
    """The fetching of C-NMC 2019. Its status counts bytes; `root` is the data's folder."""

    path: Path = field(default_factory=storage.downloads_dir)

    KIND = "fetch"
    DOING = "fetching"

    @property
    def remedy(self) -> str:
        return "Try again: it goes on from what has arrived."

    @property
    def written_status(self) -> Status:
        """As a job's, but none if the data that was fetched is gone."""
        status = super().written_status
        gone = status.root is None or not status.root.is_dir()
        return Status(state="none") if status.state == "succeeded" and gone else status

    def queue(self) -> bool:
        """As a job's.

        Raises `ConfigError` if kagglehub is not installed, `DataError` if the disk cannot hold the
        archive and the images.
        """
        if self.status.state not in (*UNFINISHED, "succeeded"):
            extras.require("kagglehub", "fetch", "Fetching C-NMC 2019")
            require_space(2 * UNPACKED_BYTES - _bytes_present())
            with disk_errors(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
        return super().queue()


def cache_dir() -> Path:
    """The folder of kagglehub's cache (`KAGGLEHUB_CACHE`)."""
    return storage.downloads_dir() / "kagglehub"


def require_space(needed: int) -> None:
    """Raises `DataError` if the disk has fewer than `needed` bytes free."""
    folder = storage.downloads_dir()
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DataError(
            f"The disk that holds {folder} has {size_text(free)} free; fetching C-NMC 2019 needs "
            f"{size_text(needed)} more, for the archive and the unpacked images. Free some space, "
            "or set BLASTLENS_ARTIFACTS to a folder on a larger disk."
        )


def size_text(count: int) -> str:
    """A number of bytes in words: 640 MB, 9.8 GB."""
    return f"{count / 10**9:.1f} GB" if count >= 10**9 else f"{count / 10**6:.0f} MB"


def find_archive() -> Path | None:
    """The archive that kagglehub has not finished with, of the highest version; None without."""
    archives = (cache_dir() / "datasets" / DATASET).glob("*.archive")
    return max(archives, key=lambda file: (len(file.stem), file.stem), default=None)


def unpacked(archive: Path) -> Path:
    """The folder that an archive is unpacked into."""
    return archive.parent / "versions" / archive.stem


def size_of(file: Path) -> int:
    """The size of a file in bytes; 0 if it is not a plain file, or has just been deleted."""
    with suppress(OSError):
        return file.stat().st_size if file.is_file() else 0
    return 0


def _bytes_present() -> int:
    """The bytes that an earlier fetch left: its archive, and the files unpacked from it."""
    archive = find_archive()
    files = [archive, *unpacked(archive).rglob("*")] if archive else []
    return sum(map(size_of, files))
