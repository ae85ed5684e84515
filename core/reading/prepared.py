"""What was done to a picture before it was read."""

from dataclasses import dataclass

import numpy as np

from core.cells.lobes import is_lobed
from core.cells.masks import outline
from core.cells.nucleus import cell_box
from core.compat import cached_property

OUTLINE, OUTLINE_COLOUR = 0.008, (0, 158, 115)  # of the shorter side; stands off from purple


@dataclass(frozen=True)
class Prepared:
    """How a picture was changed before it was read.

    original: the picture, RGB uint8 (H, W, 3). mask: the cell in it, bool (H, W). words: the
    changes, in sentences. size_known: whether the scale is measured, not assumed from the size.
    cut_out: whether something was taken away around the cell, or it was moved. natural: whether it
    stood on the natural background of a smear.
    """

    original: np.ndarray
    mask: np.ndarray
    words: tuple[str, ...]
    size_known: bool
    cut_out: bool = True
    natural: bool = False

    @cached_property
    def lobed(self) -> bool:
        """Whether the nucleus of a cell on its natural background is bent or in lobes."""
        if not self.natural:
            return False
        box = cell_box(self.original, self.mask)
        return is_lobed(self.original[box], self.mask[box])

    @property
    def outlined(self) -> np.ndarray:
        """The picture with the cell's outline drawn, RGB uint8 (H, W, 3)."""
        width = max(1, round(min(self.mask.shape) * OUTLINE))
        return outline(self.original, self.mask, OUTLINE_COLOUR, width)
