"""Compares the measured appearance of a cell (colour, light, chromatin) with the training cells.

A network may see no difference between two cells whose stain or kind visibly differs.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.cells.morphology import Morphology

LEVEL = 0.99  # share of the cells of another subject within a limit
SHRINKAGE = 0.2  # towards uncorrelated measures, because a small set has chance correlations
FEWEST = 10  # cells to fit to
MIN_GROUPS = 3
COLUMNS = ("texture", "red", "green", "blue", "density", "brightness")


@dataclass(frozen=True)
class Appearance:
    """Mean (5,) and inverse covariance (5, 5) of the figures of training cells."""

    mean: np.ndarray
    inverse: np.ndarray

    def distance(self, figures: np.ndarray) -> np.ndarray:
        """Mahalanobis distance (1936), in standard deviations: (N, 5) to (N,)."""
        difference = figures - self.mean
        squares = np.einsum("ij,jk,ik->i", difference, self.inverse, difference)
        return np.asarray(np.sqrt(squares))

    def of_cell(self, cell: Morphology) -> float:
        """The distance of one cell."""
        return float(self.distance(figures_of_cell(cell))[0])


def figures_of(measures: pd.DataFrame) -> np.ndarray:
    """Computes the figures (N, 5) of measures, one row a cell; incomplete rows are dropped.

    They are the logarithms of chromatin texture, red over blue, green over blue and brightness, and
    the density.
    """
    return _figures(measures[list(COLUMNS)].dropna().to_numpy(float))


def figures_of_cell(cell: Morphology) -> np.ndarray:
    """Computes the figures (1, 5) of one cell."""
    return _figures(np.array([[getattr(cell, name) for name in COLUMNS]], float))


def _figures(measures: np.ndarray) -> np.ndarray:
    texture, red, green, blue, density, brightness = np.maximum(measures, 1e-3).T
    logs = np.log((texture, red / blue, green / blue, brightness))
    return np.column_stack((*logs, density))


def fit(figures: np.ndarray) -> Appearance | None:
    """Fits an `Appearance` to the figures (N, 5) of training cells; None if they are too few."""
    if len(figures) < FEWEST:
        return None
    covariance = np.cov(figures.T)
    diagonal = np.diag(np.diag(covariance))
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * diagonal + 1e-6 * np.eye(len(diagonal))
    return Appearance(figures.mean(axis=0), np.linalg.inv(covariance))


def find_limit(measures: pd.DataFrame, groups: np.ndarray) -> float | None:
    """Returns how far a cell of another subject may lie, from training cells and their groups (N,).

    Each group is compared with the others. None if there are too few groups or cells.
    """
    complete = measures[list(COLUMNS)].notna().all(axis=1).to_numpy()
    figures, groups = figures_of(measures[complete]), groups[complete]
    distances = []
    for group in sorted(set(groups), key=str):
        own = groups == group
        others = fit(figures[~own])
        if others is not None:
            distances.append(others.distance(figures[own]))
    return prediction_limit(np.concatenate(distances), len(distances)) if distances else None


def prediction_limit(distances: np.ndarray, groups: int) -> float | None:
    """The distance within which a cell of another group lies with 99 % probability.

    The 99th percentile, or, if it is higher, the prediction limit of a log-normal distance with one
    degree of freedom less than groups, because a few groups do not represent all. None if there are
    fewer than three groups.
    """
    if groups < MIN_GROUPS:
        return None
    from scipy import stats

    logs = np.log(distances)
    spread = float(logs.std(ddof=1)) * np.sqrt(1 + 1 / groups)
    predicted = float(np.exp(logs.mean() + stats.t.ppf(LEVEL, groups - 1) * spread))
    return max(float(np.quantile(distances, LEVEL)), predicted)
