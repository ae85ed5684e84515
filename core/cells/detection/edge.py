"""The outline of a cell drawn anew at a finer scale, at which its edge is sharp.

Cells are looked for in a small picture, in which an edge is a broad slope and the glass at its
foot still looks like the cell. Here each cell's own colours, from well inside and well outside of
its first outline, tell on which side of it the pixels between lie.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.detection.boundary import STRANGER, closed_lines
from core.cells.detection.colours import log_ratio
from core.cells.masks import fill

BAND = 0.2  # red cell diameters: so far off the first outline the edge is looked for
AROUND = 0.8  # red cell diameters around the outline, whose colours count
KEPT, TRUST = 0.3, 1.5  # weights of what was known before and of the cell's own colours
SURE = 4.0  # log-odds of what lies off that band
RAYS = 64


def sharpened(
    code: np.ndarray,
    lines: np.ndarray,
    centres: np.ndarray,
    log_odds: np.ndarray,
    owners: np.ndarray,
    red_cell: float,
) -> np.ndarray:
    """Closed lines float (n, RAYS, 2) near `lines` (n, rays, 2), in pixels of the finer picture.

    Of that picture: `colours.codes` (H, W), lines, their centres (n, 2) and a red cell's diameter;
    `log_odds` float32 (h, w) and `owners` int32 (h, w) are of the coarser one, as
    `core.cells.detection.boundary.outlines` takes them.
    """
    height, width = code.shape
    band, reach = BAND * red_cell, AROUND * red_cell
    size = width, height
    known = cv2.resize(log_odds, size, interpolation=cv2.INTER_LINEAR)
    whose = cv2.resize(owners, size, interpolation=cv2.INTER_NEAREST)
    taken = fill(lines, (height, width)).view(np.uint8)
    evidences, corners = [], []
    for number, line in enumerate(lines, 1):
        low = np.floor(line.min(axis=0) - reach).astype(int)
        high = np.ceil(line.max(axis=0) + reach).astype(int) + 1
        here = _Window(low, high, (height, width))
        own = fill([line - low], here.shape).view(np.uint8)
        depth = cv2.distanceTransform(own, cv2.DIST_L2, 3)
        away = cv2.distanceTransform(1 - own, cv2.DIST_L2, 3)
        seen = here.seen()
        inside = seen & (depth > min(band, 0.5 * float(depth.max())))
        outside = seen & (away > band) & (away < reach) & (here.of(taken) == 0)
        values = KEPT * here.of(known)
        if inside.any() and outside.any():
            values = values + TRUST * log_ratio(here.of(code), inside, outside)
        values = np.where(here.of(whose) == number, values, np.minimum(values, STRANGER))
        values[~seen] = 0.0
        values[depth > band], values[away > band] = SURE, -SURE
        evidences.append(values.astype(np.float32))
        corners.append(low)
    origins = np.array(corners)
    farthest = np.hypot(*np.moveaxis(lines - centres[:, None], 2, 0)).max() + band + 2
    found = closed_lines(evidences, centres - origins, RAYS, int(farthest))
    return found + origins[:, None]


@dataclass(frozen=True)
class _Window:
    """From `low` to `high`, x and y, of a picture of `whole` (H, W), and beyond its border."""

    low: np.ndarray
    high: np.ndarray
    whole: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w)."""
        return int(self.high[1] - self.low[1]), int(self.high[0] - self.low[0])

    def of(self, values: np.ndarray) -> np.ndarray:
        """That part of values (H, W); beyond the border everything goes on as at it."""
        low, high = self._within
        part = values[low[1] : high[1], low[0] : high[0]]
        return cv2.copyMakeBorder(part, *self._beyond, cv2.BORDER_REPLICATE)

    def seen(self) -> np.ndarray:
        """What of it lies in the picture, bool (h, w)."""
        low, high = self._within
        part = np.ones((high[1] - low[1], high[0] - low[0]), np.uint8)
        return cv2.copyMakeBorder(part, *self._beyond, cv2.BORDER_CONSTANT, value=0) > 0

    @property
    def _within(self) -> tuple[np.ndarray, np.ndarray]:
        size = np.array(self.whole[::-1])
        return np.clip(self.low, 0, size - 1), np.clip(self.high, 1, size)

    @property
    def _beyond(self) -> tuple[int, int, int, int]:
        low, high = self._within
        (left, top), (right, bottom) = low - self.low, self.high - high
        return int(top), int(bottom), int(left), int(right)
