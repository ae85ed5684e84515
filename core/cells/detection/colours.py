"""Learns the colours of a field's own white cells from inside and outside of the first outlines.

Weights that hold for many stains fit none of them well. The first outlines are mostly right, so
that the colours within and around them separate this field's cytoplasm from red cells and glass.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from core.cells.detection.stain import BAND, density

BINS = 16  # of each channel's density
DENSEST = 1.2  # density, natural logarithm, in the middle of the last bin
WIDTH = 1.0  # bins over which counts are smoothed
DOUBT = 8.0  # pixels of either kind that each colour is assumed to have beforehand
STRONGEST = 3.0  # log-odds of a colour
AROUND = 1.5  # red cell diameters around the cells within which colours count
TRUST, KEPT = 1.5, 0.4  # weights of the field's own colours and of the log-odds so far
SMOOTHING = 1.2 / 32  # of a red cell's diameter


def relearned(
    log_odds: np.ndarray, dense: np.ndarray, inside: np.ndarray, red_cell: float
) -> np.ndarray:
    """Log-odds of being part of a white cell, float32 (H, W), with the field's own colours.

    Takes the log-odds so far, density float32 (H, W, 3), the cells found with them, bool (H, W),
    and a red cell's diameter in pixels. Without a cell, or without surroundings, returns them.
    """
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    outside = (away > 0) & (away < AROUND * red_cell)
    if not inside.any() or not outside.any():
        return log_odds
    smooth = cv2.GaussianBlur(dense, (0, 0), SMOOTHING * red_cell)
    own = log_ratio(codes(smooth), inside, outside)
    return np.asarray(np.float32(KEPT) * log_odds + np.float32(TRUST) * own)


def codes(dense: np.ndarray) -> np.ndarray:
    """The bin of each pixel's colour, uint16 (H, W), of density float32 (H, W, 3)."""
    result = np.empty(dense.shape[:2], np.uint16)
    for top in range(0, len(dense), BAND):
        rows = slice(top, top + BAND)
        result[rows] = _joined([_bins(plane) for plane in cv2.split(dense[rows])])
    return result


def codes_of(image: np.ndarray, light: np.ndarray) -> np.ndarray:
    """As `codes`, of RGB uint8 (H, W, 3) in `light` (3,), without correction of the lamp."""
    table = _bins(density(np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2), light))
    return _joined(cv2.split(cv2.LUT(image, table)))


def _bins(dense: np.ndarray) -> np.ndarray:
    # The root spreads pale colours, glass and cytoplasm, over more bins.
    bins = np.sqrt(np.maximum(dense + 0.02, 0)) * np.float32(BINS / DENSEST**0.5)
    return np.asarray(np.minimum(bins, BINS - 1).astype(np.uint8))


def _joined(bins: Sequence[np.ndarray]) -> np.ndarray:
    red, green, blue = (plane.astype(np.uint16) for plane in bins)
    return (red * BINS + green) * BINS + blue


def log_ratio(code: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """How much likelier each pixel's colour is inside than outside: log-odds, float32 (H, W).

    Takes `codes` and two samples, bool (H, W), neither of them empty.
    """
    doubt = DOUBT / int(inside.sum())
    ratio = np.log((_shares(code[inside]) + doubt) / (_shares(code[outside]) + doubt))
    return np.asarray(np.clip(ratio, -STRONGEST, STRONGEST).astype(np.float32)[code])


def _shares(codes: np.ndarray) -> np.ndarray:
    """The share of the pixels (N,) in each bin, float (BINS ** 3,), smoothed along all channels."""
    counts = np.bincount(codes, minlength=BINS**3).astype(np.float64).reshape((BINS,) * 3)
    steps = np.arange(BINS)
    kernel = np.exp(-0.5 * ((steps[:, None] - steps) / WIDTH) ** 2)
    kernel /= kernel.sum(axis=0)
    for _ in range(3):  # each turn smooths the first axis and makes it the last
        counts = np.tensordot(counts, kernel, axes=(0, 1))
    return np.asarray(counts.ravel() / counts.sum())
