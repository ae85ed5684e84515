"""Is this a picture that the model may read? Checked before any probability is given."""

from dataclasses import dataclass

import numpy as np

from core.cells.segment import BLACK_LEVEL
from core.data.images import Geometry

BORDER_SHARE = 0.05
BLACK_BORDER = 0.8
# Share of the model's window that a cell may fill. In C-NMC it is 6 % to 40 %.
CELL_SHARE = (0.02, 0.7)


@dataclass(frozen=True)
class Gate:
    """What was checked: `passed`, the `reason` of a refusal with a way out, and the figures."""

    passed: bool
    reason: str | None
    black_border: float
    cell_share: float


def check(image: np.ndarray, mask: np.ndarray, geometry: Geometry) -> Gate:
    """Judges an RGB uint8 (H, W, 3) image with its cell mask, bool (H, W).

    A model trained on single cells on black says nothing about anything else: a border that is
    not black means a field or a cell on its natural background; a cell share out of range means
    no cell, a fragment, or another magnification.
    """
    lit = image.max(axis=2) > BLACK_LEVEL
    depth = max(2, round(min(lit.shape) * BORDER_SHARE))
    border = np.ones(lit.shape, bool)
    border[depth:-depth, depth:-depth] = False
    black = float(1 - lit[border].mean())
    share = float(mask.sum()) / geometry.window**2
    return Gate(_reason(black, share) is None, _reason(black, share), black, share)


def _reason(black: float, share: float) -> str | None:
    if share == 0:
        return "There is no cell in it: the image is black. Upload an image of one stained cell."
    if black < BLACK_BORDER:
        return (
            "It does not show one cell on a black background, which is all this model has learned "
            "from. Cut out a single white cell, set what is around it to black, and upload that."
        )
    if share < CELL_SHARE[0]:
        return (
            f"The cell fills {share:.1%} of the model's window, less than any cell the model "
            "knows. Export it at full magnification."
        )
    if share > CELL_SHARE[1]:
        return (
            f"The cell fills {share:.0%} of the model's window, more than any cell the model "
            "knows. Export it at the scale of C-NMC, where a cell measures about 200 to 350 pixels."
        )
    return None
