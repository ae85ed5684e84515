"""Which cells train, which choose the weights, which are measured on: splits and sampling."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from core.data.manifest import Index
from core.errors import ConfigError, DataError

PARTS = ("train", "validation", "test")
FRACTIONS = (0.7, 0.15, 0.15)
BALANCES = ("natural", "balanced")
_TRIES = 64


def split(
    found: Index, method: str, *, seed: int, cells: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Gives each cell its part: a copy of the cells with a column `split`, one of `PARTS`.

    `method`: "subject" keeps every group in one part and balances the classes (70/15/15);
    "folds" trains on C-NMC's fold_0, validates on fold_1 and tests on fold_2; "image" deals out
    single images, so that cells of one patient stand on both sides: it leaks, and is there to
    show how much. `cells` restricts the split to a sample of `found.cells`.

    Raises `ConfigError` for another method, `DataError` where a part would lack a class.
    """
    if method not in METHODS:
        raise ConfigError(f"split is {method!r}; it can be {', '.join(METHODS)}.")
    cells = found.cells if cells is None else cells
    parts = METHODS[method](cells, np.random.default_rng(seed))
    result = cells.assign(split=parts)
    for part in PARTS:
        classes = result.loc[result["split"] == part, "label"].nunique()
        if classes < 2:
            raise DataError(
                f"Under the split {method!r} the {part} part of {found.name} lacks a class. "
                "Take more cells, another seed or another split."
            )
    return result


def _by_group(cells: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Best of many random greedy assignments: the one nearest to the wanted class counts."""
    counts = pd.crosstab(cells["group"], cells["label"]).reindex(columns=[0, 1], fill_value=0)
    for label, name in ((1, "ALL"), (0, "HEM")):
        have = int((counts[label] > 0).sum())
        if have < len(PARTS):
            raise DataError(
                f"{name} cells come from {have} group(s) of subjects; a subject-disjoint split "
                f"into {', '.join(PARTS)} needs at least {len(PARTS)}. Add subjects."
            )
    sizes = counts.to_numpy(float)
    target = np.outer(FRACTIONS, sizes.sum(axis=0))
    best, best_error = np.zeros(len(sizes), int), np.inf
    for _ in range(_TRIES):
        parts, totals = _assign(sizes, target, rng)
        error = (((totals - target) / target.sum(axis=0)) ** 2).sum() + 10 * (totals == 0).sum()
        if error < best_error:
            best, best_error = parts, error
    part_of = dict(zip(counts.index, np.array(PARTS)[best], strict=True))
    return cells["group"].map(part_of).to_numpy()


def _assign(
    sizes: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Deals groups, in random order, each to the part that is furthest from its target.

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
    unknown = sorted({str(fold) for fold in cells["fold"].unique() if fold not in names})
    if unknown:
        raise DataError(
            f"The split 'folds' needs every cell in fold_0, fold_1 or fold_2; found {unknown}. "
            "Use the split 'subject'."
        )
    return cells["fold"].map(names).to_numpy()


METHODS: dict[str, Callable[[pd.DataFrame, np.random.Generator], np.ndarray]] = {
    "subject": _by_group,
    "folds": _by_fold,
    "image": _by_image,
}


def audit(parts: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, object]:
    """What crosses the lines of a split (as `split` gives it): a split that leaks says so here.

    Returns leaking, groups_crossing (how many groups stand in more than one part),
    pairs_crossing (duplicates on both sides), and per part images, groups and ALL cells.
    """
    part_of = dict(zip(parts["image_id"], parts["split"], strict=True))
    ends = zip(pairs["image_a"].map(part_of), pairs["image_b"].map(part_of), strict=True)
    crossing = sum(1 for a, b in ends if isinstance(a, str) and isinstance(b, str) and a != b)
    groups = int((parts.groupby("group")["split"].nunique() > 1).sum())
    return {
        "leaking": bool(groups or crossing),
        "groups_crossing": groups,
        "pairs_crossing": crossing,
        "parts": {
            str(part): {
                "images": len(rows),
                "groups": int(rows["group"].nunique()),
                "all": int(rows["label"].sum()),
            }
            for part, rows in parts.groupby("split")
        },
    }


def sample(cells: pd.DataFrame, images: int, *, balance: str, seed: int) -> pd.DataFrame:
    """Draws `images` cells, stratified by class and spread over groups.

    `balance`: "natural" keeps the class shares, "balanced" takes as many ALL as HEM. Within a
    class the groups are gone round, one cell a turn, until the class is full. Rows keep their
    order. Raises `ConfigError` when there are not so many cells.
    """
    if balance not in BALANCES:
        raise ConfigError(f"balance is {balance!r}; it can be {', '.join(BALANCES)}.")
    available = cells["label"].value_counts().reindex([0, 1], fill_value=0)
    if balance == "balanced":
        wanted = {1: images - images // 2, 0: images // 2}
    else:
        positives = round(images * available[1] / max(len(cells), 1))
        wanted = {1: positives, 0: images - positives}
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for label, number in wanted.items():
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
        turn = cells["group"].iloc[rows].groupby(cells["group"].iloc[rows]).cumcount().to_numpy()
        chosen.extend(rows[np.argsort(turn, kind="stable")][:number])
    return cells.iloc[sorted(chosen)]
