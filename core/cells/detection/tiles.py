"""Detects white cells in images too large for one array: tile by tile, each cell once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from core.cells.detection import scale_bars
from core.cells.detection.detect import LEAST_SCORE, Cell, Field, compared, find
from core.cells.detection.setting import Setting, read_setting

SCAN_FROM = 12_500_000  # pixels: from here on an image is searched in tiles
TILE = 1536  # pixels a side, without the margin
SAMPLE, SAMPLES = 512, 4  # a grid of 4 x 4 samples, for light, stain and scale
MARGIN = 4.0  # red cell diameters: more than a white cell
SLACK = 0.5  # red cell diameters beyond a tile's edge within which a cell may be found twice


class Region(Protocol):
    """An image that is read by regions, such as `core.data.images.LargeImage`."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        ...

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """RGB uint8 (height, width, 3)."""
        ...


class Whole:
    """An array as a `Region`; `notes` say in sentences what was done to it."""

    def __init__(self, image: np.ndarray, notes: tuple[str, ...] = ()) -> None:
        """RGB uint8 (H, W, 3)."""
        self._image, self.notes = image, notes

    @property
    def shape(self) -> tuple[int, int]:
        return self._image.shape[0], self._image.shape[1]

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """RGB uint8 (height, width, 3), a view."""
        return self._image[y : y + height, x : x + width]


class Stored:
    """A file of bare pixels, row by row and 3 bytes each, as a `Region`.

    It is mapped only while a region is read, because mapped pages count as memory of the process.
    """

    def __init__(self, file: Path, shape: tuple[int, int]) -> None:
        """RGB uint8 (H, W, 3) in a file that is not written to again."""
        self._file, self._shape = file, shape

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """RGB uint8 (height, width, 3), a copy; smaller if it reaches beyond the image."""
        across = self._shape[1]
        rows = max(0, min(height, self._shape[0] - y))
        if not rows:
            return np.empty((0, max(0, min(width, across - x)), 3), np.uint8)
        mapped = np.memmap(self._file, np.uint8, "r", y * across * 3, (rows, across, 3))
        return np.array(mapped[:, x : x + width])


class Excerpt:
    """A box of a `Region`, itself a region; `notes` say in sentences why it is not the whole."""

    def __init__(
        self, whole: Region, box: tuple[int, int, int, int], notes: tuple[str, ...]
    ) -> None:
        """box: x, y, width and height in pixels of the whole, within which it lies."""
        self._whole, self._box, self.notes = whole, box, notes

    @property
    def shape(self) -> tuple[int, int]:
        return self._box[3], self._box[2]

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """RGB uint8 (height, width, 3)."""
        return self._whole.read(x + self._box[0], y + self._box[1], width, height)


def detect_tiled(
    image: Region,
    *,
    um_per_px: float | None = None,
    least_score: float = LEAST_SCORE,
    tile: int = TILE,
    progress: Callable[[int, int], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Field:
    """Detects the white cells of a large image as `detect` does in a small one.

    `progress(done, total)` is called after each tile, `stop()` before each: once it is true, the
    cells detected so far are returned, in a field that is not `complete`.
    """
    height, width = image.shape
    samples = _samples(image)
    setting = read_setting(scale_bars.erased(samples, scale_bars.find(samples).mask), um_per_px)
    margin = int(np.ceil(MARGIN * setting.red_cell))
    corners = [(x, y) for y in range(0, height, tile) for x in range(0, width, tile)]
    cells: list[Cell] = []
    ruler, complete = setting.ruler, True
    for done, (x, y) in enumerate(corners):
        if stop is not None and stop():
            complete = False
            break
        core = x, y, min(x + tile, width), min(y + tile, height)
        found, bar_px = _in_tile(image, setting, core, margin)
        ruler = replace(ruler, bar_px=max(filter(None, (ruler.bar_px, bar_px)), default=None))
        for cell in found:
            if cell.score >= least_score and not _known(cell, cells):
                cells.append(cell)
        if progress is not None:
            progress(done + 1, len(corners))
    return Field(compared(_ordered(cells)), ruler, image.shape, complete)


def _in_tile(
    image: Region, setting: Setting, core: tuple[int, int, int, int], margin: int
) -> tuple[list[Cell], int | None]:
    """Cells whose middle is in a tile or just beyond its edge, in coordinates of the image.

    Also the length in pixels of a scale bar in it, None without.
    """
    height, width = image.shape
    left, top = max(0, core[0] - margin), max(0, core[1] - margin)
    right, bottom = min(width, core[2] + margin), min(height, core[3] + margin)
    slack = SLACK * setting.red_cell
    part = image.read(left, top, right - left, bottom - top)
    marks, cells = scale_bars.find(part), []
    for cell in find(scale_bars.erased(part, marks.mask), setting):
        x, y, w, h = cell.bbox[0] + left, cell.bbox[1] + top, cell.bbox[2], cell.bbox[3]
        if not core[0] - slack <= x + w / 2 < core[2] + slack:
            continue
        if not core[1] - slack <= y + h / 2 < core[3] + slack:
            continue
        border = x == 0 or y == 0 or x + w == width or y + h == height
        cells.append(replace(cell, bbox=(x, y, w, h), touches_border=border))
    return cells, marks.bar_px


def _known(cell: Cell, cells: list[Cell]) -> bool:
    """Whether the cell was detected in a neighbouring tile: half of the smaller box is shared."""
    x, y, w, h = cell.bbox
    for other in cells:
        a, b, c, d = other.bbox
        across, down = min(x + w, a + c) - max(x, a), min(y + h, b + d) - max(y, b)
        if across > 0 and down > 0 and across * down > 0.5 * min(w * h, c * d):
            return True
    return False


def _samples(image: Region) -> np.ndarray:
    """A mosaic of samples spread over the image; of an image that is not larger, its middle."""
    height, width = image.shape
    if height <= SAMPLE * SAMPLES or width <= SAMPLE * SAMPLES:
        size = SAMPLE * SAMPLES
        left, top = max(0, (width - size) // 2), max(0, (height - size) // 2)
        return image.read(left, top, min(width, size), min(height, size))
    rows = np.linspace(0, height - SAMPLE, SAMPLES).astype(int)
    columns = np.linspace(0, width - SAMPLE, SAMPLES).astype(int)
    return np.vstack(
        [np.hstack([image.read(int(x), int(y), SAMPLE, SAMPLE) for x in columns]) for y in rows]
    )


def _ordered(cells: list[Cell]) -> tuple[Cell, ...]:
    return tuple(sorted(cells, key=lambda cell: (cell.bbox[1], cell.bbox[0])))
