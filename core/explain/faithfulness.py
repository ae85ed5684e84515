"""Measures of whether a heat map may be believed. `trust.py` makes a judgement of them.

Regions are the positions of the feature map, laid over the image as the overlay lays them.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.explain.cam import SIGNS, HeatMap, HeatMapMethod, View

# Where the curves are sampled between none of the cell and the whole. The outer two are for maps
# that mark a small part: a random order seldom has all of it among its first eighth.
LEVELS = (0.125, 0.5, 0.875)
# With their reverses 20: a map that marks nothing in particular beats all in about 1 case of 20.
ORDERINGS = 10
# A region belongs to the cell where the outline covers at least this share of it.
TOUCHES = 0.1
# Few, since memory for more images at once costs more than it saves on a processor.
BATCH = 4


@dataclass(frozen=True)
class Deletion:
    """Deletion and insertion areas (Petsiuk et al. 2018, RISE, section 4.2) of one map.

    Each is the mean log-odds of the call while the cell's regions are taken away, or put back, the
    hottest first. `random_area` is the mean of either for random orderings: an ordering backwards
    is an ordering too, so they share one. advantage: insertion less deletion area; what a map that
    finds the evidence has above 0. z: the advantage over the root mean square of those of random
    orderings, whose mean is 0. beaten: the share of these, of which there are `2 * ORDERINGS`, that
    are not above it, 0..1.
    """

    deletion_area: float
    insertion_area: float
    random_area: float
    advantage: float
    z: float
    beaten: float


def coverage(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The share of each region that a bool mask (H, W) covers, float32 (h, w), 0..1."""
    size = (shape[1], shape[0])
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def deletion(view: View, heat: HeatMap, call: str, mask: np.ndarray, seed: int = 0) -> Deletion:
    """Deletes and inserts what a map says matters, and compares with random orderings.

    `mask` is the cell's outline, bool (S, S). What is deleted takes the cell's mean colour, so that
    the outline stays and the background is black as ever: a black hole is like no cell that a
    model has seen. Evidence in the outline itself is therefore out of reach. The score is the log-
    odds of the call, since a probability near 1 hardly falls. Random orderings are smooth as heat
    maps are: taking coherent parts away changes a cell more than taking scattered ones, and a map
    is not to be praised for that.

    It reads 6 images for the map and for each of `ORDERINGS`, and one whole and one empty cell.
    """
    shape = heat.values.shape
    cell = np.flatnonzero(coverage(mask, shape).ravel() >= TOUCHES)
    random = np.random.default_rng(seed)
    fields = [heat.values, *(_smooth_noise(shape, random) for _ in range(ORDERINGS))]
    # Regions of equal heat, the many of 0 among them, come in random order.
    orders = [cell[np.lexsort((random.random(len(cell)), -f.ravel()[cell]))] for f in fields]
    kept = [np.ones(len(cell), bool), np.zeros(len(cell), bool)]
    for order in orders:
        for direction in (order, order[::-1]):
            for level in LEVELS:
                kept.append(np.isin(cell, direction[: round(level * len(cell))]))
    logit = [
        view.engine(_painted(view.pixels, mask, cell, some, shape)).logit
        for some in (np.array(kept[start : start + BATCH]) for start in range(0, len(kept), BATCH))
    ]
    scores = SIGNS[call] * np.concatenate(logit).astype(float)
    # Of each ordering the share of the cell kept, from none to all: hottest first, coldest first.
    curves = np.empty((len(orders), 2, len(LEVELS) + 2))
    curves[:, :, 0], curves[:, :, -1] = scores[1], scores[0]
    curves[:, :, 1:-1] = scores[2:].reshape(len(orders), 2, len(LEVELS))
    areas = np.asarray(np.trapezoid(curves, (0, *LEVELS, 1), axis=2))
    advantages = areas[:, 0] - areas[:, 1]
    own, others = float(advantages[0]), np.concatenate([advantages[1:], -advantages[1:]])
    spread = float(np.sqrt((others**2).mean()))
    return Deletion(
        deletion_area=float(areas[0, 1]),
        insertion_area=float(areas[0, 0]),
        random_area=float(areas[1:].mean()),
        advantage=own,
        # A head to which nothing in the cell matters has no spread, and finds no map better. A
        # tie is with an ordering that has happened on all the evidence too.
        z=own / spread if spread > 0 else 0.0,
        beaten=float((own >= others - 1e-6 * spread).mean()) if spread > 0 else 0.0,
    )


def _smooth_noise(shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Noise that varies over about a quarter of its width, float (h, w)."""
    deviation = max(shape) / 8
    return cv2.GaussianBlur(random.standard_normal(shape), (0, 0), deviation)


def _painted(
    pixels: np.ndarray, mask: np.ndarray, cell: np.ndarray, kept: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """The image with regions painted over, once for each row of `kept`, bool (N, len(cell)).

    `cell` are the regions, numbered by rows, that the columns stand for; uint8 (N, S, S, 3).
    """
    down, across = (np.arange(n) * m // n for n, m in zip(mask.shape, shape, strict=True))
    inside = np.flatnonzero(mask)
    region = (down[:, None] * shape[1] + across)[mask]
    keeps = np.ones((len(kept), shape[0] * shape[1]), bool)
    keeps[:, cell] = kept
    images = np.repeat(pixels[None], len(kept), axis=0)
    colour = np.rint(pixels[mask].mean(axis=0)).astype(np.uint8)
    for image, row in zip(images.reshape(len(kept), -1, 3), keeps, strict=True):
        image[inside[~row[region]]] = colour
    return images


def inside_share(heat: np.ndarray, mask: np.ndarray) -> float:
    """The share of heat, float (H, W) and not all 0, within the outline, bool (H, W); 0..1."""
    return float(heat[mask].sum() / heat.sum())


def off_cell_peak(heat: HeatMap, mask: np.ndarray) -> float:
    """The most heat, 0..1, in the corners and along the border where the cell does not reach.

    There is nothing but black, and the padding of the convolutions: heat there is made by the
    network itself. 0 for a cell that touches every region of the border.
    """
    border = np.ones(heat.values.shape, bool)
    border[1:-1, 1:-1] = False
    black = border & (coverage(mask, heat.values.shape) == 0)
    return float(heat.values[black].max(initial=0))


def agreement_with_shuffled(
    view: View, heat: HeatMap, method: HeatMapMethod, call: str, mask: np.ndarray
) -> float:
    """How like the map is to those of heads that have learned nothing, -1..1.

    The rank correlation over the regions of the cell (Adebayo et al. 2018, section 4) with the map
    of a head whose weights are shuffled; for the call or against it, whichever is more alike, since
    a shuffled head has no side. The mean over `view.engine.shuffled_heads`. Near 1, the map shows
    what the backbone sees and not what was learned.
    """
    cell = coverage(mask, heat.values.shape) >= TOUCHES
    own = _ranks(heat.values[cell])
    found = []
    for head in view.engine.shuffled_heads:
        other = view.under(head)
        maps = [method(other, side).values[cell] for side in SIGNS]
        found.append(max(_correlation(own, _ranks(values)) for values in maps))
    return float(np.mean(found))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of values (N,), equal ones sharing their mean rank; float (N,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation; 0 where either is constant."""
    one, other = one - one.mean(), other - other.mean()
    length = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / length) if length > 0 else 0.0
