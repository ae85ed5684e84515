"""A cell on a background of one colour, as tools export masks: white, grey or any other."""

import cv2
import numpy as np

from core.cells.masks import BLACK_LEVEL, largest_region
from core.reading.checked_picture import BORDER_DEPTH, CheckedPicture
from core.reading.prepared import Prepared

# A background that was filled has one value, but for a JPEG's noise around the cell; glass has the
# noise of a camera. Of 328 pictures of smears two were as flat, crops of 120 pixels on blown-out
# glass.
LEAST_SIDE = 180  # pixels
FLAT = 2  # levels around the colour
MIN_ON_BORDER = 0.4  # of the picture's border, as of a black one
MIN_FLAT = 0.999  # of the background
AROUND = 25  # pixels across: so far does the noise around a cell reach
MAX_OTHERS = 0.1  # further regions, as a share of the cell: more is a field
RIM = 5  # pixels: two on either side of an edge hold both colours
SOFT = 0.25  # of those pixels are mixed, where an edge was smoothed


def take_away(picture: CheckedPicture) -> bool:
    """Makes a background of one colour black; returns whether the picture has one.

    Of the pixels at the edge of the cell, those that are nearer to the background's colour than to
    the cell's go with it.
    """
    image = picture.image
    colour = _colour_of_border(image)
    if colour is None:
        return False
    lit = _beyond(image, colour, BLACK_LEVEL)
    mask = largest_region(lit)
    others = np.count_nonzero(lit & ~mask)
    if not mask.any() or others > MAX_OTHERS * np.count_nonzero(mask):
        return False
    near = cv2.dilate((lit | mask).view(np.uint8), np.ones((AROUND, AROUND), np.uint8))
    background = near == 0
    flat = background & ~_beyond(image, colour, FLAT)
    if np.count_nonzero(flat) < MIN_FLAT * np.count_nonzero(background):
        return False
    kept = (mask | lit) & ~_mixed(image, mask, colour)
    black = image * kept[:, :, None].astype(np.uint8)
    words = (f"Its background of one colour, RGB {tuple(map(int, colour))}, was made black.",)
    picture.use(black, Prepared(image, mask & kept, words, size_known=True), black)
    return True


def _colour_of_border(image: np.ndarray) -> np.ndarray | None:
    """The colour that the border has, float (3,); None if it has no single one."""
    if min(image.shape[:2]) < LEAST_SIDE:
        return None
    depth = round(min(image.shape[:2]) * BORDER_DEPTH)
    sides = image[:depth], image[-depth:], image[:, :depth], image[:, -depth:]
    border = np.concatenate([side.reshape(-1, 3) for side in sides])
    colour = np.median(border, axis=0)
    near = np.abs(border - colour).max(axis=1) <= FLAT
    return colour if near.mean() >= MIN_ON_BORDER else None


def _beyond(image: np.ndarray, colour: np.ndarray, levels: int) -> np.ndarray:
    """The pixels further from a colour than so many levels in a channel, bool (H, W)."""
    low, high = (tuple(np.clip(colour + by, 0, 255).tolist()) for by in (-levels, levels))
    return np.asarray(cv2.inRange(image, low, high) == 0)


def _mixed(image: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The pixels at the rim of the mask that are more background than cell, bool (H, W).

    None where the edge is hard: there pale pixels are the cell's own.
    """
    inside = cv2.erode(mask.view(np.uint8), np.ones((RIM, RIM), np.uint8), borderValue=1).view(bool)
    rim = mask & ~inside
    mixed = np.zeros_like(mask)
    if inside.any() and rim.any():
        pixels = image[rim].astype(np.float32)
        cell = np.median(image[inside], axis=0)
        nearer = np.linalg.norm(pixels - colour, axis=1) < np.linalg.norm(pixels - cell, axis=1)
        mixed[rim] = nearer & (nearer.mean() >= SOFT)
    return mixed
