"""Splits cells into training, validation and test parts, and samples them."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from core.data.indexing import Index
from core.documents import Section
from core.errors import ConfigError, DataError

PARTS = ("train", "validation", "test")
FRACTIONS = (0.7, 0.15, 0.15)
BALANCES = ("natural", "balanced")
# The methods that cross-validation can deal into folds.
FOLDED = ("subject", "image")
_TRAINING_FRACTIONS = (0.85, 0.15)
_TRIES = 64


def pool(index: Index, method: str) -> pd.DataFrame:
    """Returns the labelled cells that a split uses: those of the training phase, and for the
    "preliminary" split also those of the preliminary test phase. label is int64.
    """
    cells = index.labelled()
    phases = ["training", "preliminary"] if method == "preliminary" else ["training"]
    return cells[cells["phase"].isin(phases)]


def split(
    index: Index, method: str, *, seed: int, cells: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Assigns each cell to a part: returns a copy of the cells with a column `split` (`PARTS`).

    `method`: "subject" keeps every group in one part and balances the classes (70/15/15);
    "folds" trains on C-NMC's fold_0, validates on fold_1 and tests on fold_2; "preliminary" tests
    on C-NMC's preliminary test phase and splits the training phase by group (85/15); "image" deals
    out single images, so that cells of one patient are in several parts: it leaks, and exists to
    show how much. `cells` restricts the split to a sample of its `pool`.

    Raises `ConfigError` if `method` is unknown, `DataError` if a part would lack a class.
    """
    if method not in METHODS:
        raise ConfigError(f"split is {method!r}; it can be {', '.join(METHODS)}.")
    cells = pool(index, method) if cells is None else cells
    if cells.empty:
        raise DataError(f"{index.name} has no labelled cells of the training phase to split.")
    parts = METHODS[method](cells, np.random.default_rng(seed))
    result = cells.assign(split=parts)
    for part in PARTS:
        classes = result.loc[result["split"] == part, "label"].nunique()
        if classes < 2:
            raise DataError(
                f"Under the split {method!r} the {part} part of {index.name} lacks a class. "
                "Take more cells, another seed or another split."
            )
    return result


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


def cross_validation(
    index: Index, method: str, *, seed: int, folds: int, fold: int, cells: pd.DataFrame
) -> pd.DataFrame:
    """Assigns the parts of fold `fold` (from 0): it is the test part, the next one validates.

    The folds depend on the cells, `seed` and `folds` alone, so that every cell is tested once over
    all of them. `method`: "subject" keeps every group in one fold, "image" deals out single images
    and leaks. Raises `ConfigError` if `method` is unknown, `DataError` if a fold lacks a class.
    """
    rng = np.random.default_rng(seed)
    match method:
        case "subject":
            number = _deal_groups(cells, rng, (1 / folds,) * folds)
        case "image":
            number = _deal_images(cells, rng, folds)
        case _:
            raise ConfigError(f"split is {method!r}; cross-validation takes subject or image.")
    labels = cells["label"].to_numpy()
    for part in range(folds):
        if len(np.unique(labels[number == part])) < 2:
            raise DataError(
                f"With {folds} folds, one of {index.name} lacks a class. Take fewer folds, more "
                "cells or another seed."
            )
    parts = np.full(len(cells), "train", dtype=object)
    parts[number == (fold + 1) % folds] = "validation"
    parts[number == fold] = "test"
    return cells.assign(split=parts)


def _by_group(
    cells: pd.DataFrame,
    rng: np.random.Generator,
    fractions: tuple[float, ...] = FRACTIONS,
) -> np.ndarray:
    parts: np.ndarray = np.array(PARTS, dtype=object)[_deal_groups(cells, rng, fractions)]
    return parts


def _deal_groups(
    cells: pd.DataFrame, rng: np.random.Generator, fractions: tuple[float, ...]
) -> np.ndarray:
    """Assigns whole groups to parts; returns the part number of each cell, int (N,).

    Takes the best of many random greedy assignments: the one nearest to the target class counts.
    """
    unknown = int(cells["group"].isna().sum())
    if unknown:
        raise DataError(
            f"The subjects of {unknown} cells are not known, so none can be held out. Use the "
            "split 'image', and take its numbers for what they are: patients may be on both sides."
        )
    counts = pd.crosstab(cells["group"], cells["label"]).reindex(columns=[0, 1], fill_value=0)
    for label, name in ((1, "ALL"), (0, "HEM")):
        have = int((counts[label] > 0).sum())
        if have < len(fractions):
            raise DataError(
                f"{name} cells come from {have} group(s) of subjects; a subject-disjoint split "
                f"into {len(fractions)} parts needs at least {len(fractions)}. Add subjects."
            )
    sizes = counts.to_numpy(float)
    target = np.outer(fractions, sizes.sum(axis=0))
    best, best_error = np.zeros(len(sizes), int), np.inf
    for _ in range(_TRIES):
        parts, totals = _assign(sizes, target, rng)
        error = (((totals - target) / target.sum(axis=0)) ** 2).sum() + 10 * (totals == 0).sum()
        if error < best_error:
            best, best_error = parts, error
    labels: np.ndarray = cells["group"].map(dict(zip(counts.index, best, strict=True))).to_numpy()
    return labels


def _deal_images(cells: pd.DataFrame, rng: np.random.Generator, parts: int) -> np.ndarray:
    """Assigns images to parts of equal size in each class; returns int (N,)."""
    number = np.zeros(len(cells), int)
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(cells["label"] == label))
        number[rows] = np.arange(len(rows)) % parts
    return number


