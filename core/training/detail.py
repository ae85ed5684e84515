"""Detail that is lost before a picture reaches a reader: by optics, by resizing, by JPEG.

A cell that is stored with loss shows less of its chromatin, which a network that has never seen
such a cell takes for that of a blast. So some training cells lose detail as stored pictures do.
"""

import cv2
import numpy as np

from core.cells.masks import lit_mask
from core.data.images import as_jpeg

MARGIN = 2  # black pixels around the cell, which a JPEG mixes into its rim


def lose(image: np.ndarray, side: int, quality: int, blur: float = 0.0) -> np.ndarray:
    """Returns an image, RGB uint8 (S, S, 3), as it is after it was stored with loss.

    Takes away from each pixel what is lost of it where the image is drawn `side` pixels wide,
    blurred by a standard deviation of `blur` of these pixels and stored as a JPEG of `quality`
    (1 to 100). Of cells of 450 pixels that are resized to 104 it takes what a JPEG file of them
    does. Black stays black, and what was not black stays so: the outline is that of the image.
    """
    lit = lit_mask(image, above=0)
    left, top, across, down = cv2.boundingRect(lit.view(np.uint8))
    if not across:
        return image.copy()
    rows = slice(max(top - MARGIN, 0), top + down + MARGIN)
    columns = slice(max(left - MARGIN, 0), left + across + MARGIN)
    box, inside = image[rows, columns], lit[rows, columns]
    height, width = inside.shape
    factor = side / image.shape[0]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    drawn = cv2.resize(box, size, interpolation=cv2.INTER_NEAREST)
    stored = as_jpeg(cv2.GaussianBlur(drawn, (0, 0), blur) if blur else drawn, quality)
    # Of both alike, so that drawing it larger and smaller again changes nothing.
    before, after = (
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.int16)
        for picture in (drawn, stored)
    )
    result = np.zeros_like(image)
    result[rows, columns] = np.clip(box + (after - before), 1, 255) * inside[..., None]
    return result
