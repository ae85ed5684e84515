"""Draws the cells of a run: a sample of the pool, split into parts."""

import numpy as np
import pandas as pd

from core.data.indexing import Index
from core.data.splits.methods import cross_validation, pool, split
from core.errors import ConfigError

BALANCES = ("natural", "balanced")


def draw(
    index: Index,
    method: str,
    *,
    seed: int,
    sample_of: int | None,
    balance: str,
    folds: int = 0,
    fold: int = 0,
) -> pd.DataFrame:
    """Samples `sample_of` cells of the pool (None: all) and splits them.

    With `folds`, the parts are those of one fold, see `cross_validation`.
    """
    cells = pool(index, method)
    if sample_of is not None:
        cells = sample(cells, sample_of, balance=balance, seed=seed)
    if folds:
        return cross_validation(index, method, seed=seed, folds=folds, fold=fold, cells=cells)
    return split(index, method, seed=seed, cells=cells)


def sample(cells: pd.DataFrame, images: int, *, balance: str, seed: int) -> pd.DataFrame:
    """Draws `images` cells, stratified by class and spread over groups.

    `balance`: "natural" keeps the class shares, "balanced" takes as many ALL as HEM. Within a
    class, cells are taken round-robin over the groups until the class is full. Rows keep their
    order. Raises `ConfigError` if there are fewer cells than `images`.
    """
    if balance not in BALANCES:
        raise ConfigError(f"balance is {balance!r}; it can be {', '.join(BALANCES)}.")
    available = cells["label"].value_counts().reindex([0, 1], fill_value=0)
    if balance == "balanced":
        counts = {1: images - images // 2, 0: images // 2}
    else:
        positives = round(images * available[1] / max(len(cells), 1))
        counts = {1: positives, 0: images - positives}
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for label, number in counts.items():
        name = "ALL" if label else "HEM"
        if number < 1:
            raise ConfigError(
                f"A {balance} sample of {images} images would hold no {name} image. Ask for more."
            )
        if number > available[label]:
            raise ConfigError(
                f"A {balance} sample of {images} images needs {number} {name} images; the data set "
                f"has {available[label]}. Ask for fewer, or for the other balance."
            )
        rows = rng.permutation(np.flatnonzero(cells["label"] == label))
        groups = cells["group"].iloc[rows]
        turn = groups.groupby(groups, dropna=False).cumcount().to_numpy()
        chosen.extend(rows[np.argsort(turn, kind="stable")][:number])
    return cells.iloc[sorted(chosen)]
