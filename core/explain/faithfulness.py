"""Measures of whether a heat map may be believed. `trust.py` judges by them.

Regions are the positions of the feature map, laid over the image as in the overlay.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from core.explain.heat_map import SIGNS, HeatMap, HeatMapMethod, View

# Shares of the cell at which the curves are sampled. The outer two are for maps that mark a small
# part: a random order seldom has all of it among its first eighth.
LEVELS = (0.125, 0.5, 0.875)
# 20 with their reverses: a map that marks nothing in particular beats all in about 1 case of 20.
ORDERINGS = 10
# A region belongs to the cell if the mask covers at least this share of it.
TOUCHES = 0.1


@dataclass(frozen=True)
class Deletion:
    """Deletion and insertion areas (Petsiuk et al. 2018, RISE, section 4.2) of one map.

    Each is the mean log-odds of the call while the cell's regions are taken away, or put back, the
    hottest first. `random_area` is the mean of either for random orderings: a reversed ordering is
    an ordering too, so both have the same. advantage: insertion less deletion area, above 0 for a
    map that finds the evidence. z: the advantage over the root mean square of those of random
    orderings, whose mean is 0. beaten: the share of the `2 * ORDERINGS` random orderings whose
    advantage is not larger, 0..1.
    """

    deletion_area: float
    insertion_area: float
    random_area: float
    advantage: float
    z: float
    beaten: float


def coverage(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The share of each region that a bool mask (H, W) covers: float32 (h, w), 0..1."""
    resized = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(resized)


def deletion(view: View, heat: HeatMap, call: str, mask: np.ndarray, seed: int = 0) -> Deletion:
    """Deletes and inserts the regions that a map marks, and compares with random orderings.

    `mask` is the cell, bool (S, S). Deleted regions get the cell's mean colour, so that its outline
    stays: a black hole is like no cell that a model has seen. Evidence in the outline itself is
    therefore not tested. The score is the log-odds of the call, because a probability near 1 hardly
    falls. Random orderings are as smooth as heat maps: taking coherent parts away changes a cell
    more than taking scattered ones, which is no merit of a map.

    It reads 6 images for the map and for each of `ORDERINGS`, and one whole and one empty cell.
    """
    shape = heat.values.shape
    cell = np.flatnonzero(coverage(mask, shape).ravel() >= TOUCHES)
    random = np.random.default_rng(seed)
    fields = [heat.values, *(_smooth_noise(shape, random) for _ in range(ORDERINGS))]
    # Regions of equal heat, the many of 0 among them, come in random order.
    orders = [np.lexsort((random.random(len(cell)), -f.ravel()[cell])) for f in fields]
    shown = [np.ones(len(cell), bool), np.zeros(len(cell), bool)]
    for order in orders:
        for direction in (order, order[::-1]):
            place = np.argsort(direction)
            shown += [place < round(level * len(cell)) for level in LEVELS]
    images = _painted(view.pixels, mask, cell, np.array(shown), shape)
    scores = SIGNS[call] * view.engine.logits(images).astype(float)
    # The scores of each ordering as the shown share grows: hottest first, and coldest first.
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
        # A head to which nothing in the cell matters has no spread, and finds no map better. Ties
        # count as beaten: such an ordering happens to find all the evidence, too.
        z=own / spread if spread > 0 else 0.0,
        beaten=float((own >= others - 1e-6 * spread).mean()) if spread > 0 else 0.0,
    )


def _smooth_noise(shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Noise that varies over about a quarter of its width, float (h, w)."""
    deviation = max(shape) / 8
    return np.asarray(cv2.GaussianBlur(random.standard_normal(shape), (0, 0), deviation))


def _painted(
    pixels: np.ndarray,
    mask: np.ndarray,
    cell: np.ndarray,
    shown: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    """The image with regions painted over, once for each row of `shown`: uint8 (N, S, S, 3).

    `shown` is bool (N, len(cell)); `cell` has the numbers, by rows, of the regions in its columns.
    """
    down, across = (np.arange(n) * m // n for n, m in zip(mask.shape, shape, strict=True))
    inside = np.flatnonzero(mask)
    region = (down[:, None] * shape[1] + across)[mask]
    visible = np.ones((len(shown), shape[0] * shape[1]), bool)
    visible[:, cell] = shown
    images = np.repeat(pixels[None], len(shown), axis=0)
    colour = np.rint(pixels[mask].mean(axis=0)).astype(np.uint8)
    for image, row in zip(images.reshape(len(shown), -1, 3), visible, strict=True):
        image[inside[~row[region]]] = colour
    return images


def inside_share(heat: np.ndarray, mask: np.ndarray) -> float:
    """The share of heat, float (H, W) and not all 0, within the mask, bool (H, W): 0..1."""
    return float(heat[mask].sum() / heat.sum())


def off_cell_peak(heat: HeatMap, mask: np.ndarray) -> float:
    """The largest heat, 0..1, in the regions of the border that the cell does not reach.

    There is only black, and the padding of the convolutions: the network itself makes that heat.
    0 for a cell that touches every region of the border.
    """
    border = np.ones(heat.values.shape, bool)
    border[1:-1, 1:-1] = False
    black = border & (coverage(mask, heat.values.shape) == 0)
    return float(heat.values[black].max(initial=0))


def agreement_with_shuffled(
    view: View, heat: HeatMap, method: HeatMapMethod, call: str, mask: np.ndarray
) -> float:
    """How similar the map is to those of heads that have learned nothing, -1..1.

    The rank correlation over the regions of the cell (Adebayo et al. 2018, section 4) with the map
    of a head with shuffled weights, for the call or against it, whichever is more similar, because
    a shuffled head has no side; the mean over `view.engine.shuffled_heads`. Near 1, the map shows
    what the backbone sees and not what was learned.
    """
    cell = coverage(mask, heat.values.shape) >= TOUCHES
    own = _ranks(heat.values[cell])
    correlations = []
    for head in view.engine.shuffled_heads:
        other = view.under(head)
        maps = [method(other, side).values[cell] for side in SIGNS]
        correlations.append(max(_correlation(own, _ranks(values)) for values in maps))
    return float(np.mean(correlations))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of values (N,); equal values share their mean rank: float (N,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = np.cumsum(counts) - (counts - 1) / 2
    return ranks[inverse]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation; 0 if either is constant."""
    a, b = a - a.mean(), b - b.mean()
    length = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / length) if length > 0 else 0.0
