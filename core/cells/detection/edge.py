"""Refines the outline of a cell at a finer scale, at which its edge is sharp.

Cells are searched in a small picture, in which an edge is a broad slope and the glass at its foot
still looks like the cell. Here each cell's own colours, from well inside and well outside of its
first outline, decide on which side the pixels between them lie.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.detection.boundary import STRANGER, closed_lines
from core.cells.detection.colours import log_ratio
from core.cells.masks import fill

BAND = 0.2  # red cell diameters on either side of the first outline, where the edge is searched
AROUND = 0.8  # red cell diameters around the outline within which colours count
KEPT, TRUST = 0.3, 1.5  # weights of the log-odds so far and of the cell's own colours
SURE = 4.0  # log-odds outside of that band
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

    `code` is `colours.codes` (H, W) of the finer picture, in whose pixels the lines, their centres
    (n, 2) and a red cell's diameter are; `log_odds` float32 (h, w) and `owners` int32 (h, w) are of
    the coarser one, as `core.cells.detection.boundary.outlines` takes them.
    """
    height, width = code.shape
    band, reach = BAND * red_cell, AROUND * red_cell
    size = width, height
    known = cv2.resize(log_odds, size, interpolation=cv2.INTER_LINEAR)
    nearest = cv2.resize(owners, size, interpolation=cv2.INTER_NEAREST)
    taken = fill(lines, (height, width)).view(np.uint8)
    evidences, corners = [], []
    for number, line in enumerate(lines, 1):
        low = np.floor(line.min(axis=0) - reach).astype(int)
        high = np.ceil(line.max(axis=0) + reach).astype(int) + 1
        window = _Window(low, high, (height, width))
        own = fill([line - low], window.shape).view(np.uint8)
        depth = cv2.distanceTransform(own, cv2.DIST_L2, 3)
        away = cv2.distanceTransform(1 - own, cv2.DIST_L2, 3)
        seen = window.seen()
        inside = seen & (depth > min(band, 0.5 * float(depth.max())))
        outside = seen & (away > band) & (away < reach) & (window.of(taken) == 0)
        values = KEPT * window.of(known)
        if inside.any() and outside.any():
            values = values + TRUST * log_ratio(window.of(code), inside, outside)
        values = np.where(window.of(nearest) == number, values, np.minimum(values, STRANGER))
        values[~seen] = 0.0
        values[depth > band], values[away > band] = SURE, -SURE
        evidences.append(values.astype(np.float32))
        corners.append(low)
    origins = np.array(corners)
    farthest = np.hypot(*np.moveaxis(lines - centres[:, None], 2, 0)).max() + band + 2
    refined = closed_lines(evidences, centres - origins, RAYS, int(farthest))
    return np.asarray(refined + origins[:, None])


@dataclass(frozen=True)
class _Window:
    """The part from `low` to `high`, x and y, of a picture of `whole` (H, W), and beyond it."""

    low: np.ndarray
    high: np.ndarray
    whole: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.high[1] - self.low[1]), int(self.high[0] - self.low[0])

    def of(self, values: np.ndarray) -> np.ndarray:
        """That part of values (H, W); beyond the border the values at the border are repeated."""
        low, high = self._within
        part = values[low[1] : high[1], low[0] : high[0]]
        return np.asarray(cv2.copyMakeBorder(part, *self._beyond, cv2.BORDER_REPLICATE))

    def seen(self) -> np.ndarray:
        """The pixels that lie in the picture, bool (h, w)."""
        low, high = self._within
        part = np.ones((high[1] - low[1], high[0] - low[0]), np.uint8)
        padded = cv2.copyMakeBorder(part, *self._beyond, cv2.BORDER_CONSTANT, value=0)
        return np.asarray(padded > 0)

    @property
    def _within(self) -> tuple[np.ndarray, np.ndarray]:
        size = np.array(self.whole[::-1])
        return np.clip(self.low, 0, size - 1), np.clip(self.high, 1, size)

    @property
    def _beyond(self) -> tuple[int, int, int, int]:
        low, high = self._within
        (left, top), (right, bottom) = low - self.low, self.high - high
        return int(top), int(bottom), int(left), int(right)
