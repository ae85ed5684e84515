"""Filling the pixel cache, against a bare loop that decodes and resizes the same files.

The bare loop is the fastest plain one: a thread a core, each `numpy.fromfile`, `cv2.imdecode` to
RGB, the same centre cut, `cv2.resize` by area and a row of an array in memory. It has no limits,
no hash, no messages and no file to write. A second loop also hashes the file, and decodes it with
Pillow, as the cache does; the difference of the two loops is the price of that.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.index import read, read_and_hash
from benchmarks.measure import Figures, Options, alternate, at_most
from benchmarks.tree import part, tree
from benchmarks.workbench import artifacts, on_all_cores
from core.data.geometry import Geometry
from core.data.pixel_cache import pixels
from core.errors import DataError

IMAGES = 2000
ROUNDS = 5
# The cache hashes each file and decodes it safely, which the bare loop does not: that may cost as
# much again, but little more than in a loop that does the same.
OVER_BARE = at_most("pixel cache over a bare loop", 2.5)
OVER_HASHED = at_most("pixel cache over a loop that checks hashes too", 1.3)


def measure(options: Options) -> Figures:
    """Figures in seconds, with the files in the system's page cache.

    `options.images` counts the images read. Without a tree that is kept, only these are drawn.
    """
    images, geometry = options.images or IMAGES, Geometry()
    with tree(options.tree, None if options.tree else images) as whole:
        drawn = replace(whole, files=part(whole.files, images))
        cells = pd.DataFrame(
            {"image_id": drawn.files["path"], "sha256": read_and_hash(drawn.paths)}
        )

        def cached() -> np.ndarray:
            with artifacts():
                return np.array(pixels(drawn.root, cells, geometry)[-1])

        bare = partial(fill, drawn.paths, geometry, with_opencv)
        hashed = partial(fill, drawn.paths, geometry, with_hash_and_pillow)
        if not np.array_equal(cached(), bare()[-1]):
            raise DataError("The pixel cache and the bare loop disagree about an image.")
        contenders: dict[str, Callable[[], object]] = {
            "cache": cached,
            "bare": bare,
            "bare_hashed_pillow": hashed,
        }
        taken = alternate(contenders, options.rounds or ROUNDS)
    cache = taken["cache"].median
    return {
        "images": len(drawn.paths),
        **taken,
        "images_per_second": {name: len(drawn.paths) / it.median for name, it in taken.items()},
        "cache_over_bare": OVER_BARE(cache / taken["bare"].median),
        "cache_over_bare_hashed_pillow": OVER_HASHED(cache / taken["bare_hashed_pillow"].median),
    }


def fill(paths: list[str], geometry: Geometry, decode: Callable[[str], np.ndarray]) -> np.ndarray:
    """The limit: an array (N, size, size, 3) of the files' pixels, on all cores."""
    size, side = geometry.size, geometry.window
    array = np.empty((len(paths), size, size, 3), np.uint8)

    def place(row: int) -> None:
        image = decode(paths[row])
        edge = (image.shape[0] - side) // 2
        cut = image[edge : edge + side, edge : edge + side]
        cv2.resize(cut, (size, size), dst=array[row], interpolation=cv2.INTER_AREA)

    on_all_cores(place, range(len(paths)))
    return array


def with_opencv(path: str) -> np.ndarray:
    """RGB uint8 (H, W, 3), by the shortest way."""
    return np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB))


def with_hash_and_pillow(path: str) -> np.ndarray:
    """RGB uint8 (H, W, 3), hashed and decoded as the app does it."""
    data = read(path)
    hashlib.sha256(data).hexdigest()
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)
