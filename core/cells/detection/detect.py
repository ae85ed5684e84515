"""White cells in a whole smear field: where they are, their nucleus and their outline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.cells.detection import edge, joining, nuclei, scale_bars, smudges, stain
from core.cells.detection.boundary import MOST_ROWS, outlines
from core.cells.detection.colours import codes_of, relearned
from core.cells.detection.likelihood import evidence
from core.cells.detection.red_cells import Ruler
from core.cells.detection.setting import WORK, Setting, read_setting, resized
from core.cells.masks import fill
from core.cells.nucleus import nucleus_in_field
from core.errors import DataError

FINER = 2  # times that scale, if the field has it, for the outlines
LARGEST = 2.5  # limit of the enlargement of a coarse field
MOST_NUCLEI = 4000  # in a field or tile, with their parts; a packed one has fewer, noise more
MOST_WORK = 6_000_000  # pixels to which a field is enlarged; each takes some 70 bytes
REACH = 1.3  # red cell diameters that a cell's outline may lie beyond its nucleus
SAME = 0.5  # share of the smaller cell: two outlines that share more are of one cell
COVERED = 0.6  # share of a nucleus, at least, within the outline
UNLIKE = 0.025  # a nucleus's purple over its green lies that far above red cells', at least
PILED = 1.8  # times the level of purple: stacks of two or three red cells stay below
LEAST_SCORE = 0.5
FRAME = 0.05  # of a cell's size, the mean of width and height, that a box leaves on each side


@dataclass(frozen=True)
class Cell:
    """A white cell. Masks are bool (h, w), cut to its bounding box."""

    bbox: tuple[int, int, int, int]  # x, y, w, h in pixels of the field
    mask: np.ndarray  # the whole cell
    nucleus: np.ndarray  # inside it
    area_px: int
    score: float  # 0 to 1: how sure it is that this is a white cell
    touches_border: bool  # cut by the field's border
    purple: float = 0.0  # of its nucleus, the mean
    red_share: float = 0.0  # of its nucleus: density in red over that in green
    smudged: bool = False  # it burst, next to the other cells of its field: see `smudges`


@dataclass(frozen=True)
class Field:
    """The cells detected in an image of `shape` (H, W), from top to bottom, and its scale."""

    cells: tuple[Cell, ...]
    ruler: Ruler
    shape: tuple[int, int]
    complete: bool = True  # False where the search was stopped before its end

    def frame(self, cell: Cell) -> tuple[int, int, int, int]:
        """The box x, y, w, h that is reported for a cell: `bbox` with a margin, within the field.

        People who draw boxes leave some glass around a cell. The margin is the best constant one
        for the boxes of BCCD's even files; crops and masks use `bbox`.
        """
        x, y, w, h = cell.bbox
        margin = round(FRAME * (w + h) / 2)
        left, top = max(0, x - margin), max(0, y - margin)
        right, low = min(self.shape[1], x + w + margin), min(self.shape[0], y + h + margin)
        return left, top, right - left, low - top


def detect(
    image: np.ndarray, *, um_per_px: float | None = None, least_score: float = LEAST_SCORE
) -> Field:
    """Detects the white cells of a field, RGB uint8 (H, W, 3).

    `um_per_px` is the scale if it is known; else it is measured by the red cells. If there are too
    few of them, cells are found by the size of the nuclei, and `Field.ruler` has no diameter. Cells
    with a lower score than `least_score`, 0 to 1, are left out, and so is what a program drew.

    Raises `DataError` for another kind of array.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise DataError(
            f"The image is {image.dtype} {image.shape}: a field is RGB uint8 (height, width, 3)."
        )
    marks = scale_bars.find(image)
    photograph = scale_bars.erased(image, marks.mask)
    setting = read_setting(photograph, um_per_px)
    cells = [cell for cell in find(photograph, setting) if cell.score >= least_score]
    ruler = replace(setting.ruler, bar_px=marks.bar_px)
    return Field(compared(cells), ruler, image.shape[:2])


