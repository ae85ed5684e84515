"""The outline of a cell that has already been segmented on black, as C-NMC's cells are."""

import cv2
import numpy as np

# JPEG and WebP leave faint noise where the background was black.
BLACK_LEVEL = 16


def cell_mask(image: np.ndarray) -> np.ndarray:
    """The largest connected region that is not black, holes filled.

    RGB uint8 (H, W, 3) to bool (H, W); all False for a black image.
    """
    red, green, blue = cv2.split(image)
    lit = (cv2.max(cv2.max(red, green), blue) > BLACK_LEVEL).astype(np.uint8)
    count, components, stats, _ = cv2.connectedComponentsWithStats(lit, connectivity=8)
    mask = np.zeros_like(lit)
    if count > 1:
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        contours, _ = cv2.findContours(
            (components == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(mask, contours, -1, color=1, thickness=cv2.FILLED)
    return mask.astype(bool)


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(x, y, w, h) in pixels of a bool mask (H, W) that is not empty."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return int(x), int(y), int(w), int(h)
