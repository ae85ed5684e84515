"""The layout of the artifacts folder, and atomic writes. Only this module builds paths."""

import errno
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from core.errors import disk_errors, refusals
from core.settings import PROJECT, settings
from core.untrusted import json_text
from core.untrusted.files import TooManyBytesError, read_regular

T = TypeVar("T")
SHIPPED = PROJECT / "core" / "shipped"  # data of an installed package


def runs_dir() -> Path:
    """The folder that holds one folder a run."""
    return settings().artifacts / "runs"


def imports_dir() -> Path:
    """Where an imported run is unpacked and checked before it moves to the other runs."""
    return runs_dir() / ".imports"


def sweeps_dir() -> Path:
    """The folder that holds one folder a cross-validation or search."""
    return settings().artifacts / "sweeps"


def demo_dir(name: str = "demo") -> Path:
    """Where the synthetic demo set is drawn, or another synthetic set of that name."""
    return datasets_dir() / name


def datasets_dir() -> Path:
    """The folder of the data sets that are made here."""
    return settings().artifacts / "datasets"


def new_dataset_dir(name: str) -> Path:
    """A free place for a data set that is to be made."""
    folder = datasets_dir() / name
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{name}-{number}")
        number += 1
    return folder


def cut_cells_dir(source: Path) -> Path:
    """A free place for the cells that are cut from the boxes of a folder of fields."""
    return new_dataset_dir(f"{source.name}-cells")


def examples_dir() -> Path:
    """Single synthetic cells to try a reading on."""
    return settings().artifacts / "examples"


def index_dir(key: str) -> Path:
    """Where the index of one data set is kept; `key` names its root folder."""
    return settings().artifacts / "cache" / "indexes" / key


def features_dir(key: str) -> Path:
    """Where a frozen backbone's features are kept; `key` names backbone, cells and views."""
    return settings().artifacts / "cache" / "features" / key


def backbone_dir(key: str) -> Path:
    """Where a frozen backbone's engine is kept; `key` names architecture and weights."""
    return settings().artifacts / "cache" / "backbones" / key


def precision_file(key: str) -> Path:
    """Where the measured training speeds are kept; `key` names network, batch and machine."""
    return settings().artifacts / "cache" / "precision" / f"{key}.json"


def pixels_dir(key: str) -> Path:
    """Where decoded pixels are kept; `key` names the cells and the geometry."""
    return settings().artifacts / "cache" / "pixels" / key


def scan_dir(key: str) -> Path:
    """Where a large image is kept decoded, with its detected cells; `key` names both."""
    return settings().artifacts / "cache" / "scans" / key


def speed_dir(key: str) -> Path:
    """Where it is kept how fast a network trains here; `key` names network and machine."""
    return settings().artifacts / "cache" / "speed" / key


def embedding_dir(key: str) -> Path:
    """Where a map of cells is kept; `key` names the cells, what is seen of them and the method."""
    return settings().artifacts / "cache" / "embeddings" / key


def slurm_dir() -> Path:
    """Where batch jobs of SLURM leave what they return."""
    return settings().artifacts / "cache" / "slurm"


def downloads_dir() -> Path:
    """Where downloads and their status are kept."""
    return settings().artifacts / "downloads"


def cohorts_dir() -> Path:
    """The folder that holds one folder a cohort, but for those that were put elsewhere."""
    return settings().artifacts / "cohorts"


def cases_dir() -> Path:
    """The folder of the case database and its pictures."""
    return settings().artifacts / "cases"


def sources_file() -> Path:
    """The list of data sets the user has added by path."""
    return settings().artifacts / "sources.json"


def active_file() -> Path:
    """The file that names the run that readings use."""
    return settings().artifacts / "active.json"


def seed_artifacts() -> None:
    """Copies the shipped models and examples of an installed package into a new artifacts folder.

    In a clone they are in the artifacts folder already.
    """
    target = settings().artifacts
    if SHIPPED.is_dir() and not target.exists():
        with scratch(target.parent) as folder:
            shutil.copytree(SHIPPED / "artifacts", folder / "artifacts")
            with suppress(OSError):  # another process has created it
                (folder / "artifacts").rename(target)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path` and moves it to `path` if the block succeeds.

    A reader sees the old file or the new one, never a partial one. Raises `DiskError`.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Of the name no more than leaves room for the rest: a file system takes 255 bytes.
        prefix = f".{path.stem[:40]}{mark(os.getpid())}"
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix)
        os.close(handle)
    temporary = Path(name)
    try:
        with refusals(temporary, path):
            yield temporary
            _replace(temporary, path)
    finally:
        with suppress(OSError):  # as of a disk that has become read-only
            temporary.unlink(missing_ok=True)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A temporary folder in `folder`, removed afterwards. Raises `DiskError`."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        prefix = f".scratch{mark(os.getpid())}"
        name = Path(tempfile.mkdtemp(dir=folder, prefix=prefix))
    try:
        with refusals(name / ".refused", folder):
            yield name
    finally:
        shutil.rmtree(name, ignore_errors=True)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yields an empty folder and moves it to `target` if the block succeeds.

    So `target` appears with all its files. Raises `FileExistsError` if it is taken.
    """
    with scratch(target.parent / ".new") as place:
        folder = place / target.name
        folder.mkdir()
        yield folder
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        try:
            folder.rename(target)
        except OSError as problem:
            # Between the look and the move another process took the name.
            if target.exists():
                raise FileExistsError(errno.EEXIST, problem.strerror, str(target)) from None
            raise


def mark(process: int) -> str:
    """The mark in names of temporary files, by machine and process."""
    return f"-{platform.node()}-{process}-"


def _replace(source: Path, target: Path) -> None:
    # mkstemp makes files private to the user; artifacts have the permissions of the umask.
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


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Writes a file, atomically. Raises `DiskError`."""
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, document: Any) -> None:
    """Writes `document` as JSON, atomically.

    Raises `ValueError` for NaN, which JSON lacks, and `DiskError`.
    """
    write_bytes(path, encoded(document))


def encoded(document: Any) -> bytes:
    """Returns a document as JSON in UTF-8. Raises `ValueError` for NaN, which JSON lacks."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_together(files: Mapping[Path, bytes]) -> None:
    """Replaces several files, each atomically, after all are written: a full disk changes none."""
    with ExitStack() as stack:
        for path, data in files.items():
            stack.enter_context(atomic(path)).write_bytes(data)


def is_full(problem: OSError) -> bool:
    """Whether the disk or the quota of the user is full."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)


def overwrite_json(path: Path, document: Any) -> None:
    """Like `write_json`, but in place, for a full disk without room for a second file.

    A reader may see an incomplete file for a moment.
    """
    data = encoded(document)
    with disk_errors(path), path.open("r+b", buffering=0) as file:
        file.write(data)
        file.truncate(len(data))


def read_json(path: Path, most_bytes: int = 2**30) -> Any:
    """Reads a JSON file. Raises `OSError`, or `ValueError` if it is not JSON or too long.

    What counts as JSON, `core.untrusted.json_text` says.
    """
    try:
        data = _patiently(lambda: read_regular(path, most_bytes))
    except TooManyBytesError as error:
        raise ValueError(f"it has {error.size:,} bytes; {most_bytes:,} are the most") from None
    return json_text.parse(data)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, 64 hex digits; cached until the file changes."""
    facts = path.stat()
    return _sha256(path, facts.st_size, facts.st_mtime_ns, facts.st_ino)


@lru_cache(maxsize=256)
def _sha256(path: Path, *changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
