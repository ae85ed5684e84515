"""The field's own ruler: the median diameter of its red cells, from the arcs of their rims."""

from dataclasses import dataclass

import cv2
import numpy as np

from core.cells.masks import contours

RED_CELL_UM = 7.5  # a red cell's diameter on a dried smear
FEWEST = 4  # arcs
SHARPEST_BEND = -0.12  # radians over the step: two cells meet where a rim turns inward
STEP, SMOOTHING = 4, 1.5  # pixels
LEAST_ANGLE = 1.9  # radians of a circle that an arc has to cover
MAX_MISFIT = 0.08  # RMS distance from the circle over its radius
SIMILAR = 0.3  # natural logarithm: sizes of red cells in one field lie within that


@dataclass(frozen=True)
class Ruler:
    """The scale of a field: the diameter of a red cell in pixels, the median of so many arcs.

    The diameter is None if there are too few arcs. bar_px: the length of a scale bar that is drawn
    in the field, in pixels; None without.
    """

    diameter: float | None
    arcs: int
    bar_px: int | None = None

    @property
    def um_per_px(self) -> float | None:
        """Micrometres per pixel; None if the magnification is unknown."""
        return None if self.diameter is None else RED_CELL_UM / self.diameter


def measure(dense: np.ndarray, purple: np.ndarray, nuclear: float) -> Ruler:
    """Measures the red cells of a field: density float32 (H, W, 3), purple (H, W), smoothed.

    Pixels above `nuclear` in purple belong to white cells, whose rims do not count. Rims are split
    where they bend inward, and a circle is fitted to each piece, so that clumps can be measured.
    """
    height, width = purple.shape
    stained = _stained(dense[:, :, 1], purple <= nuclear / 2)
    white = cv2.dilate((purple > nuclear).astype(np.uint8), np.ones((7, 7), np.uint8))
    white[[0, 1, -2, -1]] = white[:, [0, 1, -2, -1]] = 1  # a cut rim is none
    circles = [
        circle
        for outline in contours(stained)
        if len(outline) >= 6 * STEP and len(outline) < 4 * (height + width)
        for circle in _circles(outline[:, 0], white)
    ]
    if len(circles) < FEWEST:
        return Ruler(None, len(circles))
    radii, weights = np.array(sorted(circles)).T
    weights = np.cumsum(radii * weights)
    middle = radii[np.searchsorted(weights, weights[-1] / 2)]
    alike = radii[np.abs(np.log(radii / middle)) < SIMILAR]
    if alike.size < FEWEST:
        return Ruler(None, int(alike.size))
    return Ruler(float(2 * np.median(alike)), int(alike.size))


def thickest(dense: np.ndarray, purple: np.ndarray, nuclear: float) -> float:
    """The diameter in pixels of the largest disc that is stained but no nucleus; 0 without any.

    Input as in `measure`. If red cells lie on one another it is larger than one cell: a measure of
    last resort.
    """
    stained = np.pad(_stained(dense[:, :, 1], purple <= nuclear / 2), 1)
    return 2 * float(cv2.distanceTransform(stained, cv2.DIST_L2, 5).max())


def _stained(green: np.ndarray, red: np.ndarray) -> np.ndarray:
    level = np.clip(green * 200, 0, 255).astype(np.uint8)
    pale = level[red & (level < 150)].reshape(-1, 1)  # nuclei would draw the threshold up
    if pale.size == 0:
        return np.zeros(green.shape, np.uint8)
    otsu = cv2.threshold(pale, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0] / 200
    return np.asarray(green > np.clip(0.8 * otsu, 0.04, 0.3)).astype(np.uint8)


def _circles(outline: np.ndarray, white: np.ndarray) -> list[tuple[float, float]]:
    """(radius, angle) of each arc of a rim, int (N, 2), that is round enough."""
    count = len(outline)
    kernel = cv2.getGaussianKernel(9, SMOOTHING)
    wrapped = np.pad(outline.astype(np.float64), ((4 + STEP, 4 + STEP), (0, 0)), "wrap")
    smooth = cv2.filter2D(wrapped, -1, kernel, borderType=cv2.BORDER_REPLICATE)[4:-4]
    here = smooth[STEP:-STEP]
    before, after = here - smooth[: -2 * STEP], smooth[2 * STEP :] - here
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    bend = np.arctan2(cross, (before * after).sum(axis=1))
    if bend.sum() < 0:
        bend = -bend
    ends = (bend < SHARPEST_BEND) | (white[outline[:, 1], outline[:, 0]] > 0)
    pieces = [(0, count)]
    if ends.any():
        start = int(np.argmax(ends))
        here, ends = np.roll(here, -start, axis=0), np.roll(ends, -start)
        steps = np.flatnonzero(np.diff(np.concatenate(([1], ends.astype(np.int8), [1]))))
        pieces = list(zip(steps[::2], steps[1::2], strict=True))
    circles = (_circle(here[a:b]) for a, b in pieces if b - a >= 3 * STEP)
    return [(radius, angle) for radius, angle, misfit in circles
            if misfit < MAX_MISFIT and angle > LEAST_ANGLE and radius > 3]  # fmt: skip


def _circle(points: np.ndarray) -> tuple[float, float, float]:
    """Radius, angle shown and relative misfit of the circle through points (N, 2), after Kåsa."""
    across, down = np.ascontiguousarray((points - points.mean(axis=0)).T)
    square = across * across + down * down
    xx, yy, xy = across @ across, down @ down, across @ down
    right_x, right_y = across @ square / 2, down @ square / 2
    spread = max(float(xx * yy - xy * xy), 1e-9)  # 0 on a straight line
    x, y = (yy * right_x - xy * right_y) / spread, (xx * right_y - xy * right_x) / spread
    radius = float(np.sqrt(max(1e-6, square.mean() + x * x + y * y)))
    away = np.hypot(across - x, down - y)
    length = float(np.hypot(np.diff(across), np.diff(down)).sum())
    misfit = float(np.sqrt(((away - radius) ** 2).mean()) / radius)
    return radius, min(length / radius, 2 * np.pi), misfit
