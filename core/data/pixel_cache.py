"""The pixel cache: classifier inputs of a set of cells, one memory-mapped uint8 array.

This module alone decides what a network is shown, so training, cached features, the engine and
every measurement see the same: the cell, or, in a control run, less than the cell.
"""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from core import caches, leftovers, storage
from core.cells.masks import cell_mask, without_noise
from core.cells.staining import Normaliser
from core.data.geometry import Geometry, fit, letterbox, window
from core.data.images import decode
from core.data.indexing import digest
from core.data.walk import Progress, on_all_cores, read_unchanged
from core.errors import ConfigError
from core.untrusted import arrays

# The cell, at its scale; the whole image, whatever it shows; the cell's outline, filled; a disc of
# its area.
CELL, IMAGE = "cell", "image"  # what a model reads is called so, wherever it is counted
INPUTS = (CELL, IMAGE, "silhouette", "size")
CONTROLS = ("silhouette", "size")  # never models
GREY = 128
VERSION = "2"  # of what a network is shown


_CELLS = re.compile(r"(?<!white )(?<!red )\b(a )?(c)(ell)(s?)\b", re.IGNORECASE)


def said_of(text: str, item: str) -> str:
    """Returns a text on what a model reads, written for cells, with the word for `item`.

    `item` is `CELL` or `IMAGE`. White and red cells stay: they are what a picture shows.
    """

    def image(found: re.Match[str]) -> str:
        article, first = found[1] or "", "I" if found[2] == "C" else "i"
        return f"{article[:1]}{'n ' * bool(article)}{first}mage{found[4]}"

    return _CELLS.sub(image, text) if item == IMAGE else text


def pixels(
    root: Path,
    cells: pd.DataFrame,
    geometry: Geometry,
    progress: Progress | None = None,
    *,
    inputs: str = CELL,
    normaliser: Normaliser | None = None,
) -> np.ndarray:
    """The inputs of `cells`, in their order: a read-only memory map, uint8 (N, size, size, 3) RGB.

    `cells` has image_id (path below `root`) and sha256. The array is built once, on all cores,
    and stored under a key of the cells' contents, the geometry, `inputs` (one of `INPUTS`, see
    `shown`) and the `normaliser` of their stain. `progress` gets (done, total). Raises `DataError`
    if a file is missing or has changed since it was indexed.
    """
    key = [*cells["sha256"], repr(geometry), *variant(inputs, normaliser)]
    folder = storage.pixels_dir(digest(key))
    file = folder / "pixels.npy"
    shape = (len(cells), geometry.size, geometry.size, 3)
    with caches.entry(folder):
        if arrays.kept(file, np.uint8, shape) is None:
            leftovers.sweep(folder)
            with storage.atomic(file) as temporary:
                _build(temporary, root, cells, geometry, progress, inputs, normaliser)
    pixels: np.ndarray = np.load(file, mmap_mode="r")
    return pixels


def variant(inputs: str, normaliser: Normaliser | None) -> list[str]:
    """What is shown of cells, for keys of caches."""
    seen = [VERSION, inputs]
    return seen if normaliser is None else [*seen, repr(normaliser)]


def prepare(
    image: np.ndarray, geometry: Geometry, normaliser: Normaliser | None, inputs: str = CELL
) -> np.ndarray:
    """What a network sees of an image before it is resized by `core.data.geometry.fit`.

    Cuts the window out, or makes the whole image fit into it, reduces it to `inputs` (see `shown`)
    and normalises its stain: RGB uint8 (H, W, 3) to (window, window, 3).
    """
    if inputs == IMAGE:
        cut = letterbox(image, geometry.window)
    else:
        cut = window(shown(image, inputs), geometry.window)
    return cut if normaliser is None else normaliser(cut)


def shown(image: np.ndarray, inputs: str) -> np.ndarray:
    """Reduces a decoded image to what the network is shown: RGB uint8 (H, W, 3) to the same.

    "cell": the image, without the noise that JPEG leaves around a cell on black. "image": the image
    as it is. "silhouette": the cell's outline filled with one grey, on black.
    "size": a centred disc of as many pixels as the silhouette has, in the same grey. Raises
    `ConfigError` if `inputs` is unknown.
    """
    match inputs:
        case "cell":
            return without_noise(image)
        case "image":
            return image
        case "silhouette":
            mask = cell_mask(image)
        case "size":
            mask = _disc(image.shape[:2], int(cell_mask(image).sum()))
        case _:
            raise ConfigError(f"inputs is {inputs!r}; it can be {', '.join(INPUTS)}.")
    return np.repeat((mask * np.uint8(GREY))[..., None], 3, axis=2)


def _disc(shape: tuple[int, int], area: int) -> np.ndarray:
    """The `area` pixels nearest to the centre, bool (H, W)."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    away = (y - (shape[0] - 1) / 2) ** 2 + (x - (shape[1] - 1) / 2) ** 2
    disc = np.zeros(away.size, bool)
    disc[np.argsort(away, axis=None, kind="stable")[:area]] = True
    return disc.reshape(shape)


def _build(
    file: Path,
    root: Path,
    cells: pd.DataFrame,
    geometry: Geometry,
    progress: Progress | None,
    inputs: str,
    normaliser: Normaliser | None,
) -> None:
    shape = (len(cells), geometry.size, geometry.size, 3)
    array = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # A full disk is an error here; once the file is mapped, it would end the process.
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)

    files, digests = cells["image_id"].tolist(), cells["sha256"].tolist()

    def place(row: int) -> None:
        path = root / files[row]
        data = read_unchanged(path, digests[row])
        array[row] = fit(prepare(decode(data, path.name), geometry, normaliser, inputs), geometry)

    for _ in on_all_cores(place, range(len(cells)), progress):
        pass
    array.flush()
