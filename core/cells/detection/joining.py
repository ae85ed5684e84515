"""Joins the lobes of a nucleus, which lie apart in a granulocyte."""

from collections.abc import Iterator

import cv2
import numpy as np

from core.cells.detection.nuclei import WHOLE, roundness, windows
from core.cells.masks import contours

# Lengths are in red cell diameters, areas in areas of a red cell.
LEAST_NUCLEUS = 0.27  # a platelet is smaller
GAP = 0.7  # between lobes of one nucleus
SNIPPET = 0.3  # a lobe of less area belongs to the nearest one
WIDEST = 3.6  # nucleus with all its lobes
FILLED = 0.64  # share of the circle around the lobes of one nucleus that the cell fills
ROUND = 0.55  # least share of its circle of a part that can be a nucleus by itself
NOTCHED = 0.95  # as `FILLED`, for two such parts: touching cells leave notches


def gather(parts: np.ndarray, evidence: np.ndarray, red_cell: float) -> np.ndarray:
    """Joins the lobes of `find` to nuclei, int32 (H, W) from 1 on, without platelets.

    Lobes are of one cell if it fills the circle around them: `evidence` float32 (H, W) is positive
    on white cells.
    """
    unit = np.pi / 4 * red_cell**2
    areas = np.bincount(parts.ravel()) / unit
    table, number = np.zeros(len(areas), np.int32), 0
    for group in _join(parts, evidence > 0, red_cell):
        if areas[group].sum() >= LEAST_NUCLEUS:
            number += 1
            table[group] = number
    return np.asarray(table[parts])


class _Nucleus:
    """Parts that are held to be one nucleus. It is not changed: joining two makes a third."""

    def __init__(self, numbers: list[int], outline: np.ndarray, area: float) -> None:
        self.numbers = numbers  # of its parts
        self.outline = outline  # their points, int (N, 2)
        self.area = area  # in areas of a red cell
        left, top, width, height = cv2.boundingRect(outline)
        self.box = left, top, left + width, top + height

    def side(self, other: "_Nucleus") -> int:
        """The longer side of the box around both, from pixel to pixel."""
        left, top = map(min, self.box[:2], other.box[:2])
        right, bottom = map(max, self.box[2:], other.box[2:])
        return int(max(right - left, bottom - top)) - 1

    def joined_to(self, other: "_Nucleus") -> "_Nucleus":
        outline = np.vstack((self.outline, other.outline))
        return _Nucleus(sorted(self.numbers + other.numbers), outline, self.area + other.area)


def _join(parts: np.ndarray, cell: np.ndarray, red_cell: float) -> list[list[int]]:
    """The numbers of the parts of each nucleus."""
    unit = np.pi / 4 * red_cell**2
    areas = np.bincount(parts.ravel()) / unit
    joined = []
    for part, window in enumerate(windows(parts), 1):
        corner = window[1].start, window[0].start
        outline = np.vstack(contours(parts[window] == part, corner))[:, 0]
        joined.append(_Nucleus([part], outline, areas[part]))
    apart: set[tuple[_Nucleus, _Nucleus]] = set()
    for _, a, b in sorted(gaps([nucleus.outline for nucleus in joined], GAP * red_cell)):
        first, second = joined[a], joined[b]
        if first is second or (first, second) in apart:
            continue
        if first.side(second) <= WIDEST * red_cell:
            both = first.joined_to(second)
            if _one_cell(both.outline, cell, red_cell, _filled(first, second, unit)):
                for number in both.numbers:
                    joined[number - 1] = both
                continue
        apart.update(((first, second), (second, first)))
    return [nucleus.numbers for nucleus in dict.fromkeys(joined)]


def _filled(first: _Nucleus, second: _Nucleus, unit: float) -> float:
    """The share of the circle around two parts that one cell fills, at least."""
    smaller = min(first.area, second.area)
    if smaller < SNIPPET:
        return FILLED - 0.15
    whole = smaller >= WHOLE and all(
        roundness(part.outline, part.area * unit) >= ROUND for part in (first, second)
    )
    return NOTCHED if whole else FILLED


def _one_cell(points: np.ndarray, cell: np.ndarray, red_cell: float, filled: float) -> bool:
    (x, y), radius = cv2.minEnclosingCircle(points.astype(np.float32))
    if 2 * radius > WIDEST * red_cell:
        return False
    left, top = max(0, int(x - radius)), max(0, int(y - radius))
    part = cell[top : int(y + radius) + 2, left : int(x + radius) + 2]
    rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
    inside = (rows + top - y) ** 2 + (columns + left - x) ** 2 <= radius**2
    return bool(part[inside].mean() >= filled)


def gaps(outlines: list[np.ndarray], most: float) -> Iterator[tuple[float, int, int]]:
    """Yields the distance in pixels of two outlines (N, 2) and their numbers, if it is `most`."""
    if not outlines:
        return
    low = np.array([outline.min(axis=0) for outline in outlines])
    high = np.array([outline.max(axis=0) for outline in outlines])
    thinned = [line[:: max(1, len(line) // 200)].astype(np.float32) for line in outlines]
    downwards = low[:, 1].argsort(kind="stable")
    ends = np.searchsorted(low[downwards, 1], high[downwards, 1] + most, "right").tolist()
    for place, (a, end) in enumerate(zip(downwards.tolist(), ends, strict=True), 1):
        below = downwards[place:end]
        beside = (low[below, 0] <= high[a, 0] + most) & (high[below, 0] >= low[a, 0] - most)
        near = below[beside].tolist()
        for b, gap in zip(
            near, _nearest_points(thinned[a], [thinned[b] for b in near]), strict=True
        ):
            if gap <= most:
                yield gap, min(a, b), max(a, b)


def _nearest_points(points: np.ndarray, others: list[np.ndarray]) -> list[float]:
    """The distances from points, float32 (N, 2), to each of other sets of such points."""
    if not others:
        return []
    together = np.concatenate(others)
    across, down = (points[:, None, axis] - together[None, :, axis] for axis in (0, 1))
    starts = np.cumsum([0, *map(len, others[:-1])])
    squares = np.minimum.reduceat((across**2 + down**2).min(axis=0), starts)
    distances: list[float] = np.sqrt(squares).tolist()
    return distances
