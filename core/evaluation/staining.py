"""Fits the colours of a run's training cells, and measures what adapting other cells to them costs.

The cost is how far the logit of a cell moves if it comes in another stain and is adapted. Cells of
the validation part are re-coloured, as dyes, lamp and camera of other laboratories would have them:
in each of a few stains, all alike, every channel gets another optical density per dye, another
light and some of the neighbouring channels. Then they are adapted back, and read. The root mean
square change of the logit, each group of subjects counting the same, is the cost; a reading of an
adapted cell holds its interval wider by it.

Its limits: re-coloured is not stained. Every pixel changes by one rule, so what other dyes bind to,
other optics and another microscope's noise are not in it, nor are laboratories beyond the range
drawn; nor does it say whether the model is right about cells from elsewhere. The true cost may be
higher: `python -m benchmarks stain` compares it with cells that were drawn in another stain.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from core.cells.masks import bounding_box, lit_mask
from core.cells.staining import NORMALISERS, Densities
from core.data import datasets
from core.data.geometry import fit
from core.data.images import decode
from core.data.pixel_cache import prepare
from core.data.walk import Progress, read_unchanged
from core.models.engine import Engine
from core.runs.run_store import Run, require_model
from core.runs.stain import AdaptationCost, Stain

TRAINING_CELLS, VALIDATION_CELLS = 200, 96  # at most, of all groups about as many
MIN_GROUPS = 3
STAINS = 4
# Half-widths of uniform draws, in natural logarithms of densities and levels.
DYE, LIGHT, NEIGHBOUR = 0.35, 0.2, 0.15


def fit_stain(root: Path, parts: pd.DataFrame, method: str) -> Stain:
    """The colours of the cells of the training part.

    `parts` has image_id (path below `root`), sha256, group and split of each cell, `method` is one
    of `core.cells.staining.METHODS`. Raises `DataError` if a file is missing or has changed.
    """
    cells = _evenly(parts[parts["split"] == "train"], TRAINING_CELLS)
    images = _images(root, cells)
    document = {
        "normalisation": method,
        "colours": Densities.fit(images),
        "cells": len(cells),
        "groups": int(cells["group"].nunique(dropna=False)),
    }
    if method != "none":
        document[method] = NORMALISERS[method].fit(images)
    return Stain.parse(document)


def measure_cost(
    run: Run,
    stain: Stain,
    root: Path,
    parts: pd.DataFrame,
    engine: Engine,
    progress: Progress | None = None,
) -> Stain:
    """Measures what adapting cells to the training cells' colours costs, on the validation part.

    `parts` as in `fit_stain`, of a run that has metrics; `engine` is its own. Returns the colours
    with the cost, and writes them to stain.json. There is no cost if the part has fewer than 3
    groups.
    `progress` gets (done, total). Raises `DataError` if a file is missing or has changed.
    """
    cells = _evenly(parts[parts["split"] == "validation"], VALIDATION_CELLS)
    groups = cells["group"].fillna("unknown").to_numpy()
    if len(np.unique(groups)) < MIN_GROUPS:
        stain.write(run.stain_file)
        return stain
    images, geometry = _images(root, cells), run.geometry

    def logits(pictures: Iterable[np.ndarray]) -> np.ndarray:
        seen = [prepare(picture, geometry, stain.normaliser) for picture in pictures]
        return engine.logits(np.stack([fit(picture, geometry) for picture in seen]))

    plain, squares = logits(images), np.zeros(len(images))
    for number in range(STAINS):
        other = draw_stain(np.random.default_rng(number))
        adapted = logits(stain.colours(recolour(image, *other)) for image in images)
        squares += (adapted - plain) ** 2
        if progress:
            progress(number + 1, STAINS)
    of_groups = pd.Series(squares / STAINS).groupby(groups).mean()
    cost = AdaptationCost(
        change=float(np.sqrt(of_groups.mean())),
        cells=len(cells),
        groups=len(of_groups),
        stains=STAINS,
    )
    measured = stain.replace(adaptation=cost)
    measured.write(run.stain_file)
    return measured


def measure_again(run: Run, progress: Progress | None = None) -> Stain:
    """Measures a finished run from its data set; fits its colours first if an older version did.

    Raises `DataError` if the cells are gone or have changed, `RunError` if the run has not
    succeeded or is a control.
    """
    run.require_succeeded("be measured")
    require_model(run)
    root = datasets.resolve(run.config.dataset)
    parts = pd.read_parquet(run.path / "split.parquet")
    stain = run.stain
    if stain is None or stain.colours.correlation is None:
        fitted = fit_stain(root, parts, run.config.stain_normalisation)
        stain = fitted if stain is None else stain.replace(colours=fitted.colours)
    return measure_cost(run, stain, root, parts, Engine(run.engine_file), progress)


def draw_stain(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Another stain: what each channel's density becomes, (3, 3), and the light lost, (3,)."""
    mixing = np.eye(3) + rng.uniform(-NEIGHBOUR, NEIGHBOUR, (3, 3)) * (1 - np.eye(3))
    return np.exp(rng.uniform(-DYE, DYE, 3))[:, None] * mixing, rng.uniform(-LIGHT, LIGHT, 3)


def recolour(image: np.ndarray, mixing: np.ndarray, light: np.ndarray) -> np.ndarray:
    """A cell on black, RGB uint8 (H, W, 3), in the stain that `draw_stain` has drawn."""
    lit, result = lit_mask(image), np.zeros_like(image)
    if lit.any():
        x, y, w, h = bounding_box(lit)
        box = slice(y, y + h), slice(x, x + w)
        changed = cv2.transform(Densities.to_axes(image[box]), np.column_stack((mixing, light)))
        levels = np.clip(np.rint(Densities.from_axes(changed)), 1, 255).astype(np.uint8)
        result[box] = levels * lit[box][:, :, None]
    return result


def _evenly(cells: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many cells: one of each group, then a second of each, and so on."""
    shuffled = cells.sample(frac=1, random_state=0)
    turn = shuffled.groupby(shuffled["group"].fillna("unknown")).cumcount()
    return shuffled.iloc[np.argsort(turn, kind="stable")[:most]]


def _images(root: Path, cells: pd.DataFrame) -> list[np.ndarray]:
    """The pictures of cells; raises `DataError` if a file is missing or has changed."""

    def image(image_id: str, sha256: str) -> np.ndarray:
        return decode(read_unchanged(root / image_id, sha256), image_id)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(image, cells["image_id"], cells["sha256"]))
