"""Finds nuclei and lobes of nuclei: purple regions, with touching ones separated."""

import cv2
import numpy as np

from core.cells.masks import contours, disc

FAINTEST = 0.2  # purple: red cells stay below, pale nuclei above
RELATIVE = 0.42  # of the field's median nuclear purple: strong stains make red cells purple, too
STAINED = 0.12  # density in green, above which something lies on the glass
OVER_RED, MOST_RED = 1.3, 0.45  # a nucleus's purple over red cells', and theirs at most
# All lengths below are in red cell diameters, areas in areas of a red cell.
LEAST_LOBE = 0.03
WHOLE = 1.2  # least area of a part that can be a nucleus by itself
MAYBE_TWO = 1.5  # a region of this area may be two nuclei
NECK = 0.85  # of the smaller nucleus's inscribed radius: a narrower neck separates two
NECKS = (0.4, 0.5, 0.6, 0.7, 0.8)  # of the deepest inscribed radius, where necks are searched
CORE = 0.35  # least inscribed radius of a nucleus
NOTCH = 0.08  # least depth of the two notches between nuclei pressed on each other
SEAM = 1.0  # of each nucleus's diameter: the largest distance between these notches
CLUMP = 3.3  # a region of this area without a neck is a clump, if it fills less than
OUT_OF_ROUND, EVEN = 0.7, 0.66  # the first share of its circle, and its parts the second of theirs
PARTS = (2, 3, 4)  # nuclei in a clump


def level(purple: np.ndarray, green: np.ndarray) -> float:
    """The purple that separates nuclei from red cells in this field.

    `purple` and `green`, the density in green, are float32 (H, W).
    """
    stained = purple[green > STAINED]
    if stained.size == 0:
        return FAINTEST
    scaled = np.clip(stained * 100, 0, 255).astype(np.uint8)
    otsu = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0] / 100
    above, below = stained[stained > max(otsu, FAINTEST)], stained[stained <= otsu]
    result = FAINTEST
    if above.size:
        result = max(result, RELATIVE * float(np.median(above)))
    if below.size and (red := float(np.median(below))) < MOST_RED:
        result = max(result, OVER_RED * red)
    return result


def find(purple: np.ndarray, threshold: float, red_cell: float) -> np.ndarray:
    """Nuclei and lobes of nuclei, int32 (H, W) from 1 on; `red_cell` is its diameter in pixels."""
    unit = np.pi / 4 * red_cell**2
    nuclear = (purple > threshold).astype(np.uint8)
    nuclear = cv2.morphologyEx(nuclear, cv2.MORPH_OPEN, disc(red_cell * 0.06))
    _, parts, stats, _ = cv2.connectedComponentsWithStats(nuclear, connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] >= LEAST_LOBE * unit
    keep[0] = False
    return _split(parts, stats, keep, red_cell)


def _split(parts: np.ndarray, stats: np.ndarray, keep: np.ndarray, red_cell: float) -> np.ndarray:
    """Numbers the regions from 1 on, and cuts those of touching nuclei at their necks."""
    unit = np.pi / 4 * red_cell**2
    result, number = np.zeros(parts.shape, np.int32), 0
    for label in np.flatnonzero(keep):
        x, y, w, h, area = (int(value) for value in stats[label])
        window = slice(y, y + h), slice(x, x + w)
        region = parts[window] == label
        pieces = region.astype(np.int32)
        if area >= MAYBE_TWO * unit:
            pieces = _cut(region, red_cell)
        result[window][region] = pieces[region] + number
        number += int(pieces.max())
    return result


