"""Fetches the public C-NMC 2019 release from Kaggle, through kagglehub."""

import errno
import json
import shutil
import tarfile
import threading
import time
import zipfile
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

from core import compat, storage
from core.data.fetch_job import (
    DATASET,
    find_archive,
    require_space,
    size_of,
    size_text,
    unpacked,
)
from core.errors import DataError
from core.jobs.job import Status

TOP_FOLDER = "C-NMC_Leukemia"

_BY_HAND = f"or download {DATASET} from kaggle.com by hand and give its folder"
_LOOK_EVERY_SECONDS = 0.5
_RATE_OVER_SECONDS = 15.0
_STALLED_SECONDS = 120.0
_CHUNK_BYTES = 2**20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError)


def download(report: Callable[[Status], None]) -> Path:
    """Fetches and unpacks the release, or goes on with an earlier fetch, and returns its folder.

    `report` gets a running status about twice a second and may raise to give up. kagglehub works in
    a thread that cannot be stopped, so call this in a process of its own and end that process.
    Raises `DataError` if the network, the service, the archive or the disk fails.
    """
    archive = find_archive()
    if archive:
        # Unpacking starts over, so that its folder exists only once it has begun.
        shutil.rmtree(unpacked(archive), ignore_errors=True)
    watch = _Watch()
    answer: Future[str] = Future()
    threading.Thread(target=_ask_kagglehub, args=(answer,), name="kagglehub", daemon=True).start()
    while True:
        finished = bool(wait([answer], timeout=_LOOK_EVERY_SECONDS).done)
        report(watch.look())
        if finished:
            break
        watch.check()
    error = answer.exception()
    if error:
        raise DataError(_explain(error, watch)) from error
    root = Path(answer.result())
    return root / TOP_FOLDER if (root / TOP_FOLDER).is_dir() else root


def _ask_kagglehub(answer: Future[str]) -> None:
    try:
        import kagglehub

        answer.set_result(kagglehub.dataset_download(DATASET))
    except BaseException as error:
        answer.set_exception(error)


class _Watch:
    """Reads from outside how far kagglehub is: its archive, progress bar and unpacked files."""

    def __init__(self) -> None:
        self._announced = 0
        self._checked: set[str] = set()
        self._unpacked_after: list[tuple[str, int]] = []
        self._unpacked = 0
        archive = find_archive()
        self._at_first = size_of(archive) if archive else 0
        self.seen = Status(state="running", done=self._at_first)
        self._moved = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque()

    @property
    def arrived(self) -> bool:
        """Whether Kaggle has begun to send the archive in this fetch."""
        return self.seen.phase == "downloading" or self.seen.done > self._at_first

    def check(self) -> None:
        """Raises `DataError` if the connection is dead or the disk cannot hold what is to come."""
        unpacking = self.seen.phase == "unpacking"
        if not unpacking and time.monotonic() - self._moved > _STALLED_SECONDS:
            raise DataError(_broken(self))
        if self.seen.total and self.seen.phase not in self._checked:
            self._checked.add(self.seen.phase)
            whole = self.seen.total * (1 if unpacking else 2)
            require_space(whole - self.seen.done)

    def look(self) -> Status:
        """The status now."""
        archive = find_archive()
        if archive and unpacked(archive).is_dir():
            seen = self._unpacking(archive)
        elif not archive and self.seen.phase == "unpacking":
            # kagglehub deletes the archive once all of it is unpacked.
            seen = self.seen.replace(done=self.seen.total)
        else:
            seen = self._downloading(archive)
        now = time.monotonic()
        if seen.phase != self.seen.phase:
            self._marks.clear()
        if (seen.phase, seen.done) != (self.seen.phase, self.seen.done):
            self._moved = now
        self._marks.append((now, seen.done))
        while now - self._marks[0][0] > _RATE_OVER_SECONDS:
            self._marks.popleft()
        self.seen = self._timed(seen)
        return self.seen

    def _downloading(self, archive: Path | None) -> Status:
        done = size_of(archive) if archive else 0
        self._announced = self._announced or _announced_length()
        phase = "downloading" if self._announced else "connecting"
        return Status(state="running", phase=phase, done=done, total=self._announced)

    def _unpacking(self, archive: Path) -> Status:
        if not self._unpacked_after:
            with suppress(zipfile.BadZipFile, OSError), zipfile.ZipFile(archive) as file:
                members = file.infolist()
                sums = accumulate(member.file_size for member in members)
                self._unpacked_after = [(m.filename, n) for m, n in zip(members, sums, strict=True)]
        after = self._unpacked_after
        # Members are unpacked in their order: each is counted once, not at each look.
        while (
            self._unpacked < len(after) and (unpacked(archive) / after[self._unpacked][0]).exists()
        ):
            self._unpacked += 1
        done = after[self._unpacked - 1][1] if self._unpacked else 0
        total = after[-1][1] if after else 0
        return Status(state="running", phase="unpacking", done=done, total=total)

    def _timed(self, seen: Status) -> Status:
        (earlier, had), (now, done) = self._marks[0], self._marks[-1]
        if seen.phase == "connecting" or done <= had:
            return seen
        rate = (done - had) / (now - earlier)
        left = (seen.total - done) / rate if seen.total else None
        return seen.replace(rate=rate, seconds_left=left)


