"""Finding and outlining white cells in real smear fields, beside twelve lines of OpenCV.

- boxes: recall, precision and mean IoU of BCCD's boxes at IoU 0.5, for the even and the odd files,
  since thresholds and weights were chosen on the even ones; and how many of the parts of its fields
  without a white cell are left empty.
- masks: mean Dice of nucleus and cell of leukocytes outlined by hand.
- drawn: how many whole cells of synthetic fields are found, how many of them the finished models
  read, and whether as with their true outline and scale.
- time: of a 640x480 field, and a pixel of large ones.
- scan: peak memory for a scan of 100 megapixels.

Real data are found through BLASTLENS_REAL_DATA.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from benchmarks.boxes import SAME, Box, beside, fields, iou, mosaic, score, twelve_lines
from benchmarks.measure import Figures, Options, alternate, at_least, at_most, measure_parts
from benchmarks.workbench import require_real_data, run_python, temporary_folder
from core.cells.detection.detect import Cell, Field, detect
from core.cells.detection.red_cells import Ruler
from core.cells.detection.tiles import Whole
from core.data.images import decode
from core.data.synthetic.smear import SCALE
from core.data.synthetic.smear_field import SyntheticField, draw_field
from core.ood.reference import CNMC_RED_CELL
from core.reading.fields.reader import read_field
from core.reading.fields.reading import CUT
from core.reading.reader import Reader
from core.runs import run_store
from core.runs.run_store import Run

BOXES = {
    "recall": at_least("recall of boxes, {} files", 0.985),
    "precision": at_least("precision of boxes, {} files", 0.97),
    "mean_iou": at_least("mean IoU of boxes, {} files", 0.85),
}
EMPTY = at_least("parts of fields beside all boxes, nothing found", 0.9)
DICE = at_least("mean Dice of the {}, {}", 0.93)
FOUND = at_least("whole synthetic cells found", 0.985)
READ = at_least("whole synthetic cells read by {}", 0.8)
ALIKE = at_least("decided calls of {} as with the true outline", 0.85)
MILLISECONDS = at_most("milliseconds a 640x480 field", 40.0)
# No faster than pixels grow, and noise.
GROWTH = at_most("time a pixel, 4000x3000 over 640x480", 1.15)
MEMORY = at_most("peak memory of a 100 megapixel {} in MiB", 1024.0)
SYNTHETIC = 12  # fields
SCAN = 10_000  # pixels a side
ROUNDS = 7

# A picture, the white cells found in it, and the true ones.
Compared = tuple[np.ndarray, Field, Field]
T = TypeVar("T")


def measure(options: Options) -> Figures:
    """Figures of all parts, or of `options.only`. Raises `ConfigError` without real data."""
    fields_of_boxes = ("bccd_fields/JPEGImages", "bccd_fields/Annotations")
    root = require_real_data(*fields_of_boxes, "wbc_masks/dataset_1", "wbc_masks/dataset_2")
    return measure_parts(PARTS, options.only, root, options)


def ours(image: np.ndarray) -> list[Box]:
    """The boxes that `core.cells` reports."""
    field = detect(image)
    return [field.frame(cell) for cell in field.cells]


def tight(image: np.ndarray) -> list[Box]:
    """The same without the margin that annotators leave, for comparison: no bar is on them."""
    return [cell.bbox for cell in detect(image).cells]


def halves(results: Sequence[T]) -> dict[str, Sequence[T]]:
    """Results by the files they are of: the even, the odd and all."""
    return {"even": results[::2], "odd": results[1::2], "all": results}


def boxes(root: Path, options: Options) -> Figures:
    """Recall, precision and mean IoU of both on the even, the odd and all files of BCCD."""
    pictures = list(fields(root / "bccd_fields"))[: options.images]
    figures: dict[str, dict[str, Figures]] = {}
    for name, finder in (("ours", ours), ("ours_tight", tight), ("twelve_lines", twelve_lines)):
        results = [(finder(image), truth, image.shape[:2]) for image, truth in pictures]
        figures[name] = {half: score(part) for half, part in halves(results).items()}
        for half in ("even", "odd") if finder is ours else ():
            scores = score(halves(results)[half])
            bars = {key: limit(scores[key], half) for key, limit in BOXES.items()}
            figures[name][half] = {**scores, **bars}
    parts = [part for image, truth in pictures for part in beside(image, truth)]
    empty = sum(not detect(part).cells for part in parts) / max(1, len(parts))
    return {**figures, "beside": {"parts": len(parts), "left_empty": EMPTY(empty)}}


def masks(root: Path, options: Options) -> Figures:
    """Mean Dice of nucleus and cell by set and half; the found cell that covers most counts."""
    figures = {}
    for name in ("dataset_1", "dataset_2"):
        files = sorted((root / "wbc_masks" / name).glob("*.bmp"))[: options.images]
        rows = [_dices(file) for file in files]
        means = {half: np.mean(part, axis=0) for half, part in halves(rows).items()}
        figures[name] = {half: {"nucleus": n, "cell": c} for half, (n, c) in means.items()}
        figures[name]["all"] = {
            part: DICE(value, part, name) for part, value in figures[name]["all"].items()
        }
    return figures


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


def drawn(root: Path, options: Options) -> Figures:
    """Whole cells of synthetic fields: found, read by each finished model, and read alike."""
    fields = [draw_field(seed=seed) for seed in range(options.images or SYNTHETIC)]
    compared = [(field.image, detect(field.image), _truth(field)) for field in fields]
    whole = [
        (cell, _nearest(cell, found))
        for _, found, truth in compared
        for cell in truth.cells
        if not cell.touches_border
    ]
    wide = [np.sqrt(nearest.area_px / cell.area_px) for cell, nearest in whole if nearest]
    return {
        "whole_cells": len(whole),
        "found": len(wide),
        "share_found": FOUND(len(wide) / len(whole)),
        "diameter_over_true_one": np.percentile(wide, (5, 50, 95)).tolist(),
        **{run.run_id: _read_by(run, compared, len(whole)) for run in run_store.models()},
    }


def _read_by(run: Run, compared: list[Compared], whole: int) -> Figures:
    """How many of the `whole` cells a model reads, and whether as with their true outlines."""
    reader, codes = Reader(run), Counter[str]()
    alike: list[bool] = []
    decided: list[bool] = []
    for image, found, truth in compared:
        readings, true = (read_field(reader, Whole(image), it, "") for it in (found, truth))
        for outlined in true.cells:
            cell = None if outlined.state == CUT else _nearest(outlined.cell, found)
            if cell is None:
                continue
            reading = next(it for it in readings.cells if it.cell is cell)
            codes[reading.gate.code or "read"] += 1
            if reading.call and outlined.call:
                alike.append(reading.call == outlined.call)
                decided += [] if outlined.close else alike[-1:]
    same = float(np.mean(decided)) if decided else 0.0
    return {
        **codes,
        "share_read": READ(codes["read"] / whole, run.run_id),
        "calls_alike": f"{sum(alike)} of {len(alike)}",
        "decided_alike": f"{sum(decided)} of {len(decided)}",
        "share_decided_alike": ALIKE(same, run.run_id),
    }


def _truth(it: SyntheticField) -> Field:
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


def time(root: Path, options: Options) -> Figures:
    """Of fields of 640x480, by the median, and of 4000x3000 mosaics of them a pixel."""
    small = [image for image, _ in fields(root / "bccd_fields")][::11]
    large = mosaic(small, 3000, 4000)
    taken = alternate(
        {
            "ours": lambda: [detect(image) for image in small],
            "twelve_lines": lambda: [twelve_lines(image) for image in small],
            "large": lambda: detect(large),
        },
        options.rounds or ROUNDS,
    )
    ours, peer = (1000 * taken[name].median / len(small) for name in ("ours", "twelve_lines"))
    pixels = sum(image[:, :, 0].size for image in small)
    growth = (taken["large"].median / large[:, :, 0].size) / (taken["ours"].median / pixels)
    return {
        "milliseconds_a_field": {"ours": MILLISECONDS(ours), "twelve_lines": peer},
        "milliseconds_a_field_fastest_round": 1000 * taken["ours"].minimum / len(small),
        "large_seconds": taken["large"],
        "time_a_pixel_large_over_small": GROWTH(growth),
    }


def scan(root: Path, options: Options) -> Figures:
    """Peak memory, time and cells of 100 megapixels as TIFF and PNG, each in its own process."""
    small = [image for image, _ in fields(root / "bccd_fields")][::20]
    figures = {}
    with temporary_folder() as folder:
        picture = Image.fromarray(mosaic(small, SCAN, SCAN))
        files = {"tiff": folder / "scan.tif", "png": folder / "scan.png"}
        picture.save(files["tiff"], compression="tiff_lzw")
        picture.save(files["png"], compress_level=1)
        del picture
        for kind, file in files.items():
            words = run_python(f"The {kind} scan", "-m", "benchmarks.scan_memory", file).split()
            peak, seconds, cells = map(float, words)
            figures[kind] = {
                "peak_mib": MEMORY(peak, kind),
                "seconds": seconds,
                "cells": int(cells),
            }
    return figures


PARTS: dict[str, Callable[[Path, Options], Figures]] = {
    "boxes": boxes,
    "masks": masks,
    "drawn": drawn,
    "time": time,
    "scan": scan,
}
