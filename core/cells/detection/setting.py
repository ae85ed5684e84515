"""What the whole of a field shares: its light, its stain and its scale."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.cells.detection import nuclei, red_cells, stain
from core.cells.detection.red_cells import Ruler

WORK = 32  # pixels of a red cell at the scale at which cells are looked for
FINE = 400  # pixels of the shorter side: from there on light and ruler are read at half size
NUCLEUS_PER_RED_CELL = 1.3  # diameters, used if there are no red cells to measure
SURE = 8  # arcs: so many are trusted even if red cells lie on one another
PLATELET = 0.36  # of a red cell's diameter: nuclei are larger, platelets smaller
WIDE = 0.5  # of a field's shorter side: no red cell takes so much of it
TOO_LARGE = 3.2  # red cell diameters: nuclei are smaller
MANY = 0.1  # of a field: so much that is stained and no nucleus, red cells or not, has their hue


@dataclass(frozen=True)
class Setting:
    """Light, stain and scale of a field, which its tiles share."""

    light: np.ndarray  # the glass's colour, float32 (3,)
    level: float  # purple of a nucleus, at least
    ruler: Ruler
    red_cell: float  # the diameter to use: the ruler's, or an estimate from the nuclei
    hue: float | None  # purple over green of the red cells, None if there are too few


def read_setting(image: np.ndarray, um_per_px: float | None = None) -> Setting:
    """Measures light, stain and scale of a field, RGB uint8 (H, W, 3)."""
    factor = 0.5 if min(image.shape[:2]) >= FINE else 1.0
    small = resized(image, factor)
    light = stain.glass(small)
    dense = stain.flatten(stain.density(cv2.GaussianBlur(small, (0, 0), 0.8), light))
    purple = stain.purple(dense)
    level = nuclei.level(purple, dense[:, :, 1])
    ruler, guess = _ruler(dense, purple, level)
    if ruler.diameter is not None:
        ruler = replace(ruler, diameter=ruler.diameter / factor)
    red_cell = red_cells.RED_CELL_UM / um_per_px if um_per_px is not None else ruler.diameter
    red_cell = guess / factor if red_cell is None else red_cell
    pale = (dense[:, :, 1] > nuclei.STAINED) & (purple <= level)
    seen = pale.any() if ruler.diameter is not None else pale.mean() > MANY
    hue = float(np.median(purple[pale] / dense[:, :, 1][pale])) if seen else None
    return Setting(light, level, ruler, max(red_cell, 6.0), hue)


def _ruler(dense: np.ndarray, purple: np.ndarray, level: float) -> tuple[Ruler, float]:
    """The ruler, and the diameter in pixels to use if the red cells give none."""
    ruler = red_cells.measure(dense, purple, level)
    nuclear = (purple > level).astype(np.uint8)
    areas = cv2.connectedComponentsWithStats(nuclear)[2][1:]
    thickest = 2 * float(cv2.distanceTransform(nuclear, cv2.DIST_L2, 5).max())
    largest = float(np.sqrt(4 / np.pi * areas[:, cv2.CC_STAT_AREA].max(initial=0)))
    stained = red_cells.thickest(dense, purple, level)
    if ruler.diameter is not None and (
        TOO_LARGE * ruler.diameter < thickest
        or (ruler.arcs < SURE and ruler.diameter < PLATELET * stained)
    ):
        ruler = replace(ruler, diameter=None)  # the arcs were of something smaller
    if 0 < largest < PLATELET * stained < PLATELET * WIDE * min(purple.shape):
        return ruler, stained  # there is no nucleus: the largest region is a platelet
    return ruler, largest / NUCLEUS_PER_RED_CELL if largest > 0 else float(WORK)


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    """The image, RGB uint8 (H, W, 3), at `factor` times its size."""
    if factor == 1:
        return image
    size = tuple(max(1, round(length * factor)) for length in image.shape[1::-1])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=way))
