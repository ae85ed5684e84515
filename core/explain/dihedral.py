"""A heat map over the eight turned and mirrored views of a cell."""

from dataclasses import dataclass

import numpy as np

from core.explain.heat_map import ExplainableEngine, HeatMap, HeatMapMethod, scaled, views

VIEWS = 8


@dataclass(frozen=True)
class Aggregated:
    """The mean map of the eight views, each turned back, and how much they agree.

    stability: the mean Pearson correlation of the maps of two views, -1..1; pairs with an empty or
    flat map, which have none, count as 0.
    """

    heat_map: HeatMap
    stability: float


def turned(array: np.ndarray, view: int) -> np.ndarray:
    """The array (n, n, ...) in view 0..7: quarter turns, from 4 on of its mirror image."""
    return np.rot90(array[:, ::-1] if view >= VIEWS // 2 else array, view % (VIEWS // 2))


def turned_back(array: np.ndarray, view: int) -> np.ndarray:
    """Undoes `turned`."""
    back = np.rot90(array, -(view % (VIEWS // 2)))
    return back[:, ::-1] if view >= VIEWS // 2 else back


def aggregate(
    engine: ExplainableEngine, pixels: np.ndarray, method: HeatMapMethod, call: str
) -> Aggregated:
    """The aggregated map for a call of uint8 (S, S, 3), by one call of the engine."""
    stack = np.stack([turned(pixels, view) for view in range(VIEWS)])
    maps = np.stack(
        [
            turned_back(method(view, call).values, number)
            for number, view in enumerate(views(engine, stack))
        ]
    )
    centred = maps.reshape(VIEWS, -1).astype(float)
    centred -= centred.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    centred = np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9)
    pairs = (centred @ centred.T)[np.triu_indices(VIEWS, 1)]
    return Aggregated(scaled(maps.mean(axis=0)), float(np.clip(pairs.mean(), -1, 1)))
