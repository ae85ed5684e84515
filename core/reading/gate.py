"""Is this a picture that the model may read? Checked before any probability is given."""

from dataclasses import dataclass

import numpy as np

from core.cells.segment import BLACK_LEVEL
from core.data.images import Geometry, window

# The 55 real cells at hand lie far inside each limit: border all black, no second region, 9 % to
# 25 % of the window, green 0.37 to 0.51 of the weaker of red and blue.
BORDER_DEPTH = 0.05
MIN_BLACK_BORDER = 0.8
MIN_INSIDE_WINDOW = 0.98
MAX_OTHER_REGIONS = 0.1
MAX_GREEN = 0.8
CELL_SHARE = (0.02, 0.7)


@dataclass(frozen=True)
class Gate:
    """What was checked: `passed`, the `reason` of a refusal with a way out, and the figures.

    black_border: share of the picture's border that is black. cell_share: share of the model's
    window that the cell fills. inside_window: share of the cell within that window. other_regions:
    further lit area, as a share of the cell. green: mean green of the cell over the weaker of its
    mean red and blue; the stain's purple absorbs green. The last three are None in a black image.
    """

    passed: bool
    reason: str | None
    black_border: float
    cell_share: float
    inside_window: float | None = None
    other_regions: float | None = None
    green: float | None = None


def check(image: np.ndarray, mask: np.ndarray, geometry: Geometry) -> Gate:
    """Judges an RGB uint8 (H, W, 3) image with its cell mask, bool (H, W).

    A model trained on single cells on black says nothing about anything else.
    """
    lit = image.max(axis=2) > BLACK_LEVEL
    depth = max(2, round(min(lit.shape) * BORDER_DEPTH))
    border = np.ones(lit.shape, bool)
    border[depth:-depth, depth:-depth] = False
    black_border = float(1 - lit[border].mean())
    area = int(mask.sum())
    cell_share = area / geometry.window**2
    if area == 0:
        empty = "There is no cell in it: the image is black. Upload one stained cell."
        return Gate(False, empty, black_border, cell_share)
    kept = window(np.repeat(mask[:, :, None], 3, axis=2).astype(np.uint8), geometry.window)
    red, green, blue = image[mask].mean(axis=0)
    figures = {
        "black_border": black_border,
        "cell_share": cell_share,
        "inside_window": float(kept[:, :, 0].sum()) / area,
        "other_regions": float((lit & ~mask).sum()) / area,
        "green": float(green / max(min(red, blue), 1.0)),
    }
    reason = _refuse(**figures)
    return Gate(reason is None, reason, **figures)


def _refuse(
    *,
    black_border: float,
    cell_share: float,
    inside_window: float,
    other_regions: float,
    green: float,
) -> str | None:
    if black_border < MIN_BLACK_BORDER:
        return (
            "It does not show one cell on a black background, which is all this model has learned "
            "from. Cut out a single white cell, set what is around it to black, and upload that."
        )
    if other_regions > MAX_OTHER_REGIONS:
        return "It shows more than one region on black. Upload each cell in a picture of its own."
    if green > MAX_GREEN:
        return (
            "What it shows does not have the purple of a stained cell. Upload a colour picture of "
            "a cell in a Romanowsky stain, such as Jenner-Giemsa."
        )
    if cell_share < CELL_SHARE[0]:
        return (
            f"The cell fills {cell_share:.1%} of the model's window, less than any cell the model "
            "knows. Export it at full magnification."
        )
    if cell_share > CELL_SHARE[1]:
        return (
            f"The cell fills {cell_share:.0%} of the model's window, more than any cell the model "
            "knows. Export it at the scale of C-NMC, where a cell measures about 200 to 350 pixels."
        )
    if inside_window < MIN_INSIDE_WINDOW:
        return (
            f"{1 - inside_window:.0%} of the cell lies outside the middle of the picture, which is "
            "the part a model reads. Crop the picture around the cell."
        )
    return None
