"""Agreement of two raters beyond chance.

Source: Cohen, A coefficient of agreement for nominal scales, Educational and Psychological
Measurement 20, 1960, equation 1.
"""

import numpy as np

from core.metrics.estimate import Estimate

FEWEST = 10  # ratings below which resamples say nothing
NONE_RATED, ONE_CATEGORY = "no cell was rated by both", "both put every cell in one category"
TOO_FEW = f"fewer than {FEWEST} cells were rated by both"
RESAMPLES, LEVEL = 2000, 0.95


def cohens_kappa(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Estimate:
    """Cohen's kappa of two raters' categories, int (N,), at least -1 and at most 1.

    It is undefined if both put everything in one category. The interval is of resampled cells, by
    percentiles; it says nothing of other readers or patients.
    """
    if len(first) == 0:
        return Estimate(None, reason=NONE_RATED)
    categories = int(max(first.max(), second.max())) + 1
    pairs = first * categories + second
    value = _kappa(np.bincount(pairs, minlength=categories**2)[None], categories)[0]
    if np.isnan(value):
        return Estimate(None, reason=ONE_CATEGORY)
    if len(first) < FEWEST:
        return Estimate(float(value), reason=TOO_FEW)
    shares = np.bincount(pairs, minlength=categories**2) / len(first)
    drawn = np.random.default_rng(seed).multinomial(len(first), shares, RESAMPLES)
    kappas = _kappa(drawn, categories)
    ends = np.nanquantile(kappas, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(value), float(min(ends[0], value)), float(max(ends[1], value)))


def _kappa(counts: np.ndarray, categories: int) -> np.ndarray:
    """Kappa (K,) of K tables of pairs, (K, categories squared)."""
    tables = counts.reshape(-1, categories, categories) / counts.sum(axis=1)[:, None, None]
    observed = np.trace(tables, axis1=1, axis2=2)
    expected = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
