"""How an error falls with the number of training cells, and how far it would fall with more.

The curve is an inverse power law, error = a + b n^-c, as Figueroa, Zeng-Treitler, Kandula and Ngo
fit it (Predicting sample size required for classification performance, BMC Medical Informatics and
Decision Making 12:8, 2012). It is fitted anew to every resample, so the interval of a forecast has
what a few subjects leave open; that the law itself may be wrong farther out is not in it.
"""

from dataclasses import dataclass

import numpy as np

EXPONENTS = np.linspace(0.1, 1.5, 29)


@dataclass(frozen=True)
class PowerLaw:
    """Curves of R resamples: floor a, height b, exponent c, each (R,); a and b are at least 0."""

    floor: np.ndarray
    height: np.ndarray
    exponent: np.ndarray

    def at(self, cells: float) -> np.ndarray:
        """The error (R,) with so many training cells."""
        return np.asarray(self.floor + self.height * cells**-self.exponent)


def fit(cells: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """The inverse power law nearest to each row of errors, (R, S), at S numbers of cells, (S,).

    Least squares with a and b at least 0, for the best of `EXPONENTS`. Needs two different numbers.
    """
    best = np.full(len(errors), np.inf)
    law = np.zeros((3, len(errors)))
    for exponent in EXPONENTS:
        falling = cells.astype(float) ** -exponent
        floor, height = _line(falling, errors)
        squares = ((floor[:, None] + height[:, None] * falling - errors) ** 2).sum(axis=1)
        nearer = squares < best
        best[nearer] = squares[nearer]
        law[:, nearer] = np.stack([floor, height, np.full(len(errors), exponent)])[:, nearer]
    return PowerLaw(*law)


def _line(falling: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope of each row of errors (R, S) over `falling` (S,), both at least 0."""
    away = falling - falling.mean()
    mean = errors.mean(axis=1)
    height = np.maximum(errors @ away / (away @ away), 0)
    floor = mean - height * falling.mean()
    through_zero = errors @ falling / (falling @ falling)
    below = floor < 0
    return np.where(below, 0, floor), np.where(below, through_zero, height)
