"""Walks a folder and reads each file: its facts, hash and thumbnail, and what is a copy of what."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd

from core.cells.masks import BLACK_LEVEL
from core.data import duplicates, images
from core.data.layouts import Layout
from core.errors import BlastLensError, DataError, UploadError
from core.settings import settings
from core.untrusted.files import TooManyBytesError, read_regular

DESCRIPTION = "dataset.json"  # describes the data set as a whole; not a file of the set

# Path below the root (with "/"), bytes and mtime_ns.
File = tuple[str, int, int]


def walk(root: Path) -> list[File]:
    """Lists every file below `root`, sorted by path. Raises `DataError` if it cannot be read."""
    return sorted(scan(root))


def scan(root: Path) -> Iterator[File]:
    """Yields every file below `root`, one folder after another, as the system lists them.

    Memory holds the names of folders alone. Raises `DataError` if `root` cannot be read.
    """
    visited: set[str] = set()
    folders = [(str(root), "")]
    while folders:
        folder, prefix = folders.pop()
        if os.path.realpath(folder) in visited:
            continue  # a link back into the tree
        visited.add(os.path.realpath(folder))
        try:
            entries = os.scandir(folder)
        except OSError as error:
            if not prefix:
                raise DataError(f"{folder} cannot be read: {error.strerror}.") from None
            yield prefix, 0, 0  # its "/" at the end says that it is a folder
            continue
        with entries:
            for entry in entries:
                name = as_text(entry.name)
                if _is_folder(entry):
                    # Links last: a folder that stands in the tree itself is known by its own name.
                    place = 0 if entry.is_symlink() else len(folders)
                    folders.insert(place, (entry.path, f"{prefix}{name}/"))
                elif prefix or name != DESCRIPTION:
                    yield prefix + name, *_stat(entry)


def as_text(name: str) -> str:
    """Converts a file name to text; bytes that are not Unicode become "?"."""
    return name.encode("utf-8", "replace").decode()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def _stat(entry: os.DirEntry[str]) -> tuple[int, int]:
    """Size and time of a file, of its target where it is a link; zeros for a dangling one."""
    try:
        stat = entry.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


# What the index holds of a file, by column.
Row = dict[str, str | int | bool | None]
# The row and the thumbnail of a file, from an earlier reading of it.
Look = tuple[Row, np.ndarray | None]
Progress = Callable[[int, int], object]
Item = TypeVar("Item")
Result = TypeVar("Result")


def on_all_cores(
    action: Callable[[Item], Result], items: Sequence[Item], progress: Progress | None = None
) -> Iterator[Result]:
    """Yields the action's results in order, by one thread a core; OpenCV keeps to that thread.

    `progress` gets (done, to do) every 50 results and at the end; what it raises stops the work at
    once.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for done, result in enumerate(pool.map(action, items), start=1):
            yield result
            if progress and (done % 50 == 0 or done == len(items)):
                progress(done, len(items))
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(threads)


def read_unchanged(file: Path, sha256: str) -> bytes:
    """Reads an indexed file. Raises `DataError` if it is missing or its SHA-256 is another now."""
    try:
        data = read_regular(file, settings().max_file_bytes)
    except OSError as error:
        raise DataError(
            f"{file} cannot be read ({error.strerror}). Bring the file back or index again."
        ) from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataError(f"{file} has changed since it was indexed. Index the data set again.")
    return data


def look_into(
    root: Path,
    files: list[File],
    layout: Layout,
    before: dict[File, Look],
    progress: Progress | None,
) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Reads files on all cores; results in `before` are reused.

    Returns one row a file, in their order (facts, sha256 and visible, or the reason why it is not
    a cell), and the thumbnails of the cells, uint8 (768,), by path.
    """
    rows, thumbnails = [], {}
    looks = on_all_cores(lambda file: _look(root, file, layout, before), files, progress)
    for row, thumbnail in looks:
        rows.append(row)
        if thumbnail is not None:
            thumbnails[str(row["image_id"])] = thumbnail
    return rows, thumbnails


def _look(root: Path, file: File, layout: Layout, before: dict[File, Look]) -> Look:
    """Returns one row of the index, and the thumbnail for the duplicate search if it is a cell."""
    path, size, mtime_ns = file
    row: Row = {"image_id": path, "bytes": size, "mtime_ns": mtime_ns}
    if path.endswith("/"):
        return row | {"reason": "folder cannot be read"}, None
    try:
        row |= asdict(layout.facts(path))
        if file in before:
            earlier, thumbnail = before[file]
            return row | earlier, thumbnail
        data = images.read_file(root / path, Path(path).name)
        image = images.decode(data, name=Path(path).name)
    except (DataError, UploadError) as error:
        return row | {"reason": str(error)}, None
    row["sha256"] = hashlib.sha256(data).hexdigest()
    row["visible"] = bool(image.max() > BLACK_LEVEL)
    return row, duplicates.thumbnail(image)


def find_pairs(
    root: Path,
    cells: pd.DataFrame,
    thumbnails: Mapping[str, np.ndarray],
    progress: Progress | None,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The duplicates among cells, and the reason for each file that cannot be read any more."""
    cells = cells[cells["visible"]]  # black images do not count as copies
    contents = dict(zip(cells["image_id"], cells["sha256"], strict=True))
    lost: dict[str, str] = {}

    def read(image_id: str) -> np.ndarray | None:
        try:
            data = read_unchanged(root / image_id, contents[image_id])
            return images.decode(data, Path(image_id).name)
        except BlastLensError as error:
            lost[image_id] = str(error)
            return None

    matrix = np.array([thumbnails[image_id] for image_id in contents])
    pairs = duplicates.find_pairs(cells, matrix, read, progress)
    ends = pairs[["image_a", "image_b"]].isin(lost).any(axis=1)
    return pairs[~ends].reset_index(drop=True), lost


def table_content(file: Path) -> bytes:
    """The content of a table. Raises `DataError` if it is longer than a file may be."""
    most = settings().max_file_bytes
    try:
        return read_regular(file, most)
    except TooManyBytesError:
        raise DataError(
            f"{file.name} is larger than {most >> 20} MiB. Give a table of the labels alone."
        ) from None
    except OSError as error:
        raise DataError(f"{file.name} cannot be read: {error.strerror}.") from None
