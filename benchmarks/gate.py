"""The gate before a reading: what real cells pass, and what is no cell is refused.

A model that has never seen a cell's group judges it: a frozen DenseNet121 reads all cells of a set,
and what it keeps of its training cells (features, limit, ranges of size and focus) is made anew for
each group, without that group. Its head plays no part in the gate.

- cells: the share of real C-NMC cells that pass, or of synthetic ones where there are none.
- others: pictures that are no cells, with the model of all cells; by kind, and what refused them.
- fields: whole smear fields, of which none may be read as a cell, and crops with their background.

Real pictures, and ImageNet weights, are found through BLASTLENS_REAL_DATA; without them the set
is synthetic, the weights are random, and bars of real cells are left out.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import not_cells
from benchmarks.measure import Figures, Options, at_least, at_most, measure_parts
from benchmarks.workbench import artifacts, real_data, real_weights, synthetic_cells, train
from core.data import datasets, measures
from core.data.geometry import fit
from core.data.images import decode, encode
from core.data.synthetic.smear_field import draw_field
from core.models.engine import Engine
from core.ood import reference
from core.reading.checked_picture import CheckedPicture, Gate, examine
from core.reading.checks import CHECKS
from core.reading.reader import Reader
from core.runs.run_store import Run

SYNTHETIC, SUBJECTS = 120, 24
FIELDS = 16  # of the smears, the first; the rest are crops around a cell or two
PASS = at_least("{} cells of unseen groups that pass", 0.95)
REFUSE = at_least("of {} photographs, documents, noise, flat colours: refused", 0.99)
READ = at_most("of {} whole fields: read as a cell", 0)


def measure(options: Options) -> Figures:
    """Figures of all parts, or of `options.only`; of `options.images` synthetic cells."""
    real = real_data()
    with _model(real, options.images or SYNTHETIC) as run:
        figures = measure_parts(PARTS, options.only, run, real)
    return {"cells_are": "real" if real else "synthetic", **figures}


@contextmanager
def _model(real: Path | None, images: int) -> Iterator[Run]:
    """A run on the real cells, or on synthetic ones."""
    settings = {"epochs": 1, "views": 1}
    if real:
        with artifacts(), real_weights():
            root = real / "cnmc_sample" / "C-NMC_Leukemia"
            yield train("densenet-121", root, **settings)
    else:
        with synthetic_cells(images, min(SUBJECTS, images // 2)) as root:
            yield train("densenet-121", root, **settings, weights="random")


def cells(run: Run, real: Path | None) -> Figures:
    """The share of cells that pass the gate of a model that kept nothing of their group."""
    index = datasets.index(datasets.resolve(run.config.dataset))
    engine, geometry = Engine(run.engine_file), run.geometry
    table = index.labelled().merge(measures.measure(index), on="image_id")
    pictures = [decode(index.path(image_id)) for image_id in table["image_id"]]
    pooled = np.concatenate(
        [engine.predict(fit(picture, geometry)[None])[1] for picture in pictures]
    )
    codes: dict[str, str] = {}
    for _, own in table.groupby("group"):
        kept = without(table, table.index.isin(own.index), pooled)
        for row, image_id in own["image_id"].items():
            picture = CheckedPicture(pictures[row], geometry, kept, engine)
            codes[str(image_id)] = _code(examine(picture, CHECKS))
    passed = list(codes.values()).count("read") / len(codes)
    return {
        "cells": len(codes),
        "groups": table["group"].nunique(),
        "passed": PASS(passed, "real" if real else "synthetic"),
        "refused": {Path(it).stem: code for it, code in codes.items() if code != "read"},
    }


def without(table: pd.DataFrame, own: np.ndarray, pooled: np.ndarray) -> reference.Reference:
    """What a model keeps that was trained on all cells but its `own`, bool (N,)."""
    parts = table.assign(split=np.where(own, "test", "train"))
    made = reference.build(parts, pooled, reference.CNMC_RED_CELL)
    return reference.from_arrays(made, parts[~own].reset_index(drop=True))


def others(run: Run, real: Path | None) -> Figures:
    """The share of pictures of no cell that are refused, with the whole model."""
    reader, rng = Reader(run), np.random.default_rng(0)
    index = datasets.index(datasets.resolve(run.config.dataset))
    images = [decode(index.path(image_id)) for image_id in index.cells["image_id"][:40]]
    kinds = {name: _codes(reader, draw(rng)) for name, draw in not_cells.KINDS.items()}
    pictures = sum(kind.pictures for kind in kinds.values())
    refused = sum(kind.refused for kind in kinds.values()) / pictures
    return {
        **kinds,
        # What a person would have to make on purpose, and what the standard does not name.
        "counterfeits": _codes(reader, not_cells.counterfeits(rng)),
        "recoloured_cells": _codes(reader, not_cells.recoloured(images)),
        "refused_of_named": REFUSE(refused, pictures),
    }


def fields(run: Run, real: Path | None) -> Figures:
    """Whole fields, of which none may be read as a cell, and crops with their background."""
    reader = Reader(run)
    drawn = _codes(reader, (draw_field(seed=seed).image for seed in range(8)))
    if real is None:
        return {"synthetic_fields": drawn}
    smears = {file: reader.read(file) for file in sorted((real / "smears").glob("*.jpg"))}
    read = sum(reading.kind == "cell" for reading in list(smears.values())[:FIELDS])
    crops = {
        "bccd_fields": (real / "bccd_fields").rglob("*.jpg"),
        "wbc_dataset_1": (real / "wbc_masks" / "dataset_1").glob("*.bmp"),
        "wbc_dataset_2": (real / "wbc_masks" / "dataset_2").glob("*.bmp"),
    }
    return {
        "synthetic_fields": drawn,
        "smears": {file.stem: _code(reading.gate) for file, reading in smears.items()},
        "smears_read_as_a_cell": READ(read, FIELDS),
        **{name: _codes(reader, sorted(files)[::4]) for name, files in crops.items()},
    }


@dataclass(frozen=True)
class Refusals:
    """How many pictures there were, how many were refused, and by which check."""

    pictures: int
    refused: int
    by: dict[str, int]


def _codes(reader: Reader, pictures: Iterable[np.ndarray | Path]) -> Refusals:
    files = (it.read_bytes() if isinstance(it, Path) else encode(it) for it in pictures)
    codes = Counter(_code(reader.read(file).gate) for file in files)
    return Refusals(codes.total(), codes.total() - codes["read"], dict(codes.most_common()))


def _code(gate: Gate) -> str:
    return gate.code or "read"


PARTS: dict[str, Callable[[Run, Path | None], Figures]] = {
    "cells": cells,
    "others": others,
    "fields": fields,
}
