"""Cells with parts covered, from which a network learns that the evidence of its places adds up.

A heat map says how much each place adds to the logit. That holds for the cell as it is; whether it
holds when a part is covered, which is how heat maps are tested (`core.explain.faithfulness`),
depends on what the network makes of a cell that is partly covered. So it is taught: the evidence of
covered places is 0, and that of the others stays. Covers are random and smooth, as in RISE
(Petsiuk et al. 2018, section 3.2).
"""

import cv2
import numpy as np

from core.cells.masks import lit_mask

# Across the cell, a cover varies over so many squares.
FEWEST, MOST = 3, 13
LEAST, LARGEST = 0.1, 0.9  # share of the cell that is covered


def cover(
    images: np.ndarray, regions: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Covers a random part of each cell with the cell's mean colour.

    Returns the covered images, uint8 (N, S, S, 3) like `images`, and the share of each region of
    the feature map (h, w) that stays visible, float32 (N, h, w), 0..1.
    """
    covered = images.copy()
    visible = np.ones((len(images), *regions), np.float32)
    for row, image in enumerate(covered):
        cell = lit_mask(image, above=0)
        if cell.any():
            hidden = _draw(cell, rng)
            image[hidden] = np.rint(cv2.mean(image, cell.view(np.uint8))[:3]).astype(np.uint8)
            shown = np.where(hidden, np.float32(0), np.float32(1))
            visible[row] = cv2.resize(shown, regions[::-1], interpolation=cv2.INTER_AREA)
    return covered, visible


def _draw(cell: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The part of a cell, bool (S, S), to cover, bool (S, S)."""
    left, top, width, height = cv2.boundingRect(cell.astype(np.uint8))
    squares = int(rng.integers(FEWEST, MOST + 1))
    smooth = (cv2.INTER_CUBIC, cv2.INTER_NEAREST)[int(rng.integers(2))]
    noise = rng.standard_normal((squares, squares)).astype(np.float32)
    field = np.full(cell.shape, -np.inf, np.float32)
    field[top : top + height, left : left + width] = cv2.resize(
        noise, (width, height), interpolation=smooth
    )
    level = np.quantile(field[cell], 1 - rng.uniform(LEAST, LARGEST))
    return np.asarray(cell & (field >= level))
