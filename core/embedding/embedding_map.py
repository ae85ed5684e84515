"""The map of a data set, and of what a model sees in its cells: alike is near."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core import storage
from core.data import datasets, similar
from core.data.geometry import fit
from core.data.images import decode
from core.data.pixel_cache import prepare
from core.data.walk import Progress, on_all_cores, read_unchanged
from core.embedding.projection import project
from core.errors import DataError
from core.models.engine import Engine
from core.ood import reference
from core.runs.run_store import Run
from core.untrusted.arrays import load as load_arrays

_AT_ONCE = 128  # cells that are decoded together


@dataclass(frozen=True)
class EmbeddingMap:
    """Where cells lie.

    digests: the SHA-256 of N files. points: float32 (N, 2). explained: the share of the variance
    along each axis, None for UMAP. left_out: files that have no place, because nothing could be
    measured on them or they are gone.
    """

    digests: np.ndarray
    points: np.ndarray
    explained: tuple[float, float] | None
    left_out: int

    def place(self, cells: pd.DataFrame) -> pd.DataFrame:
        """The rows of `cells` that have a place, by their sha256, with its `x` and `y`."""
        places = pd.DataFrame(self.points, index=self.digests.astype(str), columns=["x", "y"])
        return cells.join(places, on="sha256", how="inner")

    def save(self, file: Path) -> None:
        """Writes the map, atomically."""
        with storage.atomic(file) as temporary:
            np.savez(
                temporary,
                digests=self.digests.astype("S64"),
                points=self.points,
                explained=np.array(self.explained or (np.nan, np.nan)),
                left_out=self.left_out,
            )


def load(file: Path) -> EmbeddingMap:
    """Reads a map. Raises `DataError` if it is missing or damaged."""
    try:
        arrays = load_arrays(file)
        digests, points, explained = (arrays[key] for key in ("digests", "points", "explained"))
        if points.shape != (*digests.shape, 2) or not np.isfinite(points).all():
            raise ValueError("its points are not those of its cells")
        return EmbeddingMap(
            digests.astype(str),
            points,
            None if np.isnan(explained).any() else (float(explained[0]), float(explained[1])),
            int(arrays["left_out"]),
        )
    except (OSError, LookupError, ValueError, TypeError) as error:
        raise DataError(f"{file} cannot be read ({error}). Draw the map again.") from None


def of_measures(cells: pd.DataFrame, measured: pd.DataFrame, method: str) -> EmbeddingMap:
    """The map of cells by how they look: near cells are those that `core.data.similar` finds.

    `measured` has their measures (`core.data.measures.measure`), row by row. Raises `DataError` if
    none could be measured.
    """
    values = similar.features(measured)
    return _build(cells["sha256"].to_numpy(str), values, method)


def of_model(run: Run, method: str, progress: Progress | None = None) -> EmbeddingMap:
    """The map of a run's cells by the features that its network gives them.

    Distances on it are those of `core.ood.reference`. The features of the training cells are
    stored with the run; the other cells are read, if the data set is here. `progress` gets (done,
    total) of those.
    """
    split = pd.read_parquet(run.path / "split.parquet")
    known = reference.load(run)
    stored = split["split"].eq("train") & (known is not None)
    root = datasets.found(run.config.dataset)
    parts, digests = [], []
    if known is not None:
        parts.append(known.features)
        digests.append(known.cells["sha256"].to_numpy(str))
    if root is not None:
        there = np.array([(root / image_id).is_file() for image_id in split["image_id"]])
        if len(others := split[~stored & there]):
            pooled = reference.unit(_pooled(run, root, others, progress))
            parts.append(pooled - (known.centre if known is not None else 0))
            digests.append(others["sha256"].to_numpy(str))
    if not parts:
        raise DataError(
            f"The cells of run {run.run_id} are gone: {run.config.dataset} does not hold them. "
            "Bring the data set back, or train the run again."
        )
    gone = len(split) - sum(map(len, digests))
    return _build(np.concatenate(digests), np.concatenate(parts), method, gone)


def _pooled(run: Run, root: Path, cells: pd.DataFrame, progress: Progress | None) -> np.ndarray:
    """Features averaged over all positions, float32 (N, C)."""
    geometry, normaliser, inputs = run.geometry, run.normaliser, run.config.inputs
    engine, parts = Engine(run.engine_file), []
    files = list(zip(cells["image_id"], cells["sha256"], strict=True))

    def pixels(file: tuple[str, str]) -> np.ndarray:
        image = decode(read_unchanged(root / file[0], file[1]), file[0])
        return fit(prepare(image, geometry, normaliser, inputs), geometry)

    for start in range(0, len(files), _AT_ONCE):
        batch = list(on_all_cores(pixels, files[start : start + _AT_ONCE]))
        parts.append(engine.predict(np.stack(batch))[1])
        if progress:
            progress(min(start + _AT_ONCE, len(files)), len(files))
    return np.concatenate(parts)


def _build(digests: np.ndarray, values: np.ndarray, method: str, gone: int = 0) -> EmbeddingMap:
    """Projects the cells that have all values, each file once, in the order of their digests."""
    known = np.isfinite(values).all(axis=1)
    if not known.any():
        raise DataError("No cell of these could be measured, so there is nothing to draw.")
    own, first = np.unique(digests[known], return_index=True)
    points, explained = project(values[known][first], method)
    left_out = gone + int((~known).sum())
    return EmbeddingMap(own, points.astype(np.float32), explained, left_out)
