"""How an image becomes the square input of a classifier. Images are RGB uint8 (H, W, 3)."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Geometry:
    """How a cell image becomes a classifier's input.

    `window`: side in pixels of the square cut from (or padded in black to) the image centre, so
    that scale is kept: C-NMC's 450x450 and 600x600 images show cells at the same scale. 448 of them
    are twice 224, so that each pixel is the mean of four whole ones, at a tenth of the time.
    `size`: side in pixels that the window is then resized to, by area averaging.
    """

    window: int = 448
    size: int = 224


def window(image: np.ndarray, side: int) -> np.ndarray:
    """Cuts or pads (in black) the centre square of `side` pixels; scale is kept.

    RGB uint8 (H, W, 3) to (side, side, 3); a view if nothing is padded.
    """
    top, left = ((length - side) // 2 for length in image.shape[:2])
    if min(top, left) >= 0:
        return image[top : top + side, left : left + side]
    result = np.zeros((side, side, 3), np.uint8)
    source, target = [], []
    for length in image.shape[:2]:
        extent = min(length, side)
        source.append(slice((length - extent) // 2, (length - extent) // 2 + extent))
        target.append(slice((side - extent) // 2, (side - extent) // 2 + extent))
    result[target[0], target[1]] = image[source[0], source[1]]
    return result


def letterbox(image: np.ndarray, side: int) -> np.ndarray:
    """The whole image in a square of `side` pixels, its longer side resized to it, the rest black.

    RGB uint8 (H, W, 3) to (side, side, 3).
    """
    factor = side / max(image.shape[:2])
    size = [max(1, round(length * factor)) for length in image.shape[1::-1]]
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return window(cv2.resize(image, size, interpolation=way), side)


def fit(image: np.ndarray, geometry: Geometry) -> np.ndarray:
    """A classifier's input: the centre window, resized by area. RGB uint8 (size, size, 3)."""
    cut = window(image, geometry.window)
    if geometry.size == geometry.window:
        return cut
    resized: np.ndarray = cv2.resize(
        cut, (geometry.size, geometry.size), interpolation=cv2.INTER_AREA
    )
    return resized
