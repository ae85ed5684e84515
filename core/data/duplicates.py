"""Exact and near-identical images, and the subjects they link into one group."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise, product

import cv2
import numpy as np
import pandas as pd

from core.cells.masks import BLACK_LEVEL, lit_mask, strongest_channel
from core.cells.scale import CNMC_SIDE
from core.data.geometry import window

THUMBNAIL = 16
SAMPLES = 6  # a side of a pixel of the thumbnail
# Of the spread of what is lit: the frame of a thumbnail lies just around a round cell.
REACH = 3.2
# Root mean square over two thumbnails, in grey levels of 255. Of 55 real C-NMC cells the closest
# two that differ lie at 7.9, copies with a few dozen changed pixels below 0.2, and copies as JPEG
# or WebP of quality 30 below 2; shrunk to 48 pixels, copies as JPEG of quality 75 below 5.5.
THUMBNAIL_RMS = 5.5
# The same over means of 4x4 pixels of the thumbnails, where noise evens out: this is searched
# first, in a tree over as many principal components.
COARSE_RMS = 2.2
COMPONENTS = 20
# Of images that look alike by the dozen, each is compared with as many of the nearest alone; and of
# files that are identical by the dozen, each is listed with the next one alone.
NEIGHBOURS = 12
MOST_TWINS = 64
BLOCK = 4096
# Means of 5x5 pixels forgive what JPEG and WebP do: at quality 30 they change 1 to 2 % of
# a cell by more than 12 levels; the closest pair of different real cells differs in 34 %.
MEAN_OVER = 5
CHANGED_LEVELS = 12
CHANGED_SHARE = 0.05

PAIR_COLUMNS = ["image_a", "image_b", "subject_a", "subject_b", "kind", "changed_pixels"]


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Shrinks what is lit of an image to 16x16, for the search of near duplicates.

    The frame follows the content: its centre is that of the brightness, its side `REACH` times the
    spread. So neither a border in black nor the size of the image matters, and noise moves it by a
    part of a pixel. RGB uint8 (H, W, 3) to uint8 (768,); a black image gives zeros.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    moments = cv2.moments(cv2.threshold(grey, BLACK_LEVEL, 0, cv2.THRESH_TOZERO)[1])
    mass, side = moments["m00"], THUMBNAIL * SAMPLES
    if not mass:
        return np.zeros(THUMBNAIL * THUMBNAIL * 3, np.uint8)
    spread = max(1.0, np.sqrt((moments["mu20"] + moments["mu02"]) / mass))
    step = REACH * spread / side
    left, top = (moments[name] / mass - step * (side - 1) / 2 for name in ("m10", "m01"))
    samples = cv2.warpAffine(
        image,
        np.array([[step, 0, left], [0, step, top]]),
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    small = cv2.resize(samples, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    flat: np.ndarray = small.ravel()
    return flat


def exact_pairs(cells: pd.DataFrame) -> pd.DataFrame:
    """The pairs with the same bytes, as `find_pairs` gives them; they need no pixels."""
    return _table(cells, _exact(cells))


def find_pairs(
    cells: pd.DataFrame,
    thumbnails: np.ndarray,
    read: Callable[[str], np.ndarray | None],
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Finds the pairs of identical or nearly identical images.

    `cells` has image_id, subject and sha256; `thumbnails` is uint8 (N, 768) in the same order;
    `read` gives an image_id's RGB uint8 (H, W, 3), None if it cannot be read: it is in no near pair
    then. Returns one row a pair (`PAIR_COLUMNS`): kind
    is "exact" (same bytes) or "near" (the same cell, but for at most 5 % of it: encoded anew, or
    with some pixels changed); changed_pixels counts those that differ by more than 12 of 255
    levels, 0 for exact pairs. An unknown subject is None.

    The number of pairs grows with that of images and not with its square: see `candidates` and
    `MOST_TWINS`. `progress` gets (pairs compared, pairs to compare), (0, 1) while these are looked
    for; what it raises stops the work.
    """
    rows = _exact(cells)
    first = np.flatnonzero(~cells["sha256"].duplicated())  # identical files are looked at once
    twins = {group[0]: group for group in _twins(cells)}
    pairs = first[candidates(thumbnails[first], progress)]

    @lru_cache(maxsize=2 * NEIGHBOURS)
    def cut(row: int) -> np.ndarray | None:
        image = read(cells["image_id"].iat[row])
        return None if image is None else _cut(image).copy()

    for done, (a, b) in enumerate(pairs.tolist(), start=1):
        first_image, second_image = cut(a), cut(b)
        if first_image is None or second_image is None:
            continue
        changed = _changed_pixels(first_image, second_image)
        if changed is not None:
            ends = _between(twins.get(a, [a]), twins.get(b, [b]))
            rows += [(min(pair), max(pair), "near", changed) for pair in ends]
        if progress:
            progress(done, len(pairs))
    return _table(cells, rows)


_Pair = tuple[int, int, str, int]


def _twins(cells: pd.DataFrame) -> list[list[int]]:
    """The rows of identical files, in order, for each file that occurs more than once."""
    codes = pd.factorize(cells["sha256"], sort=True)[0]
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return [group.tolist() for group in groups if len(group) > 1]


def _exact(cells: pd.DataFrame) -> list[_Pair]:
    return [
        (a, b, "exact", 0)
        for twins in _twins(cells)
        for a, b in (pairwise(twins) if len(twins) > MOST_TWINS else combinations(twins, 2))
    ]


