"""The parts of one cell: its nucleus, its cytoplasm, and fragments that are attached to it."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.masks import (
    bounding_box,
    depth,
    diameter,
    disc,
    regions,
    solidity,
    tidy,
)
from core.compat import cached_property
from core.errors import DataError

# Cytoplasm lets through at least 1.65 times the nucleus's green light: chromatin alone rarely
# spans that, and of 191 leukocytes outlined by hand 98 % do.
MIN_CONTRAST = 0.5  # natural logarithm
MIN_CYTOPLASM = 0.03  # of the cell's area
# A fragment is paler and redder than the nucleus, and the cell is more convex without it.
MIN_PALENESS, MIN_REDNESS = 0.35, 0.08  # natural logarithms
MIN_FRAGMENT = 0.02  # of the mask's area
MIN_SOLIDITY_GAIN = 0.025
FIELD_CONTRAST = 0.45  # as `MIN_CONTRAST`, of the density in green of a field's cells
WIDE = 8.0  # pixels: a width of smoothing; what is twice as wide or more is done at a smaller size


@dataclass(frozen=True)
class CellParts:
    """The parts of a cell, bool (H, W) each.

    fragment: something attached to the cell. own: the cell without it. nucleus: inside it, all
    False if no cytoplasm can be told from it. depth: how far inside `own` each pixel lies.
    """

    fragment: np.ndarray
    own: np.ndarray
    nucleus: np.ndarray
    depth: np.ndarray


def find_parts(image: np.ndarray, mask: np.ndarray, convexity: float) -> CellParts:
    """Finds the parts of a cell, RGB uint8 (H, W, 3) and bool (H, W), cut to its bounding box.

    `convexity` is the solidity of the mask.
    """
    smooth = _Smooth(image, mask)
    fragment = _fragment(smooth, mask, convexity)
    own = mask & ~fragment
    inside = depth(own)
    return CellParts(fragment, own, _nucleus(smooth, own, inside), inside)


def nucleus_mask(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The nucleus of one cell, bool (H, W); all False if no cytoplasm can be told from it.

    Otsu's threshold (1979) within the cell on the square root of green, which the nucleus's stain
    absorbs most: the root evens out shot noise. Visible means that both sides differ by
    `MIN_CONTRAST` and the paler one takes `MIN_CYTOPLASM` of the cell away from its rim, so
    that an even seam narrower than 1/20 of the cell, as optics make it too, does not count.
    An attached fragment counts as neither. Input and errors as in `morphology.measure`.
    """
    box = cell_box(image, mask)
    result = np.zeros(mask.shape, bool)
    result[box] = find_parts(image[box], mask[box], solidity(mask[box])).nucleus
    return result


