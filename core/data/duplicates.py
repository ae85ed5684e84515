"""Exact and near-identical images, and the subjects they link into one group."""

from collections.abc import Callable, Iterator
from itertools import combinations

import cv2
import numpy as np
import pandas as pd

from core.cells.masks import BLACK_LEVEL
from core.cells.scale import CNMC_SIDE
from core.data.images import window

THUMBNAIL = 16
# On real C-NMC cells, copies with a few dozen changed pixels lie below 0.1 and the closest pair
# of different cells at 2.8 (root mean square over the thumbnail, in grey levels of 255).
THUMBNAIL_RMS = 1.0
# Means of 5x5 pixels forgive what JPEG and WebP do: at quality 30 they change 1 to 2 % of
# a cell by more than 12 levels; the closest pair of different real cells differs in 34 %.
MEAN_OVER = 5
CHANGED_LEVELS = 12
CHANGED_SHARE = 0.05

PAIR_COLUMNS = ["image_a", "image_b", "subject_a", "subject_b", "kind", "changed_pixels"]


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Shrinks the centre window to 16x16, for the search of near duplicates.

    RGB uint8 (H, W, 3) to uint8 (768,).
    """
    size = (THUMBNAIL, THUMBNAIL)
    small = cv2.resize(window(image, CNMC_SIDE), size, interpolation=cv2.INTER_AREA)
    flat: np.ndarray = small.ravel()
    return flat


def exact_pairs(cells: pd.DataFrame) -> pd.DataFrame:
    """The pairs with the same bytes, as `find_pairs` gives them; they need no pixels."""
    return _table(cells, _exact(cells))


def find_pairs(
    cells: pd.DataFrame, thumbnails: np.ndarray, read: Callable[[str], np.ndarray]
) -> pd.DataFrame:
    """Finds all pairs of identical or nearly identical images.

    `cells` has image_id, subject and sha256; `thumbnails` is uint8 (N, 768) in the same order;
    `read` gives an image_id's RGB uint8 (H, W, 3). Returns one row a pair (`PAIR_COLUMNS`): kind
    is "exact" (same bytes) or "near" (the same cell, but for at most 5 % of it: encoded anew, or
    with some pixels changed); changed_pixels counts those that differ by more than 12 of 255
    levels, 0 for exact pairs. An unknown subject is None.
    """
    rows = _exact(cells)
    digest = cells["sha256"].to_numpy()
    for a, b in _close(thumbnails.astype(np.float32)):
        if digest[a] != digest[b]:
            changed = _changed_pixels(*(read(cells["image_id"].iat[i]) for i in (a, b)))
            if changed is not None:
                rows.append((a, b, "near", changed))
    return _table(cells, rows)


_Pair = tuple[int, int, str, int]


def _exact(cells: pd.DataFrame) -> list[_Pair]:
    return [
        (a, b, "exact", 0)
        for twins in cells.groupby("sha256", sort=True).indices.values()
        for a, b in combinations(sorted(twins), 2)
    ]


def _table(cells: pd.DataFrame, rows: list[_Pair]) -> pd.DataFrame:
    image, subject = cells["image_id"].to_numpy(), cells["subject"].to_numpy()
    records = [
        (image[a], image[b], subject[a], subject[b], kind, changed) for a, b, kind, changed in rows
    ]
    return pd.DataFrame(records, columns=PAIR_COLUMNS)


def _close(thumbnails: np.ndarray, block: int = 1024) -> Iterator[tuple[int, int]]:
    # |a - b|^2 = |a|^2 + |b|^2 - 2ab turns the search into matrix products: seconds for 15,000.
    # Centred first, because float32 would lose small distances between large norms.
    centred = thumbnails - thumbnails.mean(axis=0) if len(thumbnails) else thumbnails
    squares = (centred**2).sum(axis=1)
    # The product is only a sieve; its rounding must not drop a pair, hence the margin.
    limit = thumbnails.shape[1] * (2 * THUMBNAIL_RMS) ** 2
    for start in range(0, len(centred), block):
        part = slice(start, start + block)
        distance = (
            squares[part, None] + squares[None, start:] - 2 * centred[part] @ centred[start:].T
        )
        for i, j in zip(*np.nonzero(distance < limit), strict=True):
            a, b = start + int(i), start + int(j)
            if a < b and _rms(thumbnails[a], thumbnails[b]) < THUMBNAIL_RMS:
                yield a, b


def _rms(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def _changed_pixels(a: np.ndarray, b: np.ndarray) -> int | None:
    """Returns the number of changed pixels, or None if the two show different cells."""
    a, b = (window(image, CNMC_SIDE) for image in (a, b))
    means = (cv2.blur(image, (MEAN_OVER, MEAN_OVER)) for image in (a, b))
    changed = int((cv2.absdiff(*means).max(axis=2) > CHANGED_LEVELS).sum())
    cell = int((np.maximum(a, b).max(axis=2) > BLACK_LEVEL).sum())
    if changed > CHANGED_SHARE * cell:
        return None
    return int((cv2.absdiff(a, b).max(axis=2) > CHANGED_LEVELS).sum())


def across_subjects(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs whose two images carry different, known subject ids."""
    known = pairs["subject_a"].notna() & pairs["subject_b"].notna()
    return pairs[known & (pairs["subject_a"] != pairs["subject_b"])]


def link_subjects(subjects: list[str], pairs: pd.DataFrame) -> dict[str, str]:
    """Maps each subject to its group: subjects joined by any pair are one, e.g. "H10+H3"."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = sorted(subjects)
    if not names:
        return {}
    number = {name: row for row, name in enumerate(names)}
    linking = across_subjects(pairs)
    ends = tuple(linking[column].map(number) for column in ("subject_a", "subject_b"))
    links = coo_array((np.ones(len(linking)), ends), shape=(len(names), len(names)))
    _, component = connected_components(links, directed=False)
    groups = pd.Series(names).groupby(component).agg("+".join)
    return dict(zip(names, groups[component], strict=True))
