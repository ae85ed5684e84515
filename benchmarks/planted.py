"""Data sets whose truth is known: labels that mean nothing, and marks that mean everything."""

import os
from pathlib import Path

import cv2
import numpy as np

from benchmarks.workbench import on_all_cores
from core import storage
from core.cells.masks import cell_mask, depth
from core.data import datasets
from core.data.images import encode
from core.data.synthetic.white_cell import draw_cell
from core.data.walk import DESCRIPTION

CELLS_A_SUBJECT, LEAST_SUBJECTS = 12, 12
RADIUS = 40  # pixels, of a mark; a cell is some 200 across
GREYS = {1: 225, 0: 20}  # pale marks mean ALL, dark ones HEM; not so pale that a gate minds

Place = tuple[int, int]


def write_shuffled(drawn: Path, root: Path, seed: int) -> Path:
    """The cells of a drawn data set below `root`, their labels shuffled between the cells.

    Subjects keep their cells, as folders within those of the classes. Files are linked.
    """
    cells = datasets.index(drawn).labelled()
    labels = np.random.default_rng(seed).permutation(cells["label"].to_numpy())
    rows = zip(cells["image_id"], cells["subject"], labels, strict=True)
    for number, (image_id, subject, label) in enumerate(rows):
        file = root / ("ALL" if label else "HEM") / str(subject) / f"cell_{number}.bmp"
        file.parent.mkdir(parents=True, exist_ok=True)
        os.link(drawn / image_id, file)
    storage.write_json(root / DESCRIPTION, {"name": "Shuffled labels", "synthetic": True})
    return root


def write_marked(root: Path, cells: int) -> dict[Path, Place]:
    """About so many cells below `root`, whose class is a mark; returns its centre (x, y) by file.

    The cells beneath are drawn as ALL and HEM in turn whatever the label, so that nothing but the
    mark, a disc in a random place of the cell, tells it.
    """
    subjects = max(LEAST_SUBJECTS, cells // CELLS_A_SUBJECT)

    def place(number: int) -> tuple[Path, Place]:
        subject, cell = divmod(number, CELLS_A_SUBJECT)
        label = subject % 2
        image = draw_cell(subject=f"M{subject}", cell=cell, label=cell % 2).copy()
        centre = somewhere_inside(cell_mask(image), np.random.default_rng(number))
        cv2.circle(image, centre, RADIUS, (GREYS[label],) * 3, cv2.FILLED)
        name = "all" if label else "hem"
        who = f"{'' if label else 'H'}{subject + 1}"
        file = root / "fold_0" / name / f"UID_{who}_{cell + 1}_1_{name}.bmp"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(image, "BMP"))
        return file, centre

    centres = dict(on_all_cores(place, range(subjects * CELLS_A_SUBJECT)))
    storage.write_json(root / DESCRIPTION, {"name": "Marked cells", "synthetic": True})
    return centres


def somewhere_inside(mask: np.ndarray, rng: np.random.Generator) -> Place:
    """A random centre (x, y) of a mark within the cell, or its deepest place where none fits."""
    inside = depth(mask)
    y, x = rng.choice(np.argwhere(inside >= min(RADIUS, float(inside.max()))))
    return int(x), int(y)


def marked(centre: Place, shape: tuple[int, ...]) -> np.ndarray:
    """The pixels of a mark, bool (H, W), in an image of that shape."""
    mark = np.zeros(shape[:2], np.uint8)
    return np.asarray(cv2.circle(mark, centre, RADIUS, 1, cv2.FILLED)).view(bool)