def _cut(region: np.ndarray, red_cell: float) -> np.ndarray:
    """Labels 1... of the nuclei in one region; a neck separates the core of each from the rest."""
    padded = np.pad(region.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    seeds = np.zeros(region.shape, np.int32)
    best: list[np.ndarray] = []
    for share in NECKS:
        neck = share * float(depth.max())
        count, cores = cv2.connectedComponents((depth > neck).astype(np.uint8))
        least = max(CORE * red_cell, neck / NECK)
        peaks = np.zeros(count)
        np.maximum.at(peaks, cores.ravel(), depth.ravel())
        deep = [cores == core for core in range(1, count) if peaks[core] >= least]
        if len(deep) > len(best):
            best = deep
    if len(best) < 2:
        parts = _clump(region, red_cell)
        return parts if parts.max() > 1 else _notched(region, red_cell)
    for number, core in enumerate(best, 1):
        seeds[core] = number
    return nearest(seeds, region)


def _notched(region: np.ndarray, red_cell: float) -> np.ndarray:
    """Labels 1 and 2 of two nuclei pressed on each other, cut from notch to notch.

    1 everywhere if no cut between two notches leaves two parts like nuclei.
    """
    unit, least = np.pi / 4 * red_cell**2, NOTCH * red_cell
    result = region.astype(np.int32)
    if region.sum() < 2 * WHOLE * unit:
        return result
    outline = max(contours(region), key=len).reshape(-1, 2)
    # Where an outline touches itself, the hull's order is lost, which the defects rely on.
    hull = np.sort(cv2.convexHull(outline, returnPoints=False), axis=0)[::-1]
    defects = cv2.convexityDefects(outline, np.ascontiguousarray(hull))
    if defects is None:
        return result
    defects = defects.reshape(-1, 4)
    notches = defects[defects[:, 3] >= 256 * least][:, 2]  # depths are in 1/256 of a pixel
    rows, columns = np.nonzero(region)
    points = np.stack((columns, rows), axis=1).astype(np.float32)
    best, shortest = None, np.inf
    for index, notch in enumerate(notches):
        for other in notches[:index]:
            start, way = outline[notch], outline[other] - outline[notch]
            length = float(np.hypot(*way))
            side = way[0] * (points[:, 1] - start[1]) > way[1] * (points[:, 0] - start[0])
            parts = points[side], points[~side]
            if length < shortest and all(
                len(part) >= WHOLE * unit
                and roundness(part, len(part)) >= EVEN
                and length <= SEAM * np.sqrt(4 / np.pi * len(part))
                for part in parts
            ):
                best, shortest = side, length
    if best is not None:
        result[rows, columns] += best
    return result


def _clump(region: np.ndarray, red_cell: float) -> np.ndarray:
    """Labels 1... of the fewest compact parts that are all round; 1 everywhere if there are none.

    In small or blurred images touching nuclei have no neck, but their outline is not round.
    """
    rows, columns = np.nonzero(region)
    points = np.stack((columns, rows), axis=1).astype(np.float32)
    unit, result = np.pi / 4 * red_cell**2, region.astype(np.int32)
    if len(points) < CLUMP * unit or roundness(points, len(points)) >= OUT_OF_ROUND:
        return result
    for count in PARTS:
        owner = _partition(points, count)
        parts = [points[owner == number] for number in range(count)]
        if all(len(p) >= WHOLE * unit and roundness(p, len(p)) >= EVEN for p in parts):
            result[rows, columns] = owner + 1
            break
    return result


def _partition(points: np.ndarray, count: int) -> np.ndarray:
    """The number, from 0, of the nearest of `count` means of points (N, 2), after Lloyd."""
    means = points.mean(axis=0)[None]
    for _ in range(count):  # distant starts; the first is the point farthest from the middle
        away = ((points[:, None] - means) ** 2).sum(axis=2).min(axis=1)
        means = np.vstack((means, points[away.argmax()]))
    means = means[1:]
    for _ in range(12):
        owner: np.ndarray = ((points[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
        means = np.stack([points[owner == number].mean(axis=0) for number in range(count)])
    return owner


def windows(labels: np.ndarray) -> list[tuple[slice, slice]]:
    """Rows and columns of the box around each label, 1 to the last, of int32 (H, W)."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns] - 1
    count = int(labels.max())
    low = np.full((2, count), max(labels.shape))
    high = np.zeros((2, count), np.int64)
    for axis, places in enumerate((rows, columns)):
        np.minimum.at(low[axis], numbers, places)
        np.maximum.at(high[axis], numbers, places + 1)
    return [
        (slice(int(low[0, n]), int(high[0, n])), slice(int(low[1, n]), int(high[1, n])))
        for n in range(count)
    ]


def nearest(seeds: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Gives each pixel of bool `region` the label of the nearest seed: int32 (H, W)."""
    _, places = cv2.distanceTransformWithLabels(
        (seeds == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(places.max()) + 1, np.int32)
    table[places[seeds > 0]] = seeds[seeds > 0]
    return np.where(region, table[places], 0).astype(np.int32)


def roundness(points: np.ndarray, area: float) -> float:
    """Returns the share of the circle around `points` (N, 2) that an `area` in pixels fills."""
    return float(area / (np.pi * cv2.minEnclosingCircle(points.astype(np.float32))[1] ** 2))