def _by_phase(cells: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    test = (cells["phase"] == "preliminary").to_numpy()
    if not test.any():
        raise DataError(
            "The split 'preliminary' needs the cells of C-NMC's preliminary test phase with their "
            "labels CSV, and finds none. Add them to the folder, or use the split 'subject'."
        )
    parts = np.full(len(cells), "test", dtype=object)
    parts[~test] = _by_group(cells[~test], rng, _TRAINING_FRACTIONS)
    return parts


def _assign(
    sizes: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Assigns groups, in random order, each to the part that is furthest from its target.

    `sizes` is (groups, classes), `target` (parts, classes). Returns parts (groups,) and the
    totals reached (parts, classes).
    """
    parts, totals = np.zeros(len(sizes), int), np.zeros_like(target)
    order = rng.permutation(len(sizes))
    for place, group in enumerate(order):
        label = int(np.argmax(sizes[group]))
        waiting = (sizes[order[place:], label] > 0).sum()
        empty = np.flatnonzero(totals[:, label] == 0)
        need = target[:, label] - totals[:, label]
        part = int(empty[0]) if 0 < waiting <= len(empty) else int(np.argmax(need))
        parts[group] = part
        totals[part] += sizes[group]
    return parts, totals


def _by_image(cells: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    parts = np.empty(len(cells), dtype=object)
    for label, name in ((0, "HEM"), (1, "ALL")):
        rows = rng.permutation(np.flatnonzero(cells["label"] == label))
        if len(rows) < len(PARTS):
            raise DataError(
                f"There are {len(rows)} {name} cells; a split into {', '.join(PARTS)} needs at "
                f"least {len(PARTS)}. Take more cells."
            )
        first, second = np.round(np.cumsum(FRACTIONS)[:-1] * len(rows)).astype(int)
        first = min(first, len(rows) - 2)  # three cells are enough for three parts
        cuts = [first, min(max(second, first + 1), len(rows) - 1)]
        for part, chosen in zip(PARTS, np.split(rows, cuts), strict=True):
            parts[chosen] = part
    return parts


def _by_fold(cells: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    names = dict(enumerate(PARTS))
    parts = cells["fold"].map(names)
    elsewhere = int(parts.isna().sum())
    if elsewhere:
        raise DataError(
            f"The split 'folds' needs every cell in fold_0, fold_1 or fold_2; {elsewhere:,} are "
            "in none of them. Use the split 'subject'."
        )
    values: np.ndarray = parts.to_numpy()
    return values


METHODS: dict[str, Callable[[pd.DataFrame, np.random.Generator], np.ndarray]] = {
    "subject": _by_group,
    "folds": _by_fold,
    "preliminary": _by_phase,
    "image": _by_image,
}


class PartCells(Section):
    """How many cells, subjects and groups a part has, and how many cells of each class."""

    images: int
    subjects: int
    groups: int
    all: int
    hem: int


class SplitAudit(Section):
    """What crosses between the parts of a split; None where an older version did not look.

    leaking: something crosses, or cannot be known not to. groups_crossing: groups that stand in
    more than one part. exact_pairs_crossing, near_pairs_crossing, and their sum pairs_crossing:
    duplicates on both sides. unknown_subjects: cells whose subject is not known.
    """

    SPARSE: ClassVar[bool] = True

    leaking: bool
    groups_crossing: int | None = None
    exact_pairs_crossing: int | None = None
    near_pairs_crossing: int | None = None
    pairs_crossing: int | None = None
    unknown_subjects: int | None = None
    parts: dict[str, PartCells] = Field(default_factory=dict)


def audit(parts: pd.DataFrame, pairs: pd.DataFrame) -> SplitAudit:
    """Measures the leakage of a split (as returned by `split`)."""
    part_of = parts.set_index("image_id")["split"]
    ends = pairs.assign(a=pairs["image_a"].map(part_of), b=pairs["image_b"].map(part_of))
    ends = ends.dropna(subset=["a", "b"])
    crossing = ends.loc[ends["a"] != ends["b"], "kind"].value_counts()
    exact, near = (int(crossing.get(kind, 0)) for kind in ("exact", "near"))
    groups = int((parts.groupby("group")["split"].nunique() > 1).sum())
    unknown = int(parts["group"].isna().sum())
    return SplitAudit(
        leaking=bool(groups or exact or near or unknown),
        groups_crossing=groups,
        exact_pairs_crossing=exact,
        near_pairs_crossing=near,
        pairs_crossing=exact + near,
        unknown_subjects=unknown,
        parts={
            str(part): PartCells(
                images=len(rows),
                subjects=int(rows["subject"].nunique()),
                groups=int(rows["group"].nunique()),
                all=int(rows["label"].sum()),
                hem=int((rows["label"] == 0).sum()),
            )
            for part, rows in parts.groupby("split")
        },
    )


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
                f"A {balance} sample of {images} cells would hold no {name} cell. Ask for more."
            )
        if number > available[label]:
            raise ConfigError(
                f"A {balance} sample of {images} cells needs {number} {name} cells; the data set "
                f"has {available[label]}. Ask for fewer, or for the other balance."
            )
        rows = rng.permutation(np.flatnonzero(cells["label"] == label))
        groups = cells["group"].iloc[rows]
        turn = groups.groupby(groups, dropna=False).cumcount().to_numpy()
        chosen.extend(rows[np.argsort(turn, kind="stable")][:number])
    return cells.iloc[sorted(chosen)]
