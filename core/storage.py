"""The layout of the artifacts folder, atomic writes and locks: the only builder of paths."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from core.settings import settings

T = TypeVar("T")


def runs_dir() -> Path:
    """The folder that holds one folder a run."""
    return settings().artifacts / "runs"


def demo_dir() -> Path:
    """Where the synthetic demo set is drawn."""
    return settings().artifacts / "datasets" / "demo"


def examples_dir() -> Path:
    """Single synthetic cells to try a reading on."""
    return settings().artifacts / "examples"


def index_dir(key: str) -> Path:
    """Where the index of one data set is kept; `key` names its root folder."""
    return settings().artifacts / "cache" / "indexes" / key


def pixels_dir(key: str) -> Path:
    """Where decoded pixels are kept; `key` names the cells and the geometry."""
    return settings().artifacts / "cache" / "pixels" / key


def downloads_dir() -> Path:
    """What is fetched from elsewhere, and how the fetching stands."""
    return settings().artifacts / "downloads"


def sources_file() -> Path:
    """The list of data sets the user has added by path."""
    return settings().artifacts / "sources.json"


def active_file() -> Path:
    """Names the run that readings use."""
    return settings().artifacts / "active.json"


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path` and moves it there when the block succeeds.

    A reader therefore sees the old file or the new one, never half of either.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(source: Path, target: Path) -> None:
    # mkstemp makes files private to the user; artifacts follow the folder's own umask instead.
    umask = os.umask(0)
    os.umask(umask)
    source.chmod(0o666 & ~umask)
    _patiently(lambda: source.replace(target))


def _patiently(action: Callable[[], T]) -> T:
    # Windows refuses to replace a file that is being read, and to open one being replaced.
    deadline = time.monotonic() + (2 if os.name == "nt" else 0)
    while True:
        try:
            return action()
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def write_json(path: Path, document: Any) -> None:
    """Writes `document` as JSON, atomically. NaN is refused, since JSON has none."""
    with atomic(path) as temporary:
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Reads a JSON file; raises `OSError`, or `ValueError` where it is not JSON in UTF-8."""
    return json.loads(_patiently(lambda: path.read_text(encoding="utf-8")))


@contextmanager
def lock(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds `path` + ".lock" against other processes; it is freed if the process dies.

    Calls `waiting` (which may raise, to give up) about five times a second until it is had.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(f"{path}.lock")
    while True:
        try:
            file_lock.acquire(timeout=0.2)
            break
        except Timeout:
            if waiting:
                waiting()
    try:
        yield
    finally:
        file_lock.release()
