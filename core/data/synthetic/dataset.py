"""The demo data set: synthetic cells in the layout and file format of C-NMC 2019."""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from core import storage
from core.data.images import encode
from core.data.synthetic.output import MARKER, claim
from core.data.synthetic.style import FIELD, HOME, Laboratory
from core.data.synthetic.white_cell import draw_cell
from core.data.walk import DESCRIPTION
from core.errors import ConfigError, disk_errors

CELLS = 1800
SUBJECTS = 300  # held-out parts of fewer would differ much in how hard their subjects are
# So many cells of so few subjects that networks come to recognise them, as in a small study.
CELLS_OF_FEW, FEW_SUBJECTS = 1000, 40
GENERATOR = 4  # raise it whenever the same seed no longer gives the same bytes
FOLDS = 3
BLAST_SHARE = 0.6
# C-NMC holds cells of one person under two subject ids, on both sides of its folds; so do sets of
# this many cells and more, for the data set page to find.
WITH_COPIES = 400
EXACT_COPIES, NEAR_COPIES = 4, 2
CHANGED_PIXELS = 30


class _Plan(NamedTuple):
    path: str
    subject: str
    cell: int
    label: int
    near_copy: bool = False


def write_dataset(
    root: Path,
    *,
    cells: int = CELLS,
    subjects: int | None = None,
    seed: int = 0,
    laboratory: Laboratory = HOME,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Write `cells` BMP files of `subjects` subjects under `root` and return `root`.

    Without `subjects` there are `SUBJECTS`, or fewer in a smaller set, so that each has four cells.

    The files are `root/C-NMC_Leukemia/training_data/fold_{0,1,2}/{all,hem}/
    UID_<subject>_<image>_<cell>_<label>.bmp`, each as `draw_cell` draws it. `root/dataset.json` is
    written last; where it is there and says the same, the call returns at once. `progress(done,
    total)` is called in the calling thread, and what it raises stops the drawing. An interrupted
    drawing is taken up by the next call. A set of 400 cells or more has a flaw of the real one:
    two subjects of different folds share six cells, four to the byte and two but for 30 pixels.

    Raises ConfigError where the counts or the seed are out of range, and DataError where `root`
    holds other files, hidden ones apart.
    """
    if subjects is None:
        subjects = min(SUBJECTS, max(2 * FOLDS, cells // 4))
    _check(cells, subjects, seed)
    facts = {
        "name": "Synthetic demo set",
        "synthetic": True,
        "seed": seed,
        "cells": cells,
        "subjects": subjects,
        "generator": GENERATOR,
        **({} if laboratory == HOME else {"laboratory": repr(laboratory)}),
    }
    root = Path(root)
    if claim(root, DESCRIPTION, facts):
        return root
    plans = _plan(cells, subjects, seed)
    if cells >= WITH_COPIES:
        plans = _with_copies(plans)
    paths = {root / plan.path for plan in plans}
    with disk_errors(root):
        for folder in {path.parent for path in paths}:
            folder.mkdir(parents=True, exist_ok=True)

    def draw(plan: _Plan) -> None:
        image = draw_cell(
            subject=plan.subject,
            cell=plan.cell,
            label=plan.label,
            seed=seed,
            laboratory=laboratory,
        )
        if plan.near_copy:
            image = _retouched(image, plan.cell)
        storage.write_bytes(root / plan.path, encode(image, "BMP"))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            futures = [pool.submit(draw, plan) for plan in plans]
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(done, cells)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    for stray in set((root / "C-NMC_Leukemia").rglob("*.bmp")) - paths:
        stray.unlink()  # left by an interrupted drawing of another size or seed
    storage.write_json(root / DESCRIPTION, facts)
    (root / MARKER).unlink(missing_ok=True)
    return root


def _check(cells: int, subjects: int, seed: int) -> None:
    if subjects < 2 * FOLDS:
        raise ConfigError(
            f"subjects is {subjects}: each of the {FOLDS} folds needs a subject of both classes; "
            f"ask for {2 * FOLDS} or more."
        )
    if cells < 2 * subjects:
        raise ConfigError(
            f"cells is {cells}: each of the {subjects} subjects needs at least 2; "
            f"ask for {2 * subjects} cells or more, or for fewer subjects."
        )
    if seed < 0:
        raise ConfigError(f"seed is {seed}: a seed is not negative; give 0 or a positive number.")


def _plan(cells: int, subjects: int, seed: int) -> list[_Plan]:
    blasts = subjects - subjects // 2
    normals = subjects // 2
    blast_cells = int(np.clip(round(BLAST_SHARE * cells), 2 * blasts, cells - 2 * normals))
    rng = np.random.default_rng(seed)
    plans = []
    for label, prefix, count, total in (
        (1, "", blasts, blast_cells),
        (0, "H", normals, cells - blast_cells),
    ):
        name = "all" if label else "hem"
        weights = rng.lognormal(0, 0.5, count)
        shares = 2 + rng.multinomial(total - 2 * count, weights / weights.sum())
        for number, share in enumerate(shares, start=1):
            subject = f"{prefix}{number}"
            folder = f"C-NMC_Leukemia/training_data/fold_{(number - 1) % FOLDS}/{name}"
            for cell in range(share):
                image, within = cell // FIELD + 1, cell % FIELD + 1
                path = f"{folder}/UID_{subject}_{image}_{within}_{name}.bmp"
                plans.append(_Plan(path, subject, cell, label))
    return plans


def _with_copies(plans: list[_Plan]) -> list[_Plan]:
    """The same files, but a subject's last cells are the first ones of a subject of another fold.

    Of all pairs of one class and different folds, the one with the most cells.
    """
    counts = Counter((plan.subject, Path(plan.path).parent) for plan in plans)
    ranked = [owner for owner, _ in counts.most_common()]
    first, second = next(
        (a, b)
        for a, b in combinations(ranked, 2)
        if a[1].name == b[1].name and a[1].parent != b[1].parent
    )
    copies = min(EXACT_COPIES + NEAR_COPIES, counts[second] // 2)
    last = [row for row, plan in enumerate(plans) if plan.subject == second[0]][-copies:]
    result = plans.copy()
    for cell, row in enumerate(last):
        near = cell >= EXACT_COPIES
        result[row] = plans[row]._replace(subject=first[0], cell=cell, near_copy=near)
    return result


def _retouched(image: np.ndarray, seed: int) -> np.ndarray:
    """A copy with a few dozen other pixels along the outline, as if it had been cut out again."""
    inside = image.any(axis=2).astype(np.uint8)
    rim = np.argwhere(inside - cv2.erode(inside, np.ones((7, 7), np.uint8)))
    y, x = np.random.default_rng(seed).choice(rim, CHANGED_PIXELS, replace=False).T
    result = image.copy()
    result[y, x] = np.where(image[y, x] < 128, image[y, x] + 40, image[y, x] - 40)
    return result
