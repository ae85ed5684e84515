"""Pictures taken through an eyepiece: a bright disc on black, of which the inside is a field."""

from pathlib import Path

import cv2
import numpy as np

from core.cells.detection.tiles import Excerpt, Region
from core.cells.masks import contours, largest_region
from core.data.images import decode_noted

SIDE = 320  # pixels of the longer side at which the disc is looked for
RIM = 60  # brightness, of the brightest channel, that a rim does not reach
GLASS = 130  # in green, that a quarter of the disc reaches: the light of the microscope
LEAST_RADIUS = 0.25  # of the picture's shorter side
ROUND = 0.03  # of the radius, the spread of the disc's edge around a circle
CORNERS = 3  # of the four, that are dark
INSIDE = 0.97  # of the radius, within which light is even


def open_picture(source: Path | bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The pixels of a picture that is to be read, RGB uint8 (H, W, 3), and what was done to it.

    As `core.data.images.decode_noted`, but of a picture taken through an eyepiece only the inside.
    """
    image, notes = decode_noted(source, name)
    inside, said = within_disc(image)
    return inside, notes + said


def within_disc(image: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The square inside the bright disc of an eyepiece, and a sentence on it.

    RGB uint8 (H, W, 3) to RGB uint8 (S, S, 3). A picture without such a disc is returned as it is,
    without a sentence. What lies between the square and the disc's edge is lost: cells there are
    cut by it as by the edge of a picture.
    """
    factor = min(1.0, SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    box = _inside(small, factor, image.shape[:2])
    if box is None:
        return image, ()
    x, y, width, height = box
    return np.ascontiguousarray(image[y : y + height, x : x + width]), (_say(box),)


def part_within_disc(image: Region) -> Region:
    """As `within_disc` of a large image: the square as a `Excerpt`, or the image as it is."""
    height, width = image.shape
    step = max(1, max(height, width) // SIDE)
    rows = []
    for y in range(0, height - step + 1, step):
        strip = image.read(0, y, width, step)
        rows.append(cv2.resize(strip, (width // step, 1), interpolation=cv2.INTER_AREA))
    box = _inside(np.vstack(rows), 1 / step, (height, width))
    return image if box is None else Excerpt(image, box, (_say(box),))


def _say(box: tuple[int, int, int, int]) -> str:
    left, top, width, height = box
    return (
        f"Taken through an eyepiece: read within its bright disc, the {width} x {height} pixels "
        f"from ({left}, {top}) on."
    )


def _inside(
    small: np.ndarray, factor: float, shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    """x, y, width and height of the square in a disc, in an image of which `small` is made."""
    found = _disc(small)
    if found is None:
        return None
    x, y, radius = (value / factor for value in found)
    half = radius * INSIDE / np.sqrt(2)
    left, top = max(0, round(x - half)), max(0, round(y - half))
    right, low = min(shape[1], round(x + half)), min(shape[0], round(y + half))
    return left, top, right - left, low - top


def _disc(small: np.ndarray) -> tuple[float, float, float] | None:
    """Middle x, y and radius of the disc, in pixels; None if there is none."""
    corners = small[[0, 0, -1, -1], [0, -1, 0, -1]].max(axis=1)
    if (corners <= RIM).sum() < CORNERS:
        return None
    lit = small.max(axis=2) > RIM
    disc = largest_region(lit)
    if not disc.any() or np.percentile(small[:, :, 1][disc], 75) < GLASS:
        return None
    edge = max(contours(disc), key=len).reshape(-1, 2).astype(float)
    last = np.array(small.shape[1::-1]) - 2
    edge = edge[((edge > 1) & (edge < last)).all(axis=1)]  # not where the picture ends
    if len(edge) < SIDE / 4:
        return None
    x, y, radius = _circle(edge)
    spread = np.hypot(*(edge - (x, y)).T).std()
    height, width = small.shape[:2]
    if spread > ROUND * radius or not LEAST_RADIUS * min(height, width) <= radius:
        return None
    # Nearly straight, an edge is on a circle around a place outside.
    return (x, y, radius) if 0 <= x < width and 0 <= y < height else None


def _circle(points: np.ndarray) -> tuple[float, float, float]:
    """The circle through points (N, 2) by least squares (Kåsa 1976): x, y and radius."""
    design = np.column_stack((2 * points, np.ones(len(points))))
    (x, y, rest), *_ = np.linalg.lstsq(design, (points**2).sum(axis=1), rcond=None)
    return float(x), float(y), float(np.sqrt(max(0.0, rest + x**2 + y**2)))
