"""Boxes of white cells: the fields of BCCD with theirs, a peer that finds boxes, and scores."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from core.data.images import decode

MARGIN, WIDE = 12, 300  # pixels, of the parts of fields without a white cell
SAME = 0.5  # the IoU of a match

Box = tuple[int, int, int, int]
Result = tuple[list[Box], list[Box], tuple[int, ...]]


def fields(folder: Path) -> Iterator[tuple[np.ndarray, list[Box]]]:
    """Each field with the boxes of its white cells; degenerate boxes are left out."""
    for path in sorted((folder / "JPEGImages").glob("*.jpg")):
        tree = ElementTree.parse(folder / "Annotations" / f"{path.stem}.xml")
        truth = []
        for item in tree.iter("object"):
            box = item.find("bndbox")
            if item.findtext("name") != "WBC" or box is None:
                continue
            x, y, right, low = (
                int(box.findtext(key, "0")) for key in ("xmin", "ymin", "xmax", "ymax")
            )
            if right > x and low > y:
                truth.append((x, y, right - x, low - y))
        yield decode(path), truth


def beside(image: np.ndarray, truth: list[Box]) -> list[np.ndarray]:
    """The parts of a field, wide enough to be one, left and right of all its white cells."""
    if not truth:
        return []
    left = min(x for x, _, _, _ in truth) - MARGIN
    right = max(x + w for x, _, w, _ in truth) + MARGIN
    parts = image[:, : max(0, left)], image[:, right:]
    return [np.ascontiguousarray(part) for part in parts if part.shape[1] >= WIDE]


def mosaic(fields: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """Fields side by side, alternately mirrored so that seams meet: RGB uint8 (height, width)."""
    rows: list[np.ndarray] = []
    number = 0
    while sum(row.shape[0] for row in rows) < height:
        row: list[np.ndarray] = []
        while sum(part.shape[1] for part in row) < width:
            row.append(fields[number % len(fields)])
            number += 1
        rows.append(np.hstack(row)[:, :width])
    return np.vstack(rows)[:height]


def twelve_lines(image: np.ndarray) -> list[Box]:
    """The peer: boxes of large regions that are saturated in the purple hues."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    purple = cv2.inRange(hsv[:, :, 0], 100, 160)
    level = cv2.GaussianBlur(cv2.bitwise_and(hsv[:, :, 1], purple), (0, 0), 2)
    _, mask = cv2.threshold(level, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    wide, narrow = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (n, n)) for n in (25, 9))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, wide)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, narrow)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    large = stats[1:][stats[1:, cv2.CC_STAT_AREA] > 4000]
    return [(int(x), int(y), int(w), int(h)) for x, y, w, h, _ in large]


def score(results: Sequence[Result]) -> dict[str, float]:
    """Boxes, recall, precision and mean IoU of (boxes found, true boxes, (H, W)) a field.

    A match has an IoU of `SAME` or more. What touches the border and matches no box counts
    neither way: cut cells often have none.
    """
    overlaps: list[float] = []
    wrong = missed = 0
    for boxes_found, truth, shape in results:
        matched = match(boxes_found, truth)
        overlaps += [overlap for overlap, _, _ in matched]
        missed += len(truth) - len(matched)
        used = {i for _, i, _ in matched}
        rest = [box for i, box in enumerate(boxes_found) if i not in used]
        wrong += sum(not _cut(box, shape) for box in rest)
    count = len(overlaps)
    return {
        "boxes": count + missed,
        "recall": count / max(1, count + missed),
        "precision": count / max(1, count + wrong),
        "mean_iou": float(np.mean(overlaps)) if overlaps else 0.0,
    }


def match(boxes: list[Box], truth: list[Box]) -> list[tuple[float, int, int]]:
    """(IoU, index found, index true) of pairs, the best first, each box once."""
    pairs = sorted(
        ((iou(a, b), i, j) for i, a in enumerate(boxes) for j, b in enumerate(truth)), reverse=True
    )
    result: list[tuple[float, int, int]] = []
    for overlap, i, j in pairs:
        if overlap >= SAME and all(i != a and j != b for _, a, b in result):
            result.append((overlap, i, j))
    return result


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0, across) * max(0, down)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def _cut(box: Box, shape: tuple[int, ...]) -> bool:
    x, y, w, h = box
    return x <= 1 or y <= 1 or x + w >= shape[1] - 1 or y + h >= shape[0] - 1
