"""Light and stain of a smear field: what the glass lets through, and what dye absorbs of it.

All other modules work on optical density relative to the glass, so that lamp, exposure and white
balance cancel out.
"""

import cv2
import numpy as np

GLASS_SHARE = 0.04  # of the pixels: a smaller bright peak is a label or a glint
CLEAR, TRIM = 0.15, 0.06  # limits of glass: density at first, then distance from the surface
LEAST_GLASS = 0.12  # of the pixels, for a surface to be trusted
BAND = 64  # rows computed at a time: they stay in the processor's cache
FITS, FADES = 4, 0.5  # iterations; largest density that is taken off
# Eosin, the dye of red cells, absorbs green and blue; azure, that of nuclei, green and red. In
# purple a nucleus has 0.3 to 3, a red cell below 0.2 (median 0.4 in the strongest stains seen).
PURPLE = np.array([[-0.3, 1.0, -0.7]], np.float32)


def glass(image: np.ndarray) -> np.ndarray:
    """The colour of the empty glass, float32 (3,), of RGB uint8 (H, W, 3).

    The brightest peak of green, which all dyes and haemoglobin absorb, that holds a share of the
    field; red and blue are taken at its pixels.
    """
    sample = image[::2, ::2] if min(image.shape[:2]) >= 200 else image
    green = sample[:, :, 1]
    counts = np.bincount(green.ravel(), minlength=256).astype(np.float64)
    counts = np.convolve(counts, np.ones(7) / 7, "same")
    above = np.cumsum(counts[::-1])[::-1] / counts.sum()
    peak = int(np.argmax(counts))
    for value in range(255, 20, -1):
        near = counts[max(0, value - 6) : value + 7]
        if above[value] > GLASS_SHARE and counts[value] >= near.max():
            peak = value
            break
    pixels = sample[np.abs(green.astype(np.int16) - peak) <= 8]
    return np.asarray(np.maximum(np.median(pixels, axis=0), 1).astype(np.float32))


def density(image: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Optical density, natural logarithm, float32 (H, W, 3), of RGB uint8 in `light` (3,)."""
    values = np.maximum(np.arange(256, dtype=np.float32), 1)[:, None]
    table = -np.log(values / light[None, :].astype(np.float32))
    return np.asarray(cv2.LUT(image, np.ascontiguousarray(table[None], np.float32)))


def purple(dense: np.ndarray) -> np.ndarray:
    """How much more green than red and blue is absorbed: float32 (H, W) of density (H, W, 3)."""
    return np.asarray(cv2.transform(dense, PURPLE))


def flatten(dense: np.ndarray) -> np.ndarray:
    """Density (H, W, 3) without the fading of the lamp towards the edges: float32, same shape.

    Subtracts a quadratic surface per channel through the glass, fitted after trimming what is
    darker than the surface so far. If there is too little glass, returns the density unchanged.
    """
    height, width = dense.shape[:2]
    stride = max(1, min(height, width) // 36)
    sample = dense[stride // 2 :: stride, stride // 2 :: stride]
    rows, columns = np.mgrid[: sample.shape[0], : sample.shape[1]]
    across = 2 * (columns * stride + stride // 2) / width - 1
    down = 2 * (rows * stride + stride // 2) / height - 1
    terms = _terms(across, down).reshape(-1, 6)
    values = sample.reshape(-1, 3)
    glass = np.abs(values).max(axis=1) < CLEAR
    surface = np.zeros((6, 3))
    for _ in range(FITS):
        if glass.sum() < LEAST_GLASS * len(values):
            return dense
        seen = terms[glass]
        # The normal equations: six unknowns are not worth the threads of a full solver.
        system = np.einsum("ni,nj->ij", seen, seen) + 1e-6 * np.eye(6)
        surface = np.linalg.solve(system, np.einsum("ni,nj->ij", seen, values[glass]))
        off = values - np.einsum("ni,ij->nj", terms, surface)
        glass = (off > -2 * TRIM).all(axis=1) & (off < TRIM).all(axis=1)
    # Products of two short tables: a grid of all pixels would cost more than the rest.
    x, y = (np.linspace(-1, 1, length, dtype=np.float32) for length in (width, height))
    flat = np.empty_like(dense)
    for top in range(0, height, BAND):
        rows = slice(top, top + BAND)
        for channel, plane in enumerate(cv2.split(dense[rows])):
            lamp = _lamp(surface[:, channel].astype(np.float32), x[None, :], y[rows, None])
            flat[rows, :, channel] = plane - np.clip(lamp, -FADES, FADES)
    return flat


def _lamp(surface: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    level, dx, dy, dxx, dxy, dyy = surface
    return np.asarray((dx * x + dxx * x * x) + (level + dy * y + dyy * y * y) + (dxy * y) * x)


def _terms(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=-1)