def _announced_length() -> int:
    """The archive's length, from the progress bar that kagglehub writes to the log; 0: unknown."""
    return next((int(bar.total) for bar in compat.progress_bars() if bar.total), 0)


def _explain(error: BaseException, watch: _Watch) -> str:
    """The failure and its remedy in words. Raises an unforeseen `error` again."""
    import requests
    from kagglehub.exceptions import DataCorruptionError

    archive = find_archive()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        make_room()
        return (
            f"The disk that holds {storage.downloads_dir()} is full. Free some space and try "
            "again: it goes on from what has arrived."
        )
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _refused(error.response.status_code)
    if isinstance(error, json.JSONDecodeError):
        return (
            "What answered in Kaggle's place cannot be read; the network may want you to sign in "
            f"first. Open a web page in a browser, then try again, {_BY_HAND}."
        )
    if isinstance(error, requests.RequestException):
        return _broken(watch)
    unreadable = isinstance(error, ValueError) and archive and unpacked(archive).is_dir()
    if unreadable or isinstance(error, (*_DAMAGED, DataCorruptionError)):
        if archive:
            archive.unlink()
        return (
            f"The archive arrived damaged and was deleted. Try again to fetch it anew, {_BY_HAND}."
        )
    raise error


def _broken(watch: _Watch) -> str:
    if not watch.arrived:
        return f"Kaggle cannot be reached. Check the network connection and try again, {_BY_HAND}."
    return (
        f"The connection to Kaggle broke {size_text(watch.seen.done)} into the archive. "
        f"Check the network and try again: it goes on from there; {_BY_HAND}."
    )


def _refused(code: int) -> str:
    if code == 404:
        return (
            f"Kaggle has no data set {DATASET} any more (404). Download C-NMC 2019 from The Cancer "
            "Imaging Archive by hand and give its folder."
        )
    if code in (401, 403):
        return (
            f"Kaggle refuses to hand out {DATASET} ({code}). Check the Kaggle credentials on this "
            f"machine, if there are any, and try again, {_BY_HAND}."
        )
    why = "is asked too often just now" if code == 429 else "has a fault of its own just now"
    return f"Kaggle {why} ({code}). Try again later, {_BY_HAND}."


def make_room() -> None:
    """Gives a little of a full disk back, so that the status can be written."""
    archive = find_archive()
    if not archive:
        return
    if unpacked(archive).is_dir():
        shutil.rmtree(unpacked(archive), ignore_errors=True)
    elif archive.is_file():
        with archive.open("r+b") as file:
            file.truncate(max(0, archive.stat().st_size - _CHUNK_BYTES))
