"""Splits cells into training, validation and test parts."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from core.data.indexing import Index
from core.errors import ConfigError, DataError

PARTS = ("train", "validation", "test")
FRACTIONS = (0.7, 0.15, 0.15)
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
    on C-NMC's preliminary test phase and splits the training phase by group (85/15); "published"
    keeps the parts of the data set's publisher, see `_as_published`; "image" deals
    out single images, so that cells of one patient are in several parts: it leaks, and exists to
    show how much. `cells` restricts the split to a sample of its `pool`.

    Raises `ConfigError` if `method` is unknown, `DataError` if a part would lack a class.
    """
    if method not in METHODS:
        raise ConfigError(f"split is {method!r}; it can be {', '.join(METHODS)}.")
    cells = pool(index, method) if cells is None else cells
    if cells.empty:
        raise DataError(
            f"{index.name} has no labelled images of the training phase to split. Say which "
            "classes are ALL and HEM, or add the table of labels."
        )
    parts = METHODS[method](cells, np.random.default_rng(seed))
    result = cells.assign(split=parts)
    for part in PARTS:
        classes = result.loc[result["split"] == part, "label"].nunique()
        if classes < 2:
            raise DataError(
                f"Under the split {method!r} the {part} part of {index.name} lacks a class. "
                "Take more images, another seed or another split."
            )
    return result


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
                "images or another seed."
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
            f"The subjects of {unknown} images are not known, so none can be held out. Use the "
            "split 'image', and take its numbers for what they are: patients may be on both sides."
        )
    counts = pd.crosstab(cells["group"], cells["label"]).reindex(columns=[0, 1], fill_value=0)
    for label, name in ((1, "ALL"), (0, "HEM")):
        have = int((counts[label] > 0).sum())
        if have < len(fractions):
            raise DataError(
                f"{name} images come from {have} group(s) of subjects; a subject-disjoint split "
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
            "The split 'preliminary' needs the images of C-NMC's preliminary test phase with their "
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
                f"There are {len(rows)} {name} images; a split into {', '.join(PARTS)} needs at "
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
            f"The split 'folds' needs every image in fold_0, fold_1 or fold_2; {elsewhere:,} are "
            "in none of them. Use the split 'subject'."
        )
    values: np.ndarray = parts.to_numpy()
    return values


def _as_published(cells: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Keeps the publisher's parts.

    Where there is no test part, the validation part tests; where none is left to validate, 15 % of
    the training part do: whole groups, or single images if subjects are not known.
    """
    parts: np.ndarray = cells["part"].to_numpy(dtype=object, na_value=None)
    nowhere = sum(part is None for part in parts)
    if nowhere:
        raise DataError(
            "The split 'published' needs every image in a part of the publisher's (folders or a "
            f"column with train, validation, test); {nowhere:,} are in none. Use the split "
            "'subject' or 'image'."
        )
    if "test" not in parts:
        parts[parts == "validation"] = "test"
    if "validation" not in parts:
        training = parts == "train"
        fractions = _TRAINING_FRACTIONS
        if cells["group"][training].isna().any():
            dealt = _deal_images(cells[training], rng, round(1 / fractions[1]))
            parts[training] = np.where(dealt, "train", "validation")
        else:
            parts[training] = _by_group(cells[training], rng, fractions)
    return parts


METHODS: dict[str, Callable[[pd.DataFrame, np.random.Generator], np.ndarray]] = {
    "subject": _by_group,
    "folds": _by_fold,
    "preliminary": _by_phase,
    "published": _as_published,
    "image": _by_image,
}