def fragment_mask(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What is attached to the cell but no part of it, such as the rest of a red cell: bool (H, W).

    A region paler and redder than the dense half of the cell, and without which the cell would be
    more convex: the pink cytoplasm of a neutrophil is not. Input and errors as in
    `morphology.measure`.
    """
    box = cell_box(image, mask)
    result = np.zeros(mask.shape, bool)
    result[box] = find_parts(image[box], mask[box], solidity(mask[box])).fragment
    return result


def cell_box(image: np.ndarray, mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the bounding box of a cell.

    Raises `DataError` for an empty mask or one of another size than the image.
    """
    if image.shape != (*mask.shape, 3):
        raise DataError(f"The mask is {mask.shape}, the image {image.shape}: they must agree.")
    if not mask.any():
        raise DataError("There is no cell: the mask is empty. Leave black images out.")
    return _window(mask, 0)


def nucleus_in_field(
    mask: np.ndarray,
    corner: tuple[int, int],
    dense: np.ndarray,
    purple: np.ndarray,
    factor: float,
) -> np.ndarray:
    """The nucleus of a cell of a field, bool (h, w); the whole cell if no cytoplasm is visible.

    By Otsu's threshold within the cell, bool (h, w), on the light that purple and green let
    through. `corner` is x and y of the mask in the field; density float32 (H, W, 3) and purple
    (H, W) are of the field scaled by `factor`.
    """
    h, w = mask.shape
    # From the cell's pixels to those of the working image.
    right, down = ((start + 0.5) * factor - 0.5 for start in corner)
    left, top = (
        max(0, min(int(start) - 1, side - 1))
        for start, side in zip((right, down), purple.shape[::-1], strict=True)
    )
    window = slice(top, int(down + h * factor) + 3), slice(left, int(right + w * factor) + 3)
    shift = np.array([[factor, 0, right - left], [0, factor, down - top]])
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    both = np.dstack((dense[window][:, :, 1], purple[window]))
    values = cv2.warpAffine(both, shift, (w, h), flags=way, borderMode=cv2.BORDER_REPLICATE)
    green = values[:, :, 0]
    level = np.clip(255 * np.exp(-values.sum(axis=2) / 3), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(level[mask], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = mask & (level <= threshold)
    pale = mask & ~dark
    if not pale.any() or not dark.any() or green[dark].mean() - green[pale].mean() < FIELD_CONTRAST:
        return mask.copy()
    return tidy(dark, mask)


class _Smooth:
    """An image smoothed at 1/60 of the cell's diameter, from pixels of the cell only."""

    def __init__(self, image: np.ndarray, mask: np.ndarray) -> None:
        self._sigma = max(0.5, diameter(mask) / 60)
        self._cell = cv2.copyTo(image, mask.view(np.uint8))
        self._weight = self._blur(mask.astype(np.float32)) + 1e-6

    @cached_property
    def green(self) -> np.ndarray:
        """Float32 (H, W), at least 1."""
        return self._channel(1)

    @property
    def redness(self) -> np.ndarray:
        """Red over blue, float32 (H, W)."""
        return np.asarray(self._channel(0) / self._channel(2))

    def _channel(self, channel: int) -> np.ndarray:
        total = self._blur(cv2.extractChannel(self._cell, channel).astype(np.float32))
        total /= self._weight
        return np.asarray(np.maximum(total, 1, out=total))

    def _blur(self, values: np.ndarray) -> np.ndarray:
        step = max(1, int(self._sigma / WIDE))
        shape = values.shape[::-1]
        if step > 1:  # at full size the time would grow with the third power of the diameter
            small = max(1, shape[0] // step), max(1, shape[1] // step)
            values = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
        side = 2 * int(np.ceil(3 * self._sigma / step)) + 1
        values = cv2.GaussianBlur(values, (side, side), self._sigma / step)
        return np.asarray(values if step == 1 else cv2.resize(values, shape))


def _nucleus(smooth: _Smooth, cell: np.ndarray, cell_depth: np.ndarray) -> np.ndarray:
    green = smooth.green
    root = np.sqrt(255 * green).astype(np.uint8)
    threshold, _ = cv2.threshold(root[cell], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = cell & (root <= threshold)
    inside = cell_depth > diameter(cell) / 20  # the optical edge looks like cytoplasm
    least, nothing = MIN_CYTOPLASM * np.count_nonzero(cell), np.zeros_like(cell)
    core, pale = inside & dark, inside & ~dark
    if not core.any() or np.count_nonzero(pale) < least:
        return nothing
    if np.log(green[pale].mean() / green[core].mean()) < MIN_CONTRAST:
        return nothing
    opened = cv2.morphologyEx(dark.view(np.uint8), cv2.MORPH_OPEN, disc(diameter(cell) / 50))
    nucleus = tidy(opened, cell)
    return nucleus if np.count_nonzero(inside & ~nucleus) >= least else nothing


def _fragment(smooth: _Smooth, mask: np.ndarray, convexity: float) -> np.ndarray:
    fragment, area = np.zeros_like(mask), np.count_nonzero(mask)
    if convexity + MIN_SOLIDITY_GAIN > 1:
        return fragment  # nothing can be that much more convex
    green, redness = smooth.green, smooth.redness
    sample = slice(None, None, 2), slice(None, None, 2)  # enough for a median
    inside = mask[sample]
    greens, rednesses = green[sample][inside], redness[sample][inside]
    dense = greens <= _median(greens)
    # Of ratios, whose logarithms need not be taken: they keep their order.
    paler = green > _median(greens[dense]) * np.exp(MIN_PALENESS)
    redder = redness > _median(rednesses[dense]) * np.exp(MIN_REDNESS)
    kernel = disc(diameter(mask) / 50)
    pixels = mask & paler & redder
    if np.count_nonzero(pixels) * kernel.sum() < MIN_FRAGMENT * area:
        return fragment  # closing gives each pixel a disc at most
    near = _window(pixels, len(kernel))
    suspect = cv2.morphologyEx(pixels[near].view(np.uint8), cv2.MORPH_CLOSE, kernel)
    suspect = cv2.morphologyEx(suspect, cv2.MORPH_OPEN, kernel)
    if np.count_nonzero(suspect) < MIN_FRAGMENT * area:
        return fragment
    labels, areas = regions(suspect)
    for label in 1 + np.flatnonzero(areas[1:] >= MIN_FRAGMENT * area):
        part = np.zeros_like(mask)
        part[near] = mask[near] & (labels == label)
        rest = cv2.morphologyEx((mask & ~part).view(np.uint8), cv2.MORPH_OPEN, kernel)
        if rest.any() and solidity(rest) >= convexity + MIN_SOLIDITY_GAIN:
            fragment |= part
    return fragment


def _median(values: np.ndarray) -> np.float32:
    ordered = np.sort(values)  # numpy.median looks for NaN as well, at three times the time
    half = len(ordered) // 2
    return np.float32((ordered[half] + ordered[-1 - half]) / 2)


def _window(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Rows and columns of a mask that is not empty, and `margin` pixels more."""
    x, y, width, height = bounding_box(mask)
    rows = slice(max(0, y - margin), y + height + margin)
    return rows, slice(max(0, x - margin), x + width + margin)
