"""Tells a bent or lobed nucleus: the mark of granulocytes, and of monocytes, not of lymphoid cells.

For cells on their natural background. Cytoplasm of C-NMC's cut-out cells can rarely be told from
the nucleus, and chromatin then looks like lobes.
"""

import cv2
import numpy as np

from core.cells.masks import depth, diameter, disc, regions, solidity

# Cytoplasm lets through so much more red light than the nucleus, whose dye is blue. Of white cells
# in stained smears most granulocytes do; within a nucleus blotches rarely reach it.
MIN_CONTRAST = 1.25
SHARE = (0.25, 0.8)  # of the cell, that a nucleus with lobes takes
SOLIDITY = (0.55, 0.87)  # less is noise, more a round nucleus
LEAST_LOBE = 0.1  # of the nucleus's area
LOBE_SOLIDITY = 0.8


def is_lobed(image: np.ndarray, mask: np.ndarray) -> bool:
    """Whether the nucleus of a cell is bent or in lobes; False if no cytoplasm is visible.

    RGB uint8 (H, W, 3) and bool (H, W). By Otsu's threshold (1979) on red light within the cell.
    """
    across = diameter(mask)
    red = cv2.GaussianBlur(np.ascontiguousarray(image[:, :, 0]), (0, 0), max(0.5, across / 60))
    threshold, _ = cv2.threshold(red[mask], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = mask & (red <= threshold)
    inside = depth(mask) > across / 20  # the optical edge looks like cytoplasm
    core, pale = dark & inside, ~dark & inside
    if not core.any() or not pale.any():
        return False
    if red[pale].mean() < MIN_CONTRAST * red[core].mean():
        return False
    opened = cv2.morphologyEx(dark.view(np.uint8), cv2.MORPH_OPEN, disc(across / 25))
    nucleus = opened.astype(bool)
    if not SHARE[0] <= nucleus.sum() / mask.sum() <= SHARE[1]:
        return False
    if not SOLIDITY[0] <= solidity(nucleus) < SOLIDITY[1]:
        return False
    labels, areas = regions(opened)
    lobes = 1 + np.flatnonzero(areas[1:] >= LEAST_LOBE * nucleus.sum())
    return len(lobes) == 1 or all(solidity(labels == lobe) >= LOBE_SOLIDITY for lobe in lobes)
