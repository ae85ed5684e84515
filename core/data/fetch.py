"""How far the fetching of C-NMC 2019 is: its state, kept in plain files.

They stand in `artifacts/downloads`: status.json (replaced atomically), a `stop` file, worker.log,
and kagglehub's own cache, whose unfinished archive a later fetch goes on from.
"""

import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from core import storage
from core.errors import DataError
from core.settings import settings

DATASET = "andrewmvd/leukemia-classification"
LICENCE = "CC BY 3.0"
UNPACKED_BYTES = 10 * 10**9


@dataclass(frozen=True)
class FetchStatus:
    """How the fetch stands.

    state: none, queued, running, succeeded, failed, cancelled or interrupted. phase: connecting,
    downloading or unpacking; bytes_done and bytes_total (None: not announced) and rate (bytes a
    second) are of that phase. error is the sentence to show; root the data's folder, when done.
    """

    state: str = "none"
    phase: str = "connecting"
    bytes_done: int = 0
    bytes_total: int | None = None
    rate: float | None = None
    seconds_left: float | None = None
    error: str | None = None
    root: Path | None = None
    heartbeat: float = field(default_factory=time.time)

    @property
    def unfinished(self) -> bool:
        """Whether more is to come."""
        return self.state in ("queued", "running")

    @property
    def share_done(self) -> float:
        """Of the present phase, 0..1; 0 where the total is not known."""
        return min(1.0, self.bytes_done / self.bytes_total) if self.bytes_total else 0.0


def status() -> FetchStatus:
    """The state now; a worker whose heartbeat has stopped has been interrupted."""
    try:
        kept = FetchStatus(**storage.read_json(_status_file()))
    except (FileNotFoundError, ValueError, TypeError):
        return FetchStatus()  # never asked for, or of another version: what has arrived is kept
    silent = time.time() - kept.heartbeat
    if kept.unfinished and silent > settings().heartbeat_stale_seconds:
        return replace(
            kept,
            state="interrupted",
            error=f"Fetching stopped without a word {silent:.0f} s ago, while {kept.phase}. "
            "Try again: it goes on from what has arrived.",
        )
    if kept.state == "succeeded":
        root = Path(kept.root or "")
        return replace(kept, root=root) if kept.root and root.is_dir() else FetchStatus()
    return kept


def write_status(now: FetchStatus) -> None:
    """Replaces status.json atomically."""
    document = asdict(now) | {"root": str(now.root) if now.root else None}
    storage.write_json(_status_file(), document)


def queue() -> FetchStatus:
    """Makes ready for a worker: takes back a stop request and writes a queued status.

    Raises `DataError` if the disk cannot hold the archive and the unpacked images.
    """
    require_space(2 * UNPACKED_BYTES - _bytes_there())
    _stop_file().unlink(missing_ok=True)
    queued = FetchStatus(state="queued")
    write_status(queued)
    return queued


def request_stop() -> None:
    """Asks the worker to stop; it looks for this file about twice a second."""
    storage.downloads_dir().mkdir(parents=True, exist_ok=True)
    _stop_file().touch()


def stop_requested() -> bool:
    """Whether someone has asked the worker to stop."""
    return _stop_file().exists()


def cache_dir() -> Path:
    """What kagglehub is to use as its cache (`KAGGLEHUB_CACHE`)."""
    return storage.downloads_dir() / "kagglehub"


def require_space(needed: int) -> None:
    """Raises `DataError` if the disk has not so many bytes free."""
    folder = storage.downloads_dir()
    there = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(there).free
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
    """The archive that kagglehub has not finished with; of several, the highest version."""
    found = (cache_dir() / "datasets" / DATASET).glob("*.archive")
    return max(found, key=lambda file: (len(file.stem), file.stem), default=None)


def unpacked(archive: Path) -> Path:
    """The folder that an archive is unpacked into."""
    return archive.parent / "versions" / archive.stem


def size_of(file: Path) -> int:
    """0 for what is no plain file, or has just been deleted."""
    with suppress(OSError):
        return file.stat().st_size if file.is_file() else 0
    return 0


def _bytes_there() -> int:
    """What an earlier fetch left: its archive, and what it had unpacked."""
    there = find_archive()
    files = [there, *unpacked(there).rglob("*")] if there else []
    return sum(map(size_of, files))


def _status_file() -> Path:
    return storage.downloads_dir() / "status.json"


def _stop_file() -> Path:
    return storage.downloads_dir() / "stop"
