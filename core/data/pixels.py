"""Decoded pixels, kept: one memory-mapped uint8 array of classifier inputs a set of cells."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from core import storage
from core.data.images import Geometry, decode, fit
from core.data.manifest import Progress, digest
from core.errors import DataError


def pixels(
    root: Path, cells: pd.DataFrame, geometry: Geometry, progress: Progress | None = None
) -> np.ndarray:
    """The inputs of `cells`, in their order: a read-only memory map, uint8 (N, size, size, 3) RGB.

    `cells` has image_id (path below `root`) and sha256. The array is built once, on all cores,
    and kept under a key of the cells' contents and the geometry. `progress` gets (done, total).
    Raises `DataError` if a file is gone or has changed since it was indexed.
    """
    kept = storage.pixels_dir(digest([*cells["sha256"], repr(geometry)]))
    file = kept / "pixels.npy"
    with storage.lock(kept):
        if not file.exists():
            storage.sweep(kept)
            with storage.atomic(file) as temporary:
                _build(temporary, root, cells, geometry, progress)
    return np.load(file, mmap_mode="r")


def _build(
    file: Path, root: Path, cells: pd.DataFrame, geometry: Geometry, progress: Progress | None
) -> None:
    shape = (len(cells), geometry.size, geometry.size, 3)
    array = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # A disk that is too full is an error here, and the end of the process once it is mapped.
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)

    files, digests = cells["image_id"].tolist(), cells["sha256"].tolist()

    def place(row: int) -> None:
        path = root / files[row]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}). Bring the file back or index again."
            ) from None
        if hashlib.sha256(data).hexdigest() != digests[row]:
            raise DataError(f"{path} has changed since it was indexed. Index the data set again.")
        array[row] = fit(decode(data, path.name), geometry)

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the cells are what runs in parallel, not one cell's resize
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, _ in enumerate(pool.map(place, range(len(cells))), start=1):
                if progress and (done % 50 == 0 or done == len(cells)):
                    progress(done, len(cells))
    finally:
        cv2.setNumThreads(threads)
    array.flush()
