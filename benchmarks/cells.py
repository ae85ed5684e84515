"""Finding and outlining white cells in real smear fields, beside twelve lines of OpenCV.

BCCD's boxes: recall, precision and mean IoU at IoU 0.5, for the even and the odd files, since
thresholds and weights were chosen on the even ones; of the parts of its fields without a white
cell, how many are left empty. Leukocytes outlined by hand: mean Dice of nucleus and cell.
Synthetic fields: how many of their whole cells are found, how many of them the finished models
read, and whether as with their true outline and scale. Time of a 640x480 field, time per pixel of
large ones, memory of a scan of 100 megapixels. Real data are found through BLASTLENS_REAL_DATA.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.measure import Measured, alternate, at_least, at_most, measure_parts
from core.cells.detection.detect import Cell, Field, detect
from core.cells.detection.red_cells import Ruler
from core.cells.detection.tiles import Whole
from core.data.images import decode
from core.data.synthetic import smear_field
from core.data.synthetic.smear import SCALE
from core.data.synthetic.smear_field import draw_field
from core.errors import ConfigError
from core.ood.reference import CNMC_RED_CELL
from core.reading.field import CUT, read_field
from core.reading.reader import Reader
from core.runs import run_store

REAL_DATA = "BLASTLENS_REAL_DATA"
PARTS = ("boxes", "masks", "drawn", "time", "scan")
RECALL, PRECISION, IOU = 0.985, 0.97, 0.85
DICE = 0.93
EMPTY, MARGIN, WIDE = 0.9, 12, 300  # of the parts of fields without a white cell; pixels
DRAWN, READ, ALIKE = 12, 0.8, 0.85  # synthetic fields; of their whole cells; of those calls
MILLISECONDS = 40.0
GROWTH = 1.15  # time a pixel of 12 megapixels over that of 0.3: no faster than pixels, and noise
MEMORY_MIB = 1024.0
SCAN = 10_000  # pixels a side
ROUNDS = 7
SAME = 0.5

Box = tuple[int, int, int, int]
Finder = Callable[[np.ndarray], list[Box]]


def run(options: argparse.Namespace) -> Measured:
    """Figures and bars of all parts, or of `options.only`. Raises `ConfigError` without data."""
    root = _real_data()
    parts = {
        "boxes": lambda: boxes(root / "bccd_fields", options.images),
        "masks": lambda: masks(root / "wbc_masks", options.images),
        "drawn": lambda: drawn(options.images or DRAWN),
        "time": lambda: timing(root / "bccd_fields", options.rounds or ROUNDS),
        "scan": lambda: scan(root / "bccd_fields"),
    }
    return measure_parts(parts, options.only)


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


def ours(image: np.ndarray) -> list[Box]:
    """The boxes that `core.cells` reports."""
    field = detect(image)
    return [field.frame(cell) for cell in field.cells]


def tight(image: np.ndarray) -> list[Box]:
    """The same without the margin that annotators leave, for comparison: no bar is on them."""
    return [cell.bbox for cell in detect(image).cells]


def boxes(folder: Path, most: int | None) -> Measured:
    """Recall, precision and mean IoU of both on the even, the odd and all files."""
    fields = list(_fields(folder))[:most]
    figures: dict[str, Any] = {}
    for name, finder in (("ours", ours), ("ours_tight", tight), ("twelve_lines", twelve_lines)):
        results = [(finder(image), truth, image.shape[:2]) for image, truth in fields]
        halves = {"even": results[::2], "odd": results[1::2], "all": results}
        figures[name] = {half: score(part) for half, part in halves.items()}
    bars = [
        bar(f"{label}, {half} files", figures["ours"][half][key], target)
        for half in ("even", "odd")
        for label, key, target, bar in (
            ("recall of boxes", "recall", RECALL, at_least),
            ("precision of boxes", "precision", PRECISION, at_least),
            ("mean IoU of boxes", "mean_iou", IOU, at_least),
        )
    ]
    beside = [part for image, truth in fields for part in _beside(image, truth)]
    empty = sum(not detect(part).cells for part in beside) / max(1, len(beside))
    figures["beside"] = {"parts": len(beside), "left_empty": round(empty, 4)}
    bars.append(at_least("parts of fields beside all boxes, nothing found", empty, EMPTY))
    return figures, bars


def _beside(image: np.ndarray, truth: list[Box]) -> list[np.ndarray]:
    """The parts of a field, wide enough to be one, left and right of all its white cells."""
    if not truth:
        return []
    left = min(x for x, _, _, _ in truth) - MARGIN
    right = max(x + w for x, _, w, _ in truth) + MARGIN
    parts = image[:, : max(0, left)], image[:, right:]
    return [np.ascontiguousarray(part) for part in parts if part.shape[1] >= WIDE]


def score(results: list[tuple[list[Box], list[Box], tuple[int, int]]]) -> dict[str, float]:
    """Of (boxes found, true boxes, (H, W)) a field. A match has an IoU of `SAME` or more.

    What touches the border and matches no box counts neither way: cut cells often have none.
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
        "recall": round(count / max(1, count + missed), 4),
        "precision": round(count / max(1, count + wrong), 4),
        "mean_iou": round(float(np.mean(overlaps)) if overlaps else 0.0, 4),
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


