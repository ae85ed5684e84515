"""What lies beside a cell on black and is none: a scale bar, a caption, a frame, dust."""

import cv2
import numpy as np

from core.cells.masks import bounding_box, contours, largest_region
from core.reading.gate import CheckedPicture, Prepared, Refusal

MIN_BESIDE = 0.001  # of the cell's area: less is a speck that moves nothing
MAX_OTHER_REGIONS = 0.1  # of the cell's area, of what could be cells
# Ink is brighter in a channel than practically all of the cell.
USUAL, BRIGHTER = 99.0, 50.0  # percentile of the cell, and levels above it
MIN_INK = 0.002  # of the cell's area
EDGE = 5  # pixels: what is drawn smoothly fades over two on either side


def leave_out(picture: CheckedPicture) -> Refusal | None:
    """Makes all but the cell black; refuses a picture with something drawn across the cell.

    Leaves as it is what could be a second cell.
    """
    image, mask, lit = picture.image, picture.mask, picture.lit
    area = cv2.countNonZero(mask.view(np.uint8))
    beside = cv2.countNonZero((lit & ~mask).view(np.uint8))
    ink = _ink(image, mask)
    touching = np.count_nonzero(ink & mask) >= MIN_INK * area
    if beside < MIN_BESIDE * area and not touching:
        return None
    wide_ink = cv2.dilate((ink & lit).view(np.uint8), np.ones((EDGE, EDGE), np.uint8)).view(bool)
    cell = mask
    if touching:
        cell = largest_region(lit & ~wide_ink)
        if not cell.any() or _across(ink, cell, area):
            return Refusal(
                "Something is drawn across the cell.",
                "Export the picture without scale bar, caption or marks.",
            )
    cells = lit & ~cell & ~wide_ink
    if np.count_nonzero(cells) > MAX_OTHER_REGIONS * np.count_nonzero(cell):
        return None
    words = ("What lies beside the cell, such as a scale bar or a caption, was left out.",)
    alone = image * cell[:, :, None].astype(np.uint8)
    original = picture.prepared.original if picture.prepared else image
    picture.use(alone, Prepared(original, cell, words, size_known=True), alone)
    return None


def _ink(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The pixels brighter in a channel than practically all of the cell, bool (H, W)."""
    x, y, w, h = bounding_box(mask)
    box = slice(y, y + h, 2), slice(x, x + w, 2)  # enough for a percentile
    usual = np.percentile(image[box][mask[box]], USUAL, axis=0)
    most = tuple(np.minimum(usual + BRIGHTER, 255).tolist())
    return np.asarray(cv2.inRange(image, (0,) * 3, most) == 0)


def _across(ink: np.ndarray, cell: np.ndarray, area: int) -> bool:
    """Whether ink lies within the outline of a cell, not only at its edge."""
    hull = cv2.convexHull(np.vstack(contours(cell)))
    inside = cv2.fillConvexPoly(np.zeros(cell.shape, np.uint8), hull, 1)
    inside = cv2.erode(inside, np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8))
    return cv2.countNonZero(inside & ink.view(np.uint8)) >= MIN_INK * area