def white_cells(image: np.ndarray) -> np.ndarray:
    """The white cells of an image, RGB uint8 (H, W, 3): bool (H, W), all False if there is none."""
    mask = np.zeros(image.shape[:2], bool)
    for cell in detect(image).cells:
        x, y, w, h = cell.bbox
        mask[y : y + h, x : x + w] |= cell.mask
    return mask


def compared(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells of one field, with the smudge cells marked."""
    table = np.array([(cell.purple, cell.red_share) for cell in cells]).reshape(-1, 2)
    burst = smudges.smudged(*table.T).tolist()
    return tuple(replace(cell, smudged=smudged) for cell, smudged in zip(cells, burst, strict=True))


def find(image: np.ndarray, setting: Setting) -> list[Cell]:
    """All candidates of any score in a field or tile, from top to bottom."""
    height, width = image.shape[:2]
    roomy = max(1.0, float(np.sqrt(MOST_WORK / (height * width))))
    factor = min(WORK / setting.red_cell, LARGEST, roomy, MOST_ROWS / max(height, width))
    work, fine = _pictures(image, factor)
    unit = setting.red_cell * factor
    dense = stain.flatten(stain.density(cv2.GaussianBlur(work, (0, 0), 0.8), setting.light))
    purple = stain.purple(dense)
    parts = nuclei.find(purple, setting.level, unit)
    if not 0 < int(parts.max()) <= MOST_NUCLEI:
        return []
    log_odds = evidence(dense, parts, setting.level, unit)
    log_odds = cv2.GaussianBlur(log_odds, (0, 0), unit / 32)
    labels = joining.gather(parts, log_odds, unit)
    lines, *_ = _lines(labels, log_odds, unit)
    log_odds = relearned(log_odds, dense, fill(lines, purple.shape), unit)
    labels = joining.gather(parts, log_odds, unit)
    lines, labels, owners, centres = _lines(labels, log_odds, unit)
    if labels.any():
        code = codes_of(cv2.GaussianBlur(fine, (0, 0), 0.8), setting.light)
        finer = np.array(fine.shape[1::-1]) / labels.shape[::-1]
        lines, centres = ((places + 0.5) * finer - 0.5 for places in (lines, centres))
        lines = edge.sharpened(code, lines, centres, log_odds, owners, unit * float(finer[0]))
        lines = (lines + 0.5) * image.shape[1::-1] / fine.shape[1::-1] - 0.5
    cells = []
    for number, (line, window) in enumerate(zip(lines, nuclei.windows(labels), strict=True), 1):
        cell = _cell(image.shape[:2], line, dense, purple, factor, unit)
        if cell is not None:
            inside = labels[window] == number
            nucleus = purple[window][inside]
            if np.median(nucleus) < PILED * setting.level and _is_red(
                nucleus, dense[window][inside][:, 1], setting.hue
            ):
                continue
            if cell.area_px * factor**2 < COVERED * nucleus.size:
                continue  # by its evidence this is not a white cell
            red, green = (float(dense[window][inside][:, n].mean()) for n in (0, 1))
            cells.append(
                replace(
                    cell,
                    score=_score(nucleus, setting.level, unit),
                    purple=float(nucleus.mean()),
                    red_share=red / max(green, nuclei.STAINED),
                )
            )
    return sorted(cells, key=lambda cell: (cell.bbox[1], cell.bbox[0]))


def _is_red(purple: np.ndarray, green: np.ndarray, hue: float | None) -> bool:
    """Whether pixels (N,) are of stacked red cells: dense, but of the red cells' hue."""
    if hue is None:
        return False
    return bool(np.median(purple / np.maximum(green, nuclei.STAINED)) < hue + UNLIKE)


def _pictures(image: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """The field at `factor` of its size, for the search, and one `FINER`, if it has the pixels.

    The former is made from the latter, because halving is far quicker than other factors.
    """
    if FINER * factor > 1:
        work = resized(image, factor)
        return work, image if factor < 1 else work
    width, height = (max(1, round(length * factor)) for length in image.shape[1::-1])
    size = FINER * width, FINER * height
    fine = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), fine


def _lines(
    labels: np.ndarray, log_odds: np.ndarray, unit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outlines (n, rays, 2) of the cells around nuclei 1 to n, and these nuclei.

    Also the nearest nucleus of each pixel, int32 (H, W), and the centres of the nuclei (n, 2).
    """
    if not labels.any():
        return np.zeros((0, 1, 2)), labels, labels, np.zeros((0, 2))
    # Twice at most: outlines that overlap are of one cell, whose nuclei are joined.
    for last in (False, True):
        count = int(labels.max())
        centres, reach = np.empty((count, 2)), 0.0
        for index, window in enumerate(nuclei.windows(labels)):
            rows, columns = np.nonzero(labels[window] == index + 1)
            places = np.stack((columns + window[1].start, rows + window[0].start), axis=1)
            centres[index] = places.mean(axis=0)
            away = np.hypot(*(places - centres[index]).T)
            reach = max(reach, float(away.max()) + REACH * unit)
        everywhere = np.ones(labels.shape, np.int32)
        owners = everywhere if count == 1 else nuclei.nearest(labels, everywhere > 0)
        lines = outlines(log_odds, owners, centres, int(reach))
        joined = labels if last else _joined(labels, lines)
        if joined is labels:
            break
        labels = joined
    return lines, labels, owners, centres


def _joined(labels: np.ndarray, lines: np.ndarray) -> np.ndarray:
    boxes = [cv2.boundingRect(line.astype(np.float32)) for line in lines]
    table = np.arange(len(lines) + 1)
    for a, box in enumerate(boxes):
        for b, other in enumerate(boxes[:a]):
            if _disjoint(box, other):
                continue
            corner = min(box[0], other[0]), min(box[1], other[1])
            size = (
                max(box[1] + box[3], other[1] + other[3]) - corner[1] + 1,
                max(box[0] + box[2], other[0] + other[2]) - corner[0] + 1,
            )
            mask, others = (fill([lines[n] - corner], size) for n in (a, b))
            if (mask & others).sum() > SAME * min(mask.sum(), others.sum()):
                table[table == table[a + 1]] = table[b + 1]
    numbers = np.unique(table)
    if len(numbers) == len(table):
        return labels
    return np.asarray(np.searchsorted(numbers, table)[labels], np.int32)


def _disjoint(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return a[0] >= b[0] + b[2] or b[0] >= a[0] + a[2] or a[1] >= b[1] + b[3] or b[1] >= a[1] + a[3]


def _cell(
    shape: tuple[int, int],
    line: np.ndarray,
    dense: np.ndarray,
    purple: np.ndarray,
    factor: float,
    unit: float,
) -> Cell | None:
    """The cell within an outline (rays, 2) in pixels of the field; None if it lies outside."""
    height, width = shape
    low = np.maximum(np.floor(line.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(line.max(axis=0)).astype(int) + 2, (width, height))
    if (high - low < 3).any():
        return None
    size = high - low
    mask = fill([line - low], (int(size[1]), int(size[0])))
    if not mask.any():
        return None
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    mask, low = mask[y : y + h, x : x + w], low + np.array((x, y))
    x, y = int(low[0]), int(low[1])
    nucleus = nucleus_in_field(mask, (x, y), dense, purple, factor)
    border = x == 0 or y == 0 or x + w == width or y + h == height
    return Cell((x, y, w, h), mask, nucleus, int(mask.sum()), 0.0, border)


def _score(purple: np.ndarray, level: float, unit: float) -> float:
    """0 to 1 by the size of the nucleus and its contrast; `purple` (N,) is that of its pixels."""
    size = np.log(purple.size / (np.pi / 4 * unit**2))
    contrast = float(purple.mean() / level)
    value = 2.5 * (size + 0.7) + 2.0 * (contrast - 1.3)
    return float(1 / (1 + np.exp(-np.clip(value, -30, 30))))
