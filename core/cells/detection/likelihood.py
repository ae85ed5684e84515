"""How likely each pixel is part of a white cell: log-odds from colour, relative to its field.

Colours are compared with the field's glass, its nuclei and its red cells, so that the same rule
holds for other stains. The weights are those of a logistic regression, fitted to pixels of every
second image of three sets of leukocytes (peripheral blood, three stains and magnifications): two
with outlines drawn by hand, one with boxes, where the ellipse in a box is taken for the cell and
everything outside of boxes for the rest. They are rounded; the bias was chosen on the same images.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.detection.stain import BAND, purple

# The density of red cells if the field has none to compare with: weak eosin.
EOSIN = np.array([0.08, 0.25, 0.22], np.float32)
ALL = np.ones((1, 3), np.float32)
FAINT = 0.15  # density, sum of the channels: below it colour is noise
WEIGHTS: dict[str, float] = {
    "dense": 12.6,
    "purple": -10.2,
    "red_share": 24.4,
    "red_share_over_red_cells": 10.9,
    "purple_over_red_cells": 8.9,
    "like_red_cells": -5.4,
    "unlike_red_cells": 2.0,
    "red": -6.9,
    "red_to_red_cells": -2.8,
    "blue_to_red_cells": 1.6,
    "purple_around": 3.1,
    "nuclear_around": 5.2,
    "distance": -1.7,
    "beside": -2.5,
}
BIAS = -3.6


@dataclass(frozen=True)
class StainModel:
    """The colours of a field that its pixels are compared with."""

    red: np.ndarray  # density of its red cells, float32 (3,)
    nuclear: float  # purple of its nuclei


def evidence(dense: np.ndarray, nuclei: np.ndarray, level: float, red_cell: float) -> np.ndarray:
    """Log-odds of being part of a white cell, float32 (H, W).

    Takes density float32 (H, W, 3), nuclei int32 (H, W) as `nuclei.find` finds them with `level`,
    and a red cell's diameter in pixels.
    """
    dense = np.clip(dense, -0.2, 3.5)
    away = cv2.distanceTransform((nuclei == 0).astype(np.uint8), cv2.DIST_L2, 5)
    away /= red_cell
    colour = purple(dense)
    model = _stain_model(dense, colour, nuclei, away, level, red_cell)
    unit = red_cell / 32  # the widths below are for a red cell of 32 pixels
    smooth = cv2.GaussianBlur(dense, (0, 0), 1.5 * unit)
    wide = _blurred(colour, 5 * unit, 4)
    nuclear = _blurred((nuclei > 0).astype(np.float32), 16 * unit, 8)
    total = np.full(colour.shape, BIAS, np.float32)
    for top in range(0, len(total), BAND):
        rows = slice(top, top + BAND)
        planes = dense[rows], smooth[rows], colour[rows], wide[rows], nuclear[rows], away[rows]
        for name, values in _features(*planes, model).items():
            total[rows] += np.float32(WEIGHTS[name]) * values
    return total


def _stain_model(
    dense: np.ndarray,
    colour: np.ndarray,
    nuclei: np.ndarray,
    away: np.ndarray,
    level: float,
    red_cell: float,
) -> StainModel:
    nuclear = nuclei > 0
    strength = float(np.median(colour[nuclear])) if nuclear.any() else 0.3
    total = np.maximum(cv2.transform(dense, ALL), 0)
    stained = (total > FAINT) & (dense[:, :, 1] > 0.05)
    opened = cv2.morphologyEx(stained.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, regions, stats, _ = cv2.connectedComponentsWithStats(opened)
    alone = stats[:, cv2.CC_STAT_AREA] > 0.06 * red_cell**2
    alone[np.unique(regions[nuclear])] = alone[0] = False
    pale, enough = colour < level, max(150, 0.02 * colour.size)
    red = alone[regions] & pale
    if red.sum() <= enough:  # else those that touch white cells, beyond the reach of a nucleus
        largest = np.bincount(nuclei[nuclear]).max(initial=0)
        reach = 0.4 + 0.6 * np.sqrt(4 / np.pi * largest) / red_cell
        red = stained & pale & (away > reach)
    return StainModel(_red_density(dense[red], int(enough)), strength)


def _red_density(pixels: np.ndarray, enough: int) -> np.ndarray:
    """The usual colour of the denser half of pixels (N, 3): float32 (3,)."""
    if len(pixels) <= enough:
        return EOSIN
    totals = pixels.sum(axis=1)
    pixels = pixels[totals >= np.median(totals)]
    shares = pixels / (pixels.sum(axis=1, keepdims=True) + 0.05)
    usual = np.abs(shares - np.median(shares, axis=0)).sum(axis=1) < 0.15
    return pixels[usual].mean(axis=0) if usual.sum() >= 30 else EOSIN


def _features(
    dense: np.ndarray,
    smooth: np.ndarray,
    colour: np.ndarray,
    wide: np.ndarray,
    nuclear: np.ndarray,
    away: np.ndarray,
    model: StainModel,
) -> dict[str, np.ndarray]:
    """Features by the names of their weights, each float32 (H, W).

    Takes density and blurred density, float32 (H, W, 3), and float32 (H, W): purple, purple and
    nuclei blurred widely, and the distance from a nucleus in diameters of a red cell.
    """
    own = model.red
    own_share = own / (own.sum() + FAINT)
    own_purple = float(purple(own_share.reshape(1, 1, 3))[0, 0])
    total = np.maximum(cv2.transform(dense, ALL), 0)
    # Plane by plane: numpy is slow along an axis of three.
    unlike = np.sqrt(sum((p - o) ** 2 for p, o in zip(cv2.split(dense), own, strict=True)))
    red, green, blue = planes = cv2.split(smooth)
    amount = np.maximum(red + green + blue, 0)
    share = 1 / (amount + FAINT)
    off = [plane * share - usual for plane, usual in zip(planes, own_share, strict=True)]
    alike = np.exp(sum(plane * plane for plane in off) / -(0.05**2)) * np.tanh(amount / 0.3)
    return {
        "dense": np.tanh(total),
        "purple": np.tanh(colour / model.nuclear),
        "red_share": off[0] + own_share[0],
        "red_share_over_red_cells": off[0],
        "purple_over_red_cells": colour / (total + FAINT) - own_purple,
        "like_red_cells": alike,
        "unlike_red_cells": np.minimum(unlike / (np.linalg.norm(own) + 0.05), 3),
        "red": np.tanh(red / 0.15),
        "red_to_red_cells": np.minimum(red / (own[0] + 0.03), 4),
        "blue_to_red_cells": np.minimum(blue / (own[2] + 0.03), 4),
        "purple_around": np.minimum(wide / model.nuclear, 1.5),
        "nuclear_around": nuclear,
        "distance": np.minimum(away, 2),
        "beside": np.minimum(away, 0.5),
    }


def _blurred(values: np.ndarray, width: float, step: int) -> np.ndarray:
    """Values blurred widely, float32 (H, W), computed at 1 / `step` of the size."""
    height, across = values.shape
    size = max(1, across // step), max(1, height // step)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), width / step)
    return np.asarray(cv2.resize(small, (across, height), interpolation=cv2.INTER_LINEAR))
