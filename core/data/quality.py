"""What is wrong with a cell image, in words a clinician can act on."""

import cv2
import numpy as np

from core.cells.masks import BLACK_LEVEL, bounding_box, contours, strongest_channel
from core.cells.morphology import Morphology

FLAGS = {
    "empty": "The image is black: there is no cell in it.",
    "touches the border": "The cell reaches the edge of the image, so a part of it is missing.",
    "several components": "There is more than one object on the black background.",
    "attached fragment": "Something paler and redder, such as a piece of a red cell, is attached "
    "to the cell; size and shape include it.",
    "out of focus": "The chromatin is blurred: do not read its texture.",
    "too dark": "The image is so dark that the cell's detail is lost.",
    "too bright": "Parts of the cell are so bright that their detail is lost.",
}

# Sharp C-NMC cells have a focus of 0.40 to 0.70; blurred by 2 pixels or more, at most 0.37.
MIN_FOCUS = 0.38
# Below a sixth of the scale a cell's edge sinks into what counts as background. C-NMC cells have
# 70 to 101.
MIN_BRIGHTNESS = 40
CLIPPED = 250  # a camera and a JPEG leave saturated pixels a little under 255
MAX_CLIPPED = 0.05  # of the cell's area
MIN_COMPONENT = 0.01  # of the cell's area: less is a speck of compression or dust


def flags(
    image: np.ndarray, mask: np.ndarray, morphology: Morphology | None = None
) -> tuple[str, ...]:
    """Returns the names in `FLAGS` that hold for a cell on black, in the order of `FLAGS`.

    `image` RGB uint8 (H, W, 3), `mask` bool (H, W) and the `morphology` that `measure` returned
    for them; an empty mask needs no morphology and is only "empty". The limits hold for the scale
    of C-NMC (a lymphocyte is 150 to 250 pixels wide). Sort by `focus`, `brightness` and
    `fragment_share` of the morphology. Raises `ValueError` if `morphology` is missing.
    """
    if not mask.any():
        return ("empty",)
    if morphology is None:
        raise ValueError("A mask that holds a cell needs its morphology: pass measure(...).")
    brightest = strongest_channel(image)
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    holds = {
        "touches the border": any(edge.any() for edge in edges),
        "several components": _components(brightest, mask) > 1,
        "attached fragment": morphology.fragment_share > 0,
        "out of focus": morphology.focus is not None and morphology.focus < MIN_FOCUS,
    }
    names = {name for name, value in holds.items() if value}
    names |= set(exposure(image, mask, morphology))
    return tuple(name for name in FLAGS if name in names)


def exposure(image: np.ndarray, mask: np.ndarray, morphology: Morphology) -> tuple[str, ...]:
    """Returns the flags of exposure, "too dark" and "too bright"; the mask must not be empty."""
    x, y, w, h = bounding_box(mask)
    box = slice(y, y + h), slice(x, x + w)
    dim = cv2.inRange(image[box], (0,) * 3, (CLIPPED - 1,) * 3).view(bool)
    clipped = np.count_nonzero(mask[box] & ~dim)
    holds = {
        "too dark": morphology.brightness < MIN_BRIGHTNESS,
        "too bright": clipped > MAX_CLIPPED * np.count_nonzero(mask),
    }
    return tuple(name for name, value in holds.items() if value)


def _components(brightest: np.ndarray, mask: np.ndarray) -> int:
    lit = (brightest > BLACK_LEVEL) | mask
    least = MIN_COMPONENT * mask.sum()
    return sum(cv2.contourArea(line) >= least for line in contours(lit))
