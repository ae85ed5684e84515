"""Filling the pixel cache, against a bare loop that decodes and resizes the same files.

The bare loop is the fastest plain one: a thread a core, each `numpy.fromfile`, `cv2.imdecode` to
RGB, the same centre cut, `cv2.resize` by area and a row of an array in memory. It has no limits,
no hash, no messages and no file to write. A second loop reads, hashes and decodes through Pillow
as the cache does and is otherwise bare: what lies between the two is the price of those.
"""

import argparse
import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.index import read_and_hash
from benchmarks.measure import Measured, alternate, artifacts, at_most
from benchmarks.tree import Tree, tree
from core.data.images import Geometry
from core.data.pixel_cache import pixels
from core.errors import DataError

IMAGES = 2000
ROUNDS = 5
# The cache checks each file's hash and reads through the one door for pixels, which a bare loop
# does not: it may cost as much again, but little more than a loop that does the same.
OVER_BARE = 2.5
OVER_HASHED = 1.3


def run(options: argparse.Namespace) -> Measured:
    """Figures in seconds, with the files in the system's page cache.

    `options.images` counts the images read. Without a tree that is kept, only these are drawn.
    """
    wanted = options.images or IMAGES
    with tree(options.tree, None if options.tree else wanted) as drawn:
        steps = np.linspace(0, len(drawn.files) - 1, min(wanted, len(drawn.files))).astype(int)
        return measure(Tree(drawn.root, drawn.files.iloc[steps]), options.rounds or ROUNDS)


def measure(drawn: Tree, rounds: int) -> Measured:
    """The same for a data set that is there; every image of it is read."""
    geometry, paths = Geometry(), drawn.paths
    cells = pd.DataFrame({"image_id": drawn.files["path"], "sha256": read_and_hash(paths)})

    def cached() -> np.ndarray:
        with artifacts():
            return np.array(pixels(drawn.root, cells, geometry)[-1])

    def bare(decode: Callable[[str], np.ndarray]) -> np.ndarray:
        last: np.ndarray = fill(paths, geometry, decode)[-1]
        return last

    if not np.array_equal(cached(), bare(with_opencv)):
        raise DataError("The pixel cache and the bare loop disagree about an image.")
    timing = alternate(
        {
            "cache": cached,
            "bare": lambda: bare(with_opencv),
            "bare_hashed_pillow": lambda: bare(with_hash_and_pillow),
        },
        rounds,
    )
    ratio = timing["cache"].median / timing["bare"].median
    hashed = timing["cache"].median / timing["bare_hashed_pillow"].median
    figures = {
        "images": len(paths),
        **{name: taken.figures() for name, taken in timing.items()},
        "images_per_second": {
            name: round(len(paths) / taken.median, 1) for name, taken in timing.items()
        },
        "cache_over_bare": round(ratio, 3),
        "cache_over_bare_hashed_pillow": round(hashed, 3),
    }
    return figures, [
        at_most("pixel cache over a bare loop", ratio, OVER_BARE),
        at_most("pixel cache over a loop that checks hashes too", hashed, OVER_HASHED),
    ]


def fill(paths: list[str], geometry: Geometry, decode: Callable[[str], np.ndarray]) -> np.ndarray:
    """The limit: an array (N, size, size, 3) of the files' pixels, on all cores."""
    size, side = geometry.size, geometry.window
    array = np.empty((len(paths), size, size, 3), np.uint8)

    def place(row: int) -> None:
        image = decode(paths[row])
        edge = (image.shape[0] - side) // 2
        cut = image[edge : edge + side, edge : edge + side]
        cv2.resize(cut, (size, size), dst=array[row], interpolation=cv2.INTER_AREA)

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(place, range(len(paths))))
    finally:
        cv2.setNumThreads(threads)
    return array


def with_opencv(path: str) -> np.ndarray:
    """RGB uint8 (H, W, 3), by the shortest way."""
    return np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB))


def with_hash_and_pillow(path: str) -> np.ndarray:
    """RGB uint8 (H, W, 3), hashed and decoded as the app does it."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  the plainest way there is
        data = file.read()
    hashlib.sha256(data).hexdigest()
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)
