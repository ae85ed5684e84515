"""A heat map of any network, by covering parts of the image and watching the score."""

import numpy as np

from core.cells.masks import cell_mask
from core.explain.faithfulness import TOUCHES, coverage
from core.explain.heat_map import HeatMapMethod, View

GRID = 12  # places a side of the map
WINDOW = 2  # places a side of what is covered at once
BATCH = 32  # images that the engine gets at once

_Box = tuple[slice, slice]


class Occlusion(HeatMapMethod):
    """The fall of the score where a place is covered, a mean over the windows that cover it.

    It reads pixels and scores alone, so it needs no feature map and no attention. What is covered
    gets the mean colour of the cell, as in `core.explain.faithfulness.deletion`. Each window that
    touches the cell costs an image: some 60 for a cell, (GRID + WINDOW - 1)² for a whole image.
    """

    key, title = "occlusion", "Occlusion"
    paper = "Zeiler and Fergus 2014, arXiv:1311.2901"

    def __init__(self) -> None:
        """Keeps the scores of the last image, which a judgement asks of several heads."""
        self._last: tuple[np.ndarray, dict[int, np.ndarray]] | None = None

    def evidence(self, view: View, sign: float) -> np.ndarray:
        """The mean of score - score with the window covered, float (GRID, GRID).

        A place counts by the share of it that the cell fills: what is black was not covered.
        """
        mask = cell_mask(view.pixels)
        share = coverage(mask, (GRID, GRID))
        boxes = [box for box in _windows() if (share[box] >= TOUCHES).any()]
        if not boxes:
            return np.zeros((GRID, GRID))
        total, times = np.zeros((GRID, GRID)), np.zeros((GRID, GRID))
        for box, score in zip(boxes, self._scores(view, mask, boxes), strict=True):
            total[box] += sign * (view.logit - score)
            times[box] += 1
        return share * total / np.maximum(times, 1)

    def _scores(self, view: View, mask: np.ndarray, boxes: list[_Box]) -> np.ndarray:
        """The logit of the view's head with each window covered, float (N,)."""
        last = self._last
        if last is None or last[0] is not view.pixels or id(view.head) not in last[1]:
            heads = {id(head): head for head in (view.head, *view.engine.shuffled_heads)}
            logits: dict[int, list[np.ndarray]] = {key: [] for key in heads}
            for start in range(0, len(boxes), BATCH):
                covered = _covered(view.pixels, mask, boxes[start : start + BATCH])
                features = view.engine.features(covered)
                for key, head in heads.items():
                    logits[key].append(head(features).logit.astype(float))
            scores = {key: np.concatenate(parts) for key, parts in logits.items()}
            self._last = last = view.pixels, scores
        return last[1][id(view.head)]


def _windows() -> list[_Box]:
    """All windows, those that reach beyond the image cut off at its border."""
    ends = [slice(max(0, n - WINDOW + 1), min(GRID, n + 1)) for n in range(GRID + WINDOW - 1)]
    return [(down, across) for down in ends for across in ends]


def _covered(pixels: np.ndarray, mask: np.ndarray, boxes: list[_Box]) -> np.ndarray:
    """The image with the part of the cell in each window covered: float32 (N, S, S, 3)."""
    side = len(pixels)
    images = np.repeat(pixels[None].astype(np.float32), len(boxes), axis=0)
    colour = np.rint(pixels[mask].mean(axis=0))
    for image, box in zip(images, boxes, strict=True):
        down, across = (slice(s.start * side // GRID, s.stop * side // GRID) for s in box)
        image[down, across][mask[down, across]] = colour
    return images
