"""Small pictures of files, to be shown beside what is said of them; None of a file that is none."""

from base64 import b64encode

import numpy as np

from core.cells.detection.setting import resized
from core.cells.masks import bounding_box, lit_mask
from core.data import images
from core.data.geometry import Geometry, fit, letterbox
from core.errors import UploadError

PREVIEW, IN_ROW = 480, 96  # pixels of the longer side
_TILE = Geometry(size=180)
_FILLED = 0.5  # share of the border that is not black in a picture that is no cell on black


def preview(data: bytes, name: str) -> bytes | None:
    """A PNG of a picture as it came."""
    try:
        image = images.decode(data, name=name)
    except UploadError:
        return None
    return images.encode(resized(image, min(1, PREVIEW / max(image.shape[:2]))))


def tile(image: np.ndarray) -> bytes:
    """A square PNG: a cell on black at its scale, any other picture as a whole.

    RGB uint8 (H, W, 3).
    """
    lit = lit_mask(image)
    border = np.concatenate([lit[0], lit[-1], lit[:, 0], lit[:, -1]])
    whole = border.mean() > _FILLED
    return images.encode(letterbox(image, _TILE.size) if whole else fit(image, _TILE))


def in_row(data: bytes) -> str | None:
    """A JPEG of what a picture shows, without black around it, as a data URL for a table."""
    try:
        image = images.decode(data)
    except UploadError:
        return None
    lit = lit_mask(image)
    if lit.any():
        x, y, width, height = bounding_box(lit)
        image = image[y : y + height, x : x + width]
    small = images.encode(resized(image, IN_ROW / max(image.shape[:2])), "JPEG")
    return f"data:image/jpeg;base64,{b64encode(small).decode()}"
