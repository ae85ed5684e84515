"""Finds what a program drew into a photograph: scale bars with their captions, panels, arrows.

A drawn mark has a colour that no stain has, or one colour in a rectangle, which no camera gives.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.detection import stain
from core.cells.masks import contours, fill

DARK, BRIGHT = 48, 208  # a channel of a drawn colour is darker or brighter; JPEG moves it
BLACK, WHITE = 0, 13  # codes of colours that photographs have, too
NONE = 27  # codes from here on have a channel that is neither dark nor bright
ALIKE = 16, 0.7  # levels from the usual colour, and the share of a drawn colour's pixels within
LEAST = 12  # pixels of a mark of another colour
MOST = 0.4  # of the picture: more is a background
BAR = 4.0  # the length of a scale bar over its thickness, at least
LEAST_BAR = 24, 0.03  # its length, in pixels and of the picture's width
FULL = 0.9  # of its box that a bar or a panel fills: a disc fills 0.79
LEAST_PANEL = 0.002, 24, 12  # of the picture's area, pixels across and down
NEAR, LOW = 0.75, 0.35  # lengths of the bar: the distance of its caption, and a letter's height
EDGE = 7  # pixels across: so far a mark fades, and a JPEG's noise reaches around it


@dataclass(frozen=True)
class Drawn:
    """What was drawn: bool (H, W); bar_px is the length of the longest scale bar, None without."""

    mask: np.ndarray
    bar_px: int | None


def find(image: np.ndarray) -> Drawn:
    """Finds the marks in a field, RGB uint8 (H, W, 3)."""
    codes = _codes(image)
    mask = np.zeros(image.shape[:2], bool)
    bars = []
    counts = cv2.calcHist([codes], [0], None, [NONE], [0, NONE]).ravel()
    for code in np.flatnonzero(counts >= LEAST).tolist():
        coloured = codes == code
        strange = code not in (BLACK, WHITE) and _one_colour(image[coloured])
        if strange or _has_room(coloured, 2, LEAST_BAR[0]):
            marks = _Marks(coloured)
            mask |= marks.of(marks.area >= (LEAST if strange else np.inf)) | marks.panels()
            for bar in np.flatnonzero(marks.bars()).tolist():
                bars.append(int(marks.width[bar]))
                mask |= marks.of(marks.caption(bar))
    same = _same(image)
    if _has_room(same, LEAST_PANEL[2], LEAST_PANEL[1]):
        mask |= _Marks(same).panels()
    if not 0 < np.count_nonzero(mask) <= MOST * mask.size:
        return Drawn(np.zeros_like(mask), None)
    around = cv2.dilate(mask.view(np.uint8), np.ones((EDGE, EDGE), np.uint8))
    return Drawn(around.view(bool), max(bars, default=None))


def erased(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The field with the colour of its glass where a mask, bool (H, W), is set."""
    if not mask.any():
        return image
    result = image.copy()
    result[mask] = np.round(stain.glass(image[~mask][:, None])).astype(np.uint8)
    return result


def _codes(image: np.ndarray) -> np.ndarray:
    """A number of each pixel's colour by channels that are dark or bright, uint8 (H, W)."""
    levels = np.arange(256)
    dark, bright = levels <= DARK, levels >= BRIGHT
    tables = [np.where(dark, 0, np.where(bright, power, NONE)) for power in (9, 3, 1)]
    table = np.stack(tables, axis=1).astype(np.uint8)
    red, green, blue = cv2.split(cv2.LUT(image, table[None]))
    return np.asarray(red + green + blue)


def _one_colour(pixels: np.ndarray) -> bool:
    """Whether most pixels (N, 3) have nearly the same colour, which strong stain has not."""
    away = np.abs(pixels - np.median(pixels, axis=0)).max(axis=1)
    return bool((away <= ALIKE[0]).mean() >= ALIKE[1])


def _has_room(coloured: np.ndarray, height: int, width: int) -> bool:
    """Whether a rectangle of such pixels is as large as that."""
    box = np.ones((height, width), np.uint8)
    return bool(cv2.erode(coloured.view(np.uint8), box, borderValue=0).any())


def _same(image: np.ndarray) -> np.ndarray:
    """Whether pixels have the very colour of their neighbours right and below, bool (H, W)."""
    result = np.zeros(image.shape[:2], bool)
    here = image[:-1, :-1]
    changes = cv2.bitwise_xor(here, image[1:, :-1]) | cv2.bitwise_xor(here, image[:-1, 1:])
    result[:-1, :-1] = cv2.inRange(changes, (0, 0, 0), (0, 0, 0)) > 0
    return result


class _Marks:
    """Regions of pixels of one colour, bool (H, W), by numbers; region 0 is the rest."""

    def __init__(self, coloured: np.ndarray) -> None:
        _, self._regions, stats, _ = cv2.connectedComponentsWithStats(coloured.view(np.uint8))
        self._height, self._width = coloured.shape
        self.left, self.top, self.width, self.height, self.area = stats.T
        self.area = np.where(np.arange(len(stats)) == 0, 0, self.area)

    def of(self, chosen: np.ndarray) -> np.ndarray:
        """The pixels of the chosen regions, bool (H, W)."""
        return np.asarray(chosen[self._regions])

    def bars(self) -> np.ndarray:
        """Whether each region is a scale bar: long, thin, level and full."""
        least = max(LEAST_BAR[0], LEAST_BAR[1] * self._width)
        long = (self.width >= least) & (self.width >= BAR * self.height) & (self.height > 1)
        return np.asarray(long & (self.area >= FULL * self.width * self.height))

    def caption(self, bar: int) -> np.ndarray:
        """A scale bar and the letters beside it: whether each region is one of them."""
        length = self.width[bar]
        reach = NEAR * length
        beside = (self.left >= self.left[bar] - reach) & (
            self.left + self.width <= self.left[bar] + length + reach
        )
        level = (self.top >= self.top[bar] - reach) & (
            self.top + self.height <= self.top[bar] + self.height[bar] + reach
        )
        letters = beside & level & (self.area > 0) & (self.height <= LOW * length)
        letters[bar] = True
        return np.asarray(letters)

    def panels(self) -> np.ndarray:
        """The rectangles with all that is written in them, bool (H, W)."""
        box = self.width * self.height
        wide = (self.area > 0) & (box >= LEAST_PANEL[0] * self._height * self._width)
        wide &= (self.width >= LEAST_PANEL[1]) & (self.height >= LEAST_PANEL[2])
        wide &= box <= MOST * self._height * self._width
        mask = np.zeros((self._height, self._width), bool)
        for number in np.flatnonzero(wide & (self.area >= box / 2)).tolist():
            window = (
                slice(self.top[number], self.top[number] + self.height[number]),
                slice(self.left[number], self.left[number] + self.width[number]),
            )
            filled = fill(contours(self._regions[window] == number), self._regions[window].shape)
            if filled.mean() >= FULL:
                mask[window] |= filled
        return mask
