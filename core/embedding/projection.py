"""Many features in two dimensions."""

import numpy as np

from core import extras
from core.errors import ConfigError

METHODS = {"pca": "what varies most", "umap": "neighbours together"}
_COMPONENTS = 50  # UMAP is given as many principal components: it searches neighbours in them


def project(values: np.ndarray, method: str) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Places N >= 1 cells with features (N, C) by one of `METHODS`.

    Returns points, float64 (N, 2), and the share of all variance along each axis, which UMAP's axes
    do not have. The same features give the same points, in any order of the cells for principal
    components. Raises `ConfigError` if the method is unknown or not installed.
    """
    match method:
        case "pca":
            points, shares = principal_components(values, 2)
            return points, (float(shares[0]), float(shares[1]))
        case "umap":
            return _umap(values), None
    raise ConfigError(f"The method is {method!r}; it can be {', '.join(METHODS)}.")


def principal_components(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Projects features (N, C) on the `count` directions along which they vary most.

    Returns points, float64 (N, count), and the share of all variance along each axis, (count,);
    zeros where there are fewer directions. The largest weight of a direction is positive, so that
    nothing is mirrored from one computer to the next. Hotelling, Analysis of a Complex of
    Statistical Variables into Principal Components, 1933.
    """
    centred = values - values.mean(axis=0, dtype=np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    variances, directions = variances[::-1][:count], directions[:, ::-1][:, :count]
    # Rounded: of two equal weights the first counts, however the solver rounds them.
    largest = np.abs(directions).round(9).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    lacking = count - directions.shape[1]
    shares = np.maximum(variances, 0) / max(float(np.square(centred).sum()), 1e-30)
    return np.pad(centred @ directions, ((0, 0), (0, lacking))), np.pad(shares, (0, lacking))


def has_umap() -> bool:
    """Whether umap-learn is installed."""
    return extras.installed("umap")


def umap_missing() -> str:
    """What UMAP needs, in a sentence."""
    return extras.missing("umap", "map", "A map by UMAP")


def _umap(values: np.ndarray) -> np.ndarray:
    """McInnes et al., UMAP, 2018: keeps neighbours together, and not the distances of the far."""
    extras.require("umap", "map", "A map by UMAP")
    from umap import UMAP

    if len(values) < 4:  # it has no neighbours to speak of
        return principal_components(values, 2)[0]
    count = min(_COMPONENTS, values.shape[1])
    components = principal_components(values, count)[0].astype(np.float32)
    # One thread: with more the points depend on which is faster.
    points: np.ndarray = UMAP(
        n_neighbors=min(15, len(values) - 1), random_state=0, n_jobs=1
    ).fit_transform(components)
    return points.astype(np.float64)
