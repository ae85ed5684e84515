"""Masks and outlines of cells, and the mask of a cell that lies on black, as C-NMC's cells do."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

# JPEG and WebP leave faint noise where the background was black.
BLACK_LEVEL = 16
RIM = 5  # pixels across, around each: there a cell cut out without loss may be nearly black, too
WHITE = (255, 255, 255)
LEAST_SPECK, LEAST_HOLE = 0.02, 0.01  # of a cell's area: smaller ones are noise

Colour = tuple[int, int, int]


def cell_mask(image: np.ndarray) -> np.ndarray:
    """The largest connected region that is not black, holes filled.

    RGB uint8 (H, W, 3) to bool (H, W); all False for a black image.
    """
    return largest_region(lit_mask(image))


def lit_mask(image: np.ndarray, above: int = BLACK_LEVEL) -> np.ndarray:
    """The pixels with a channel over a level, bool (H, W), of RGB uint8 (H, W, 3): not black."""
    return np.asarray(cv2.inRange(image, (0,) * 3, (above,) * 3) == 0)


def strongest_channel(image: np.ndarray) -> np.ndarray:
    """The greatest value of each pixel, uint8 (H, W), of RGB uint8 (H, W, 3)."""
    red, green, blue = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def without_noise(image: np.ndarray) -> np.ndarray:
    """The image, RGB uint8 (H, W, 3), with what is nearly black around its cell made black.

    The image itself where nothing is but at the cell's own rim, as in one stored without loss.
    """
    lit = lit_mask(image)
    faint = (cv2.inRange(image, (0,) * 3, (0,) * 3) == 0) & ~lit
    at_rim = cv2.dilate(lit.view(np.uint8), np.ones((RIM, RIM), np.uint8)).view(bool)
    if not (faint & ~at_rim).any():
        return image
    result = image.copy()
    result[faint & ~largest_region(lit)] = 0
    return result


def largest_region(lit: np.ndarray) -> np.ndarray:
    """The largest connected region of a bool mask (H, W), holes filled."""
    mask = np.zeros(lit.shape, np.uint8)
    x, y, w, h = bounding_box(lit)
    if not w:
        return mask.view(bool)
    box = slice(y, y + h), slice(x, x + w)  # most of a picture is black, and need not be searched
    lit = lit[box]
    count, labels = cv2.connectedComponents(lit.view(np.uint8))
    if count > 2:
        lit = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    cv2.drawContours(mask[box], contours(lit), -1, color=1, thickness=cv2.FILLED)
    return mask.view(bool)


def bounding_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(x, y, w, h) in pixels of a bool mask (H, W) that is not empty."""
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    return int(x), int(y), int(w), int(h)


def contours(
    mask: np.ndarray, corner: tuple[int, int] = (0, 0), *, corners_only: bool = False
) -> Sequence[np.ndarray]:
    """The outer outlines of a bool or uint8 mask (H, W), one a region: int32 (N, 1, 2), x and y.

    `corner` is added to each point. `corners_only` leaves out points on straight lines.
    """
    way = cv2.CHAIN_APPROX_SIMPLE if corners_only else cv2.CHAIN_APPROX_NONE
    lines: Sequence[np.ndarray] = cv2.findContours(
        mask.view(np.uint8), cv2.RETR_EXTERNAL, way, offset=corner
    )[0]
    return lines


def outline(
    image: np.ndarray, mask: np.ndarray, colour: Colour = WHITE, width: int = 1
) -> np.ndarray:
    """A copy of an image, RGB uint8 (H, W, 3), with the edge of a mask (H, W) drawn on it."""
    result = image.copy()
    draw_lines(result, contours(mask), colour, width)
    return result


def draw_lines(image: np.ndarray, lines: Sequence[np.ndarray], colour: Colour, width: int) -> None:
    """Draws closed lines, int32 (N, 1, 2) or (N, 2) each, into an image, RGB uint8 (H, W, 3)."""
    cv2.drawContours(image, lines, -1, colour, width, cv2.LINE_AA)


def fill(lines: Iterable[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """The inside of closed lines, float (N, 2) each: bool (H, W), the lines included."""
    mask = np.zeros(shape, np.uint8)
    for line in lines:
        cv2.fillPoly(mask, [np.round(line).astype(np.int32)], 1)
    return mask.view(bool)


def disc(radius: float) -> np.ndarray:
    """A disc for morphological operations, uint8 (D, D); its radius is 1 pixel at least."""
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))


def tidy(part: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """A part of a cell, bool (H, W), without specks under 2 % and holes under 1 % of its area."""
    result, area = part.astype(np.uint8), np.count_nonzero(cell)
    for value, least in ((1, LEAST_SPECK), (0, LEAST_HOLE)):
        labels, areas = regions((result == value).view(np.uint8))
        small = areas < least * area
        small[0] = False  # the rest, which may be small
        if small.any():
            result[small[labels]] = 1 - value
    return np.asarray(result.view(bool) & cell)


def regions(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The connected regions of a uint8 mask (H, W): the number of each pixel's, and their areas.

    Region 0 is the background.
    """
    count, labels = cv2.connectedComponents(mask)
    if count > 2:
        return labels, np.bincount(labels.ravel())
    area = np.count_nonzero(mask)
    return labels, np.array([mask.size - area, area])


def diameter(mask: np.ndarray) -> float:
    """The diameter in pixels of the disc that has the area of a bool mask (H, W)."""
    return float(np.sqrt(4 * np.count_nonzero(mask) / np.pi))


def depth(mask: np.ndarray) -> np.ndarray:
    """How far inside a bool mask (H, W) each pixel lies, in pixels: float32 (H, W).

    Where the mask reaches the edge of the array, the edge counts as its rim.
    """
    rimmed = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(rimmed, cv2.DIST_L2, 3)[1:-1, 1:-1])


def solidity(mask: np.ndarray, lines: Sequence[np.ndarray] = ()) -> float:
    """The area of a mask (H, W) over that of its convex hull, 0 to 1.

    `lines`: its `contours`, if they are already known.
    """
    hull = cv2.convexHull(np.vstack(lines or contours(mask)))
    filled = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), hull, 1)
    return float(np.count_nonzero(mask) / np.count_nonzero(filled))
