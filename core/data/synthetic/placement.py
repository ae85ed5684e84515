"""Finds places for the white cells of a smear field."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class CrowdedError(Exception):
    """No place is left for a white cell."""


class Disc(NamedTuple):
    """Where a cell lies, in field pixels."""

    x: float
    y: float
    radius: float

    def gap(self, others: Sequence["Disc"]) -> float:
        """Return the way to the nearest of `others`, negative where they overlap."""
        if not others:
            return np.inf
        x, y, radius = np.array(others).T
        return float(np.min(np.hypot(x - self.x, y - self.y) - radius)) - self.radius


def lay_out(
    rng: np.random.Generator, outlines: Sequence[np.ndarray], size: tuple[int, int]
) -> list[Disc]:
    """Return a place in a field of `size` (H, W) for each outline, a radius in pixels per angle.

    Most lie apart, some are cut by the border or press on a neighbour. Raises CrowdedError where
    they do not fit.
    """
    # A cell that lies badly leaves no room for the last: then anew, and closer each time.
    for squeeze in np.linspace(0.15, 0.5, 40):
        places: list[Disc] = []
        for outline in outlines:
            place = _find_place(rng, outline, places, size, squeeze)
            if place is None:
                break
            places.append(place)
        else:
            return places
    raise CrowdedError


def _find_place(
    rng: np.random.Generator,
    outline: np.ndarray,
    others: list[Disc],
    size: tuple[int, int],
    squeeze: float,
) -> Disc | None:
    """Return the roomiest place of some tried, or None where it overlaps by `squeeze` radii."""
    radius = float(outline.mean())
    sides = np.array(size[::-1])
    slack = np.maximum(0, sides / 2 - outline.max() - 3)  # how far from the middle it lies whole
    wish = rng.choice(["apart", "cut", "touching"], p=[0.6, 0.2, 0.2])
    best, best_gap = None, -squeeze * radius
    for attempt in range(120):
        if attempt == 60:
            wish = "apart"
        centre = sides / 2 + slack * rng.uniform(-1, 1, 2)
        strangers = others
        if wish == "cut":
            axis = int(rng.random() < sides[0] / sides.sum())  # a longer border cuts more cells
            beyond = rng.uniform(-0.2, 0.8) * radius
            centre[axis] = beyond if rng.random() < 0.5 else sides[axis] - beyond
        elif wish == "touching" and others:
            chosen = int(rng.integers(len(others)))
            distance = (radius + others[chosen].radius) * rng.uniform(0.86, 0.96)
            angle = rng.uniform(0, 2 * np.pi)
            centre = others[chosen][:2] + distance * np.array([np.cos(angle), np.sin(angle)])
            if np.any(np.abs(centre - sides / 2) > slack):
                continue
            strangers = others[:chosen] + others[chosen + 1 :]
        place = Disc(float(centre[0]), float(centre[1]), radius)
        gap = place.gap(strangers)
        if gap > 0.4 * radius:
            return place
        if gap > best_gap:
            best, best_gap = place, gap
    return best
