"""Measures of a segmented cell: size, shape, nucleus, colour, chromatin and focus."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.masks import contours, depth, diameter, solidity
from core.cells.nucleus import cell_box, find_parts

FAINTEST = 0.0015  # of the brightness: detail below it is rounding, not focus


@dataclass(frozen=True)
class Morphology:
    """The measures of one cell, in pixels of its image: compare images of one scale only."""

    area_px: int
    diameter_px: float  # of the disc of equal area
    roundness: float  # 4πA/P², 0 to 1: 1 is a disc, a square 0.79
    solidity: float  # area over area of the convex hull, 0 to 1
    elongation: float  # 1 - minor / major axis of the ellipse of equal moments, 0 to below 1
    nucleus_share: float | None  # of the cell's area, 0 to 1; None if no cytoplasm is visible
    nucleus_cytoplasm_ratio: float | None  # area of nucleus over area of cytoplasm
    fragment_share: float  # of the mask's area, 0 to 1: something reddish attached to the cell
    red: float  # means over the cell, 0 to 255
    green: float
    blue: float
    brightness: float  # mean of the brightest channel, 0 to 255 (HSV value)
    saturation: float  # mean of 1 - darkest / brightest channel, 0 to 1 (HSV saturation)
    density: float  # mean optical density in green of the nucleus (or cell), 0 to 2.4
    texture: float  # SD of that density between 2 and 6 pixels: how coarse the chromatin is
    focus: float | None  # detail of 1 to 2 over 2 to 4 pixels; about 0.5 sharp, below 0.38 blurred


def measure(image: np.ndarray, mask: np.ndarray) -> Morphology:
    """Measures one cell, RGB uint8 (H, W, 3) and bool (H, W); the background has no influence.

    Size and shape are of the whole mask, an attached fragment included; everything else is of the
    cell without it. `density` is -log10(green / 255); it and `texture` (SD of a difference of
    Gaussians) are measured in the nucleus if it is visible, else in the cell, away from the rim.
    `focus` is the SD of one octave of detail over that of the next coarser one (after the no-
    reference measures that compare an image with its own blur, Crété-Roffet 2007): strength of
    stain cancels out. None for a cell too small to have an inside, about 26 pixels.

    Raises `DataError` for an empty mask or one of another size than the image.
    """
    box = cell_box(image, mask)
    image, mask = image[box], mask[box]
    area, across = int(np.count_nonzero(mask)), diameter(mask)
    lines = contours(mask)
    convexity = solidity(mask, lines)
    parts = find_parts(image, mask, convexity)
    own, nucleus = parts.own, parts.nucleus
    share = float(np.count_nonzero(nucleus) / np.count_nonzero(own)) if nucleus.any() else None

    red, green, blue = (float(mean) for mean in cv2.mean(image, own.view(np.uint8))[:3])
    hsv = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), own.view(np.uint8))
    inside = (depth(nucleus) if share else parts.depth) > across / 30
    inside = inside if inside.any() else own
    optical = (-np.log10(np.maximum(np.arange(256), 1) / 255)).astype(np.float32)
    optical = cv2.LUT(cv2.extractChannel(image, 1), optical)
    return Morphology(
        area_px=area,
        diameter_px=across,
        roundness=min(1.0, 4 * np.pi * area / _perimeter(lines) ** 2),
        solidity=convexity,
        elongation=_elongation(mask),
        nucleus_share=share,
        nucleus_cytoplasm_ratio=share / (1 - share) if share else None,
        fragment_share=float(np.count_nonzero(parts.fragment) / area),
        red=red,
        green=green,
        blue=blue,
        brightness=float(hsv[2]),
        saturation=float(hsv[1] / 255),
        density=float(optical[inside].mean()),
        texture=_band(_extended(optical, own), inside, 2, 6),
        focus=_focus(image, own, parts.depth),
    )


def _focus(image: np.ndarray, cell: np.ndarray, cell_depth: np.ndarray) -> float | None:
    inside = cell_depth > 12  # three sigmas of the widest blur keep the rim out
    if not inside.any():
        return None
    grey = cv2.transform(image.astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
    grey = _extended(grey, cell)
    floor = FAINTEST * max(1.0, float(grey.mean()))
    blurred = [cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (1, 2, 4)]
    return _spread(blurred[0] - blurred[1], inside) / (
        _spread(blurred[1] - blurred[2], inside) + floor
    )


def _extended(values: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Values with the cell's mean around the cell, so that no blur brings the background in."""
    mean = cv2.mean(values, cell.view(np.uint8))[0]
    return np.asarray(cv2.copyTo(values, cell.view(np.uint8), np.full_like(values, mean)))


def _band(values: np.ndarray, where: np.ndarray, fine: float, coarse: float) -> float:
    """SD over `where` of the detail between two Gaussian blurs of these sigmas, in pixels."""
    detail = cv2.GaussianBlur(values, (0, 0), fine) - cv2.GaussianBlur(values, (0, 0), coarse)
    return _spread(detail, where)


def _spread(values: np.ndarray, where: np.ndarray) -> float:
    return float(cv2.meanStdDev(values, mask=where.view(np.uint8))[1].item())


def _perimeter(lines: Sequence[np.ndarray]) -> float:
    """After Vossepoel and Smeulders (1982): steps and corners of the chain code, unbiased for lines
    at any angle; π is added for the way from the middles of the outermost pixels to their edges.
    """
    line = max(lines, key=len)[:, 0]
    steps = np.diff(line, axis=0, append=line[:1])
    lengths = np.abs(steps).sum(axis=1)
    corners = (steps != np.roll(steps, 1, axis=0)).any(axis=1).sum()
    straight, diagonal = (lengths == 1).sum(), (lengths == 2).sum()
    return float(0.980 * straight + 1.406 * diagonal - 0.091 * corners + np.pi)


def _elongation(mask: np.ndarray) -> float:
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    mass = moments["m00"]
    # A pixel is a square, not a point: 1/12 is its own moment.
    across, down = moments["mu20"] / mass + 1 / 12, moments["mu02"] / mass + 1 / 12
    middle, apart = (across + down) / 2, np.hypot((across - down) / 2, moments["mu11"] / mass)
    return float(1 - np.sqrt(max(0.0, middle - apart) / (middle + apart)))
