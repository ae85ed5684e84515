"""The demo data set: synthetic cells in the layout and file format of C-NMC 2019."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core import storage
from core.data.images import encode
from core.data.manifest import DESCRIPTION
from core.data.synthetic_cell import draw_cell
from core.errors import ConfigError, DataError

CELLS = 1000
SUBJECTS = 40
GENERATOR = 1  # raise it whenever the same seed no longer gives the same bytes
FOLDS = 3
BLAST_SHARE = 0.6
MARKER = "drawing"


class _Plan(NamedTuple):
    path: str
    subject: str
    cell: int
    label: int


def write_dataset(
    root: Path,
    *,
    cells: int = CELLS,
    subjects: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Write `cells` BMP files of `subjects` subjects under `root` and return `root`.

    Without `subjects` there are 40, or fewer in a set of under 160 cells, so that each has four.

    The files are `root/C-NMC_Leukemia/training_data/fold_{0,1,2}/{all,hem}/
    UID_<subject>_<image>_<cell>_<label>.bmp`, each as `draw_cell` draws it. `root/dataset.json` is
    written last; where it is there and says the same, the call returns at once. `progress(done,
    total)` is called in the calling thread, and what it raises stops the drawing. An interrupted
    drawing is taken up by the next call.

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
    }
    root = Path(root)
    if _claim(root, facts):
        return root
    plans = _plan(cells, subjects, seed)
    paths = {root / plan.path for plan in plans}
    for folder in {path.parent for path in paths}:
        folder.mkdir(parents=True, exist_ok=True)

    def draw(plan: _Plan) -> None:
        image = draw_cell(subject=plan.subject, cell=plan.cell, label=plan.label, seed=seed)
        (root / plan.path).write_bytes(encode(image, "BMP"))

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


def _claim(root: Path, facts: dict[str, object]) -> bool:
    """Returns True where `root` is finished already; else mark it as ours, or raise DataError."""
    refusal = DataError(
        f"{root} holds other files: the synthetic set is drawn into a folder of its own; "
        "choose a new or empty folder, or empty this one."
    )
    if root.exists() and not root.is_dir():
        raise refusal
    finished = root / DESCRIPTION
    if finished.exists():
        try:
            same = json.loads(finished.read_text(encoding="utf-8")) == facts
        except ValueError:
            same = False
        if not same:
            raise refusal
        (root / MARKER).unlink(missing_ok=True)
        return True
    root.mkdir(parents=True, exist_ok=True)
    others = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    if others and not (root / MARKER).exists():
        raise refusal
    (root / MARKER).touch()
    return False


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
            image = within = 0
            for cell in range(share):
                if cell == 0 or rng.random() < 0.4:  # a few cells to a field
                    image, within = image + 1, 0
                within += 1
                path = f"{folder}/UID_{subject}_{image}_{within}_{name}.bmp"
                plans.append(_Plan(path, subject, cell, label))
    return plans
