"""The outline of a cell that has already been segmented on black, as C-NMC's cells are."""

import cv2
import numpy as np

# JPEG and WebP leave faint noise where the background was black.
BLACK_LEVEL = 16


def cell_mask(image: np.ndarray) -> np.ndarray:
    """The largest connected region that is not black, holes filled.

    RGB uint8 (H, W, 3) to bool (H, W); all False for a black image.
    """
    return largest_region(lit_mask(image))


def lit_mask(image: np.ndarray) -> np.ndarray:
    """What is not black, bool (H, W), of RGB uint8 (H, W, 3)."""
    return np.asarray(cv2.inRange(image, (0,) * 3, (BLACK_LEVEL,) * 3) == 0)


def largest_region(lit: np.ndarray) -> np.ndarray:
    """The largest connected region of a bool mask (H, W), holes filled."""
    mask = np.zeros(lit.shape, np.uint8)
    x, y, w, h = bounding_box(lit)
    if not w:
        return mask.view(bool)
    box = slice(y, y + h), slice(x, x + w)  # most of a picture is black, and need not be searched
    lit = lit[box]
    count, regions = cv2.connectedComponents(lit.view(np.uint8))
    if count > 2:
        lit = regions == 1 + np.argmax(np.bincount(regions.ravel())[1:])
    contours, _ = cv2.findContours(lit.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mask[box], contours, -1, color=1, thickness=cv2.FILLED)
    return mask.view(bool)


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(x, y, w, h) in pixels of a bool mask (H, W) that is not empty."""
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    return int(x), int(y), int(w), int(h)