def masks(folder: Path, most: int | None) -> Measured:
    """Mean Dice of nucleus and cell by set and half; the found cell that covers most counts."""
    figures: dict[str, Any] = {}
    bars = []
    for name in ("dataset_1", "dataset_2"):
        rows = np.array([_dices(path) for path in sorted((folder / name).glob("*.bmp"))[:most]])
        halves = {"even": rows[::2], "odd": rows[1::2], "all": rows}
        figures[name] = {
            half: dict(zip(("nucleus", "cell"), part.mean(axis=0).round(4).tolist(), strict=True))
            for half, part in halves.items()
        }
        for part in ("nucleus", "cell"):
            value = figures[name]["all"][part]
            bars.append(at_least(f"mean Dice of the {part}, {name}", value, DICE))
    return figures, bars


def _dices(path: Path) -> tuple[float, float]:
    image, truth = decode(path), decode(path.with_suffix(".png"))[:, :, 0]
    cell, nucleus = np.zeros(truth.shape, bool), np.zeros(truth.shape, bool)
    best = 0
    for found in detect(image).cells:
        x, y, w, h = found.bbox
        window = slice(y, y + h), slice(x, x + w)
        shared = int(((truth[window] > 0) & found.mask).sum())
        if shared > best:
            best = shared
            cell[:], nucleus[:] = False, False
            cell[window], nucleus[window] = found.mask, found.nucleus
    return dice(nucleus, truth == 255), dice(cell, truth > 0)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Twice the shared area over both areas of two bool masks; 1 for two empty ones."""
    both = int(a.sum() + b.sum())
    return 2 * int((a & b).sum()) / both if both else 1.0


def drawn(count: int) -> Measured:
    """Whole cells of `count` synthetic fields: found, read by each finished model, and alike."""
    made = [draw_field(seed=seed) for seed in range(count)]
    pairs = [(it.image, detect(it.image), _truth(it)) for it in made]
    whole = [cell for _, _, truth in pairs for cell in truth.cells if not cell.touches_border]
    nearest = [
        _nearest(cell, field) for _, field, truth in pairs
        for cell in truth.cells if not cell.touches_border
    ]  # fmt: skip
    wide = [np.sqrt(a.area_px / b.area_px) for a, b in zip(nearest, whole, strict=True) if a]
    figures: dict[str, Any] = {
        "whole_cells": len(whole),
        "found": len(wide),
        "diameter_over_true_one": np.percentile(wide, (5, 50, 95)).round(3).tolist(),
    }
    bars = [at_least("whole synthetic cells found", len(wide) / len(whole), RECALL)]
    for run_of in run_store.models():
        reader, codes = Reader(run_of), Counter[str]()
        alike: list[tuple[bool, bool]] = []
        for image, field, truth in pairs:
            found, true = (read_field(reader, Whole(image), it, "") for it in (field, truth))
            for one in true.cells:
                cell = None if one.state == CUT else _nearest(one.cell, field)
                if cell is None:
                    continue
                read = next(it for it in found.cells if it.cell is cell)
                codes[read.gate.code or "read"] += 1
                if read.call and one.call:
                    alike.append((read.call == one.call, one.close))
        name, share = run_of.run_id, codes["read"] / len(whole)
        decided = [same for same, close in alike if not close]
        same = float(np.mean(decided)) if decided else 0.0
        figures[name] = {
            **codes,
            "share_read": round(share, 4),
            "calls_alike": f"{sum(same for same, _ in alike)} of {len(alike)}",
            "decided_alike": f"{sum(decided)} of {len(decided)}",
        }
        bars += [
            at_least(f"whole synthetic cells read by {name}", share, READ),
            at_least(f"decided calls of {name} as with the true outline", same, ALIKE),
        ]
    return figures, bars


def _truth(it: smear_field.SyntheticField) -> Field:
    """The white cells and the scale that were drawn, as if they had been found."""
    cells = []
    for number, one in enumerate((cell for cell in it.objects if cell.label is not None), 1):
        x, y, w, h = one.bbox
        window = slice(y, y + h), slice(x, x + w)
        mask = it.instances[window] == number
        nucleus = mask & (it.mask[window] == 255)
        cells.append(Cell(one.bbox, mask, nucleus, int(mask.sum()), 1.0, one.cut))
    return Field(tuple(cells), Ruler(CNMC_RED_CELL * SCALE, len(cells)), it.mask.shape)


def _nearest(cell: Cell, field: Field) -> Cell | None:
    """The cell of a field that lies where `cell` does, if one does."""
    best = max(field.cells, key=lambda other: iou(other.bbox, cell.bbox), default=None)
    return best if best is not None and iou(best.bbox, cell.bbox) >= SAME else None


def timing(folder: Path, rounds: int) -> Measured:
    """Of fields of 640x480, by the median, and of 4000x3000 mosaics of them a pixel."""
    fields = [image for image, _ in _fields(folder)][:: max(1, 266 // 24)]
    large = mosaic(fields, 3000, 4000)
    taken = alternate(
        {
            "ours": lambda: [detect(image) for image in fields],
            "twelve_lines": lambda: [twelve_lines(image) for image in fields],
            "large": lambda: detect(large),
        },
        rounds,
    )
    each = {name: 1000 * taken[name].median / len(fields) for name in ("ours", "twelve_lines")}
    best = 1000 * taken["ours"].minimum / len(fields)
    pixels = sum(image.shape[0] * image.shape[1] for image in fields)
    growth = (taken["large"].median / large[:, :, 0].size) / (taken["ours"].median / pixels)
    figures = {
        "milliseconds_a_field": {name: round(value, 2) for name, value in each.items()},
        "milliseconds_a_field_fastest_round": round(best, 2),
        "large_seconds": taken["large"].figures(),
        "time_a_pixel_large_over_small": round(growth, 3),
    }
    return figures, [
        at_most("milliseconds a 640x480 field", each["ours"], MILLISECONDS),
        at_most("time a pixel, 4000x3000 over 640x480", growth, GROWTH),
    ]


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


def scan(folder: Path) -> Measured:
    """Peak memory, time and cells of 100 megapixels as TIFF and PNG, each in its own process."""
    fields = [image for image, _ in _fields(folder)][::20]
    figures: dict[str, Any] = {}
    bars = []
    with tempfile.TemporaryDirectory(prefix="blastlens-scan-") as name:
        picture = Image.fromarray(mosaic(fields, SCAN, SCAN))
        files = {"tiff": Path(name) / "scan.tif", "png": Path(name) / "scan.png"}
        picture.save(files["tiff"], compression="tiff_lzw")
        picture.save(files["png"], compress_level=1)
        del picture
        for kind, file in files.items():
            done = subprocess.run(
                [sys.executable, "-c", _SCRIPT, str(file)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise ConfigError(f"The {kind} scan failed: {done.stderr.strip()[-300:]}")
            memory, seconds, cells = (float(text) for text in done.stdout.split())
            figures[kind] = {"peak_mib": memory, "seconds": seconds, "cells": int(cells)}
            bars.append(
                at_most(f"peak memory of a 100 megapixel {kind} in MiB", memory, MEMORY_MIB)
            )
    return figures, bars


_SCRIPT = """
import resource, sys, time
from pathlib import Path
from core.cells.detection.tiles import detect_tiled
from core.data.images import open_scan
started = time.perf_counter()
with open_scan(Path(sys.argv[1])) as scan:
    field = detect_tiled(scan)
status = Path("/proc/self/status")
if status.exists():  # getrusage counts, after vfork, the memory of the parent, too
    peak = next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM")) / 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(round(peak, 1), round(time.perf_counter() - started, 2), len(field.cells))
"""


def _fields(folder: Path) -> Iterator[tuple[np.ndarray, list[Box]]]:
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


def _cut(box: Box, shape: tuple[int, int]) -> bool:
    x, y, w, h = box
    return x <= 1 or y <= 1 or x + w >= shape[1] - 1 or y + h >= shape[0] - 1


def _real_data() -> Path:
    folder = os.environ.get(REAL_DATA)
    needed = ("bccd_fields", "wbc_masks")
    if not folder or not all((Path(folder) / name).is_dir() for name in needed):
        raise ConfigError(
            f"The real fields are missing: set {REAL_DATA} to a folder that holds bccd_fields "
            "(JPEGImages and Annotations) and wbc_masks (dataset_1 and dataset_2)."
        )
    return Path(folder)
