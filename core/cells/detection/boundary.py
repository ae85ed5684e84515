"""The outline of a whole cell: the closed line around a nucleus that best separates the cell.

Along rays from the nucleus, the worth of a radius is the evidence it encloses; of all closed lines
whose radius changes little from ray to ray, dynamic programming finds the best. This bridges gaps
and pale patches in the cytoplasm, and leaves out what merely touches the cell.
"""

from collections.abc import Sequence

import cv2
import numpy as np

RAYS = 48
STEP = 4  # pixels by which the radius may change from one ray to the next
STIFFNESS = 30.0  # cost of such a change over its square, in units of evidence x pixels
STRANGER = -3.0  # evidence of pixels that are nearer to another nucleus
STRONGEST = 4.0  # limit of the evidence of one pixel, log-odds

MOST_ROWS = 2**15 - 2  # of a picture that OpenCV remaps

MOVES = np.array(sorted(range(-STEP, STEP + 1), key=abs))  # of equals, the smallest
PRICES = STIFFNESS * MOVES**2


def outlines(
    evidence: np.ndarray, owners: np.ndarray, centres: np.ndarray, reach: int
) -> np.ndarray:
    """Closed lines around `centres` (n, 2), x and y, in pixels: float (n, RAYS, 2).

    `evidence` float32 (H, W) is the log-odds that a pixel belongs to a white cell, `owners` int32
    (H, W) the number, from 1, of the centre it is nearest to; `reach` is the longest radius.
    """
    count = len(centres)
    across, down = _polar(centres, RAYS, reach)
    values, nearest = _at(evidence, across, down), _at(owners, across, down)
    values = np.clip(values, -STRONGEST, STRONGEST).reshape(count, RAYS, -1)
    strange = nearest.reshape(values.shape) != np.arange(1, count + 1)[:, None, None]
    values = np.where(strange, np.minimum(values, STRANGER), values)
    return _placed(centres, _best_radii(values))


def closed_lines(
    evidences: Sequence[np.ndarray], centres: np.ndarray, rays: int, reach: int
) -> np.ndarray:
    """As `outlines`, if each centre (n, 2) has its own evidence, float32 (h, w): (n, rays, 2)."""
    values = np.empty((len(evidences), rays, reach), np.float32)
    for evidence, centre, row in zip(evidences, centres, values, strict=True):
        row[:] = _at(evidence, *_polar(centre[None], rays, reach)).reshape(row.shape)
    return _placed(centres, _best_radii(values))


def _polar(centres: np.ndarray, rays: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y, float32 (n * rays, R), of points along the rays from centres (n, 2)."""
    radii = np.arange(0.5, reach, dtype=np.float32)
    turn = np.arange(rays) * (2 * np.pi / rays)
    across = centres[:, :1, None] + np.cos(turn)[None, :, None] * radii
    down = centres[:, 1:, None] + np.sin(turn)[None, :, None] * radii
    shape = (len(centres) * rays, len(radii))
    across, down = (grid.reshape(shape).astype(np.float32) for grid in (across, down))
    return across, down


def _at(values: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Values (H, W) at those points; integers are not interpolated."""
    if values.dtype.kind == "i":
        way, border = cv2.INTER_NEAREST, cv2.BORDER_REPLICATE
    else:  # nothing is known beyond the border: a cut cell is cut there, not rounded
        way, border = cv2.INTER_LINEAR, cv2.BORDER_CONSTANT
    values = values.astype(np.float32)
    starts = range(0, max(1, len(across)), MOST_ROWS)
    parts = [slice(start, start + MOST_ROWS) for start in starts]
    return np.concatenate(
        [cv2.remap(values, across[part], down[part], way, borderMode=border) for part in parts]
    )


def _placed(centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    turn = np.arange(radii.shape[1]) * (2 * np.pi / radii.shape[1])
    x = centres[:, :1] + np.cos(turn) * radii
    y = centres[:, 1:] + np.sin(turn) * radii
    return np.stack((x, y), axis=2)


def _best_radii(values: np.ndarray) -> np.ndarray:
    """Radii (n, rays) that enclose the largest sum of `values` (n, rays, R), one a pixel."""
    count, rays, reach = values.shape
    gain = np.cumsum(values * np.arange(0.5, reach, dtype=np.float32), axis=2, dtype=np.float32)
    half = rays // 2
    gain = np.concatenate((gain[:, half:], gain, gain[:, :half]), axis=1)  # closed in the middle
    turns = gain.shape[1]
    worth = np.full((turns + 1, count, reach + 2 * STEP), -np.inf, np.float32)
    worth[0, :, STEP:-STEP] = 0
    option = np.empty((count, reach), np.float32)
    for turn in range(turns):
        before, best = worth[turn], worth[turn + 1, :, STEP:-STEP]
        best[:] = before[:, STEP:-STEP]
        for move in range(1, STEP + 1):
            nearer, farther = STEP - move, STEP + move
            np.maximum(
                before[:, nearer : nearer + reach], before[:, farther:][:, :reach], out=option
            )
            np.subtract(option, STIFFNESS * move**2, out=option)
            np.maximum(best, option, out=best)
        best += gain[:, turn]
    # Back along the best line: its steps are computed again, for one radius a ray only.
    everyone, radius = np.arange(count), worth[turns].argmax(axis=1)
    path = np.empty((count, turns), np.int64)
    for turn in range(turns - 1, -1, -1):
        path[:, turn] = radius - STEP
        around = worth[turn][everyone[:, None], radius[:, None] + MOVES] - PRICES
        radius = radius + MOVES[around.argmax(axis=1)]
    return path[:, half : half + rays] + 1.0
