"""What is picked on a map of cells: outlines around them, as a text that is short enough to link.

The map is divided into steps, so that the same cells are inside for whoever drew an outline and for
whoever opens the link.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

STEPS = 10_000  # across the map, each way
MOST_POINTS = 40  # of an outline; what has more is made simpler
MOST_OUTLINES = 8
_OUTLINE = re.compile(r"-?\d{1,6}(_-?\d{1,6}){5,}")


@dataclass(frozen=True)
class Picked:
    """Outlines on a map: each (K, 2), x and y in steps from the least of its cells."""

    map_name: str
    outlines: tuple[np.ndarray, ...]

    @property
    def text(self) -> str:
        """The map and the outlines; "" without one."""
        shapes = ("_".join(map(str, outline.ravel())) for outline in self.outlines)
        return "~".join((self.map_name, *shapes)) if self.outlines else ""

    def rows(self, placed: pd.DataFrame) -> np.ndarray:
        """The rows of `placed` (`EmbeddingMap.place`) inside an outline, ascending: int64 (M,)."""
        points = (placed[["x", "y"]].to_numpy(float) - _least(placed)) / _step(placed)
        inside = np.zeros(len(points), bool)
        for outline in self.outlines:
            inside |= _inside(points, outline)
        return np.flatnonzero(inside)

    def places(self, placed: pd.DataFrame) -> list[np.ndarray]:
        """The outlines as they lie on the map: each float64 (K, 2)."""
        return [outline * _step(placed) + _least(placed) for outline in self.outlines]


def drawn(map_name: str, outlines: Iterable[np.ndarray], placed: pd.DataFrame) -> Picked:
    """What outlines, each (K, 2) on the map, pick; the first `MOST_OUTLINES` of them."""
    steps = (np.rint((points - _least(placed)) / _step(placed)) for points in outlines)
    simple = [_simple(points.astype(np.int32)) for points in steps if len(points) > 2]
    return Picked(map_name, tuple(simple[:MOST_OUTLINES]))


def parse(text: str, map_name: str) -> Picked | None:
    """What a text picks on a map; None if it is of another map, or none that `text` gives."""
    name, *shapes = text.split("~")
    if name != map_name or not 1 <= len(shapes) <= MOST_OUTLINES:
        return None
    outlines = []
    for shape in shapes:
        numbers = shape.split("_")
        if not _OUTLINE.fullmatch(shape) or len(numbers) % 2 or len(numbers) > 2 * MOST_POINTS:
            return None
        outlines.append(np.array(numbers, np.int32).reshape(-1, 2))
    return Picked(name, tuple(outlines))


def _simple(outline: np.ndarray) -> np.ndarray:
    error = 5.0  # steps
    while len(simple := cv2.approxPolyDP(outline, error, True)[:, 0]) > MOST_POINTS:
        error *= 1.5
    return simple if len(simple) > 2 else outline[:3]


def _inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Which points (N, 2) lie inside a closed outline (K, 2), by the rule of even and odd."""
    x, y = points.T
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        inside[crosses] ^= x[crosses] < x0 + (y[crosses] - y0) * (x1 - x0) / (y1 - y0)
    return inside


def _least(placed: pd.DataFrame) -> np.ndarray:
    least: np.ndarray = placed[["x", "y"]].to_numpy(float).min(axis=0)
    return least


def _step(placed: pd.DataFrame) -> np.ndarray:
    """How long a step is along each axis."""
    span: np.ndarray = np.ptp(placed[["x", "y"]].to_numpy(float), axis=0)
    step: np.ndarray = np.where(span > 0, span, 1.0) / STEPS
    return step
