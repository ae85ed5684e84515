"""The nucleus of one cell, told from its cytoplasm."""

import cv2
import numpy as np

CONTRAST = 0.45  # natural logarithm, green: less than that, and there is no cytoplasm to see


def within(
    mask: np.ndarray,
    corner: tuple[int, int],
    dense: np.ndarray,
    purple: np.ndarray,
    factor: float,
) -> np.ndarray:
    """The nucleus of one cell, bool (h, w); all of the cell where no cytoplasm can be told from it.

    By Otsu's threshold within the cell, bool (h, w), on the light that purple and green let
    through. `corner` is x and y of the mask in the field; density float32 (H, W, 3) and purple
    (H, W) are of the field scaled by `factor`.
    """
    h, w = mask.shape
    # From the cell's pixels to those of the working image.
    right, down = ((at + 0.5) * factor - 0.5 for at in corner)
    left, top = (max(0, min(int(at) - 1, side - 1)) for at, side in
                 zip((right, down), purple.shape[::-1], strict=True))  # fmt: skip
    there = slice(top, int(down + h * factor) + 3), slice(left, int(right + w * factor) + 3)
    shift = np.array([[factor, 0, right - left], [0, factor, down - top]])
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    both = np.dstack((dense[there][:, :, 1], purple[there]))
    values = cv2.warpAffine(both, shift, (w, h), flags=way, borderMode=cv2.BORDER_REPLICATE)
    green = values[:, :, 0]
    level = np.clip(255 * np.exp(-values.sum(axis=2) / 3), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(level[mask], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    dark = mask & (level <= threshold)
    pale = mask & ~dark
    if not pale.any() or not dark.any() or green[dark].mean() - green[pale].mean() < CONTRAST:
        return mask.copy()
    return _tidy(dark, mask)


def _tidy(part: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Without specks under 2 % and holes under 1 % of the cell's area."""
    result, area = part.astype(np.uint8), mask.sum()
    for value, least in ((1, 0.02), (0, 0.01)):
        _, regions, stats, _ = cv2.connectedComponentsWithStats((result == value).astype(np.uint8))
        small = stats[:, cv2.CC_STAT_AREA] < least * area
        small[0] = False
        result[small[regions]] = 1 - value
    return (result > 0) & mask