def _between(some: list[int], others: list[int]) -> list[tuple[int, int]]:
    """The pairs between two groups of identical files; of large groups, one."""
    if max(len(some), len(others)) > MOST_TWINS:
        return [(some[0], others[0])]
    return list(product(some, others))


def _table(cells: pd.DataFrame, rows: list[_Pair]) -> pd.DataFrame:
    image, subject = cells["image_id"].to_numpy(), cells["subject"].to_numpy()
    records = [
        (image[a], image[b], subject[a], subject[b], kind, changed) for a, b, kind, changed in rows
    ]
    return pd.DataFrame(records, columns=PAIR_COLUMNS)


def candidates(
    thumbnails: np.ndarray, progress: Callable[[int, int], object] | None = None
) -> np.ndarray:
    """The pairs of thumbnails, uint8 (N, 768), within `THUMBNAIL_RMS` and `COARSE_RMS`.

    Returns rows, int (M, 2), first below second, sorted. A thumbnail with more than `NEIGHBOURS`
    candidates is paired with the nearest of them; so M is at most N times as many, and the time
    that of a search in a tree, N log N. `progress` gets (0, 1) from time to time.
    """
    number = len(thumbnails)
    if number < 2:
        return np.empty((0, 2), int)
    from scipy.spatial import cKDTree

    points = _projected(thumbnails)
    tree = cKDTree(points)
    limit = COARSE_RMS * np.sqrt(thumbnails.shape[1])
    found = []
    for start in range(0, number, BLOCK):
        if start and progress:
            progress(0, 1)
        part = points[start : start + BLOCK]
        near = tree.query(part, k=NEIGHBOURS + 1, distance_upper_bound=limit, workers=-1)[1]
        rows = np.repeat(np.arange(start, start + len(part)), near.shape[1])
        pairs = np.column_stack([rows, near.ravel()])
        pairs = np.sort(pairs[(pairs[:, 1] < number) & (pairs[:, 0] != pairs[:, 1])], axis=1)
        a, b = (thumbnails[pairs[:, end]].astype(np.float32) for end in (0, 1))
        found.append(pairs[((a - b) ** 2).mean(axis=1) < THUMBNAIL_RMS**2])
    return np.unique(np.concatenate(found), axis=0)


def _projected(thumbnails: np.ndarray) -> np.ndarray:
    """Points, float (N, 20): components of the means over 4x4 pixels, each of weight 16."""
    rows = thumbnails.reshape(-1, 4, 4, 16 * 3).sum(axis=2, dtype=np.uint16)
    sums = rows.reshape(-1, 4, 4, 4, 3).sum(axis=3, dtype=np.uint16)
    means = sums.reshape(len(thumbnails), -1).astype(np.float32) / 4
    means -= means.mean(axis=0)
    some = means[:: max(1, len(means) // BLOCK)]  # any axes will do; these spread the points
    axes = np.linalg.eigh(some.T @ some)[1][:, -COMPONENTS:]
    points: np.ndarray = np.einsum("ij,jk->ik", means, np.ascontiguousarray(axes))
    # A tree cannot split what lies in one point.
    return points + np.random.default_rng(0).normal(0, 1e-3, points.shape)


@dataclass(frozen=True)
class PairDifference:
    """Where two images of one cell differ.

    first and second: the images on one square, RGB uint8 (S, S, 3). levels: uint8 (S, S), the
    difference of the channel that differs most. changed: pixels that differ by more than
    `CHANGED_LEVELS`.
    """

    first: np.ndarray
    second: np.ndarray
    levels: np.ndarray
    changed: int

    @property
    def most(self) -> int:
        """The largest difference, 0 to 255 levels."""
        return int(self.levels.max())

    @property
    def stretched(self) -> np.ndarray:
        """The levels as a picture, RGB uint8 (S, S, 3): black without difference, white at most."""
        grey = cv2.convertScaleAbs(self.levels, alpha=255 / max(self.most, 1))
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB))


def difference(a: np.ndarray, b: np.ndarray) -> PairDifference:
    """Lays two images, RGB uint8 (H, W, 3), on each other as the search compares them.

    That is: both at their scale, centre on centre, as far as the frame of a C-NMC image reaches. A
    copy that was turned, mirrored or resized is none to the search, and is not laid back here.
    """
    a, b = _overlaid(_cut(a), _cut(b))
    levels = strongest_channel(cv2.absdiff(a, b))
    return PairDifference(a, b, levels, int((levels > CHANGED_LEVELS).sum()))


def _cut(image: np.ndarray) -> np.ndarray:
    return window(image, min(CNMC_SIDE, max(image.shape[:2])))


def _overlaid(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    side = max(len(a), len(b))
    return window(a, side), window(b, side)


def _changed_pixels(a: np.ndarray, b: np.ndarray) -> int | None:
    """Returns the number of changed pixels, or None if the two show different cells."""
    a, b = _overlaid(a, b)
    means = (cv2.blur(image, (MEAN_OVER, MEAN_OVER)) for image in (a, b))
    changed = np.count_nonzero(lit_mask(cv2.absdiff(*means), CHANGED_LEVELS))
    cell = np.count_nonzero(lit_mask(np.maximum(a, b)))
    if changed > CHANGED_SHARE * cell:
        return None
    return difference(a, b).changed


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
