"""What lies beside a cell on black and is none: a scale bar, a caption, a frame, dust."""

import cv2
import numpy as np

from core.cells.masks import bounding_box
from core.reading.checked_picture import CheckedPicture, Refusal
from core.reading.prepared import Prepared

MIN_BESIDE = 0.001  # of the cell's area: less is a speck that moves nothing
MAX_OTHER_REGIONS = 0.1  # of the cell's area, of what could be cells
# Ink is brighter in a channel than most of the cell, and has one colour, which pale cytoplasm, that
# is bright as well, has not.
USUAL, BRIGHTER = 85.0, 50.0  # percentile of the cell, and levels above it
MIN_INK = 0.003, 60  # of the cell's area, and in pixels
ONE_COLOUR = 0.3  # of the ink: the very same; cytoplasm has the noise of a camera
EDGE = 5  # pixels: what is drawn smoothly fades over two on either side


def leave_out(picture: CheckedPicture) -> Refusal | None:
    """Makes what lies beside the cell black; refuses a picture with something drawn on the cell.

    Leaves as it is what could be a second cell.
    """
    image, mask = picture.image, picture.mask
    beside = picture.lit & ~mask
    area = cv2.countNonZero(mask.view(np.uint8))
    limit = _brightest(image, mask)
    if _drawn_on(image, mask, limit, max(MIN_INK[0] * area, MIN_INK[1])):
        return Refusal(
            "Something is drawn on the cell or touches it, such as a scale bar or a caption.",
            "Export the picture without it.",
        )
    if cv2.countNonZero(beside.view(np.uint8)) < MIN_BESIDE * area:
        return None
    reach = np.ones((EDGE, EDGE), np.uint8)
    ink = cv2.dilate((beside & _over(image, limit)).view(np.uint8), reach).view(bool)
    if np.count_nonzero(beside & ~ink) > MAX_OTHER_REGIONS * area:
        return None
    faded = cv2.dilate(beside.view(np.uint8), reach).view(bool)
    alone = image * (mask | ~faded)[:, :, None].astype(np.uint8)
    words = ("What lies beside the cell, such as a scale bar or a caption, was left out.",)
    original = picture.prepared.original if picture.prepared else image
    picture.use(alone, Prepared(original, mask, words, size_known=True), alone)
    return None


def _brightest(image: np.ndarray, mask: np.ndarray) -> tuple[float, ...]:
    """The channels (3,) above which a pixel is brighter than most of the cell."""
    x, y, w, h = bounding_box(mask)
    box = slice(y, y + h, 3), slice(x, x + w, 3)  # enough for a percentile
    inside = mask[box]
    if not inside.any():
        return (255.0,) * 3
    usual = np.percentile(image[box][inside], USUAL, axis=0)
    return tuple(np.minimum(usual + BRIGHTER, 255).tolist())


def _over(image: np.ndarray, limit: tuple[float, ...]) -> np.ndarray:
    return np.asarray(cv2.inRange(image, (0,) * 3, limit) == 0)


def _drawn_on(image: np.ndarray, mask: np.ndarray, limit: tuple[float, ...], least: float) -> bool:
    """Whether so many pixels of the cell are brighter than the limit, and of one colour."""
    x, y, w, h = bounding_box(mask)
    box = slice(y, y + h), slice(x, x + w)
    bright = image[box][_over(image[box], limit) & mask[box]]
    if len(bright) < least:
        return False
    red, green, blue = bright.astype(np.int32).T
    counts = np.unique((red * 256 + green) * 256 + blue, return_counts=True)[1]
    return bool(counts.max() >= max(ONE_COLOUR * len(bright), least / 2))
