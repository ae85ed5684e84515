"""Smudge cells: the remains of white cells that burst when the smear was made.

Their chromatin is spread over the glass, and so paler than in whole cells, and has lost the blue of
packed chromatin: compared with green it absorbs less red light. A blast's nucleus, too, is paler
than a lymphocyte's, but as blue. How pale and how blue a nucleus is depends on stain and camera, so
that cells are compared with those of their own field, and never marked if there are too few.
"""

import numpy as np

FEWEST = 4  # cells; most have to be whole, for their median to be that of whole cells
PALE, PINK = 0.85, 0.85  # of the median nucleus's purple, and of its red over green


def smudged(purple: np.ndarray, red_share: np.ndarray) -> np.ndarray:
    """Which cells of a field burst, bool (N,).

    Takes the mean purple (N,) of each nucleus, and its density in red over that in green (N,).
    """
    if len(purple) < FEWEST:
        return np.zeros(len(purple), bool)
    pale = purple < PALE * np.median(purple)
    return np.asarray(pale & (red_share < PINK * np.median(red_share)))
