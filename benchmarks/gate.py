"""The gate before a reading: what real cells pass, and what is no cell is refused.

Cells are judged by a model that has never seen their group: a frozen DenseNet121 is given to all
cells of a set, and for each group what it keeps of its training cells (features, limit, ranges of
size and focus) is made anew without that group. Its head plays no part in the gate.

- cells: the share of real C-NMC cells that pass, or of synthetic ones where there are none.
- others: pictures that are no cells, with the model of all cells; by kind, and what refused them.
- fields: whole smear fields, of which none may be read as a cell, and crops with their background.

Real pictures, and ImageNet weights, are found through BLASTLENS_REAL_DATA; without them the set
is synthetic, the weights are random, and bars of real cells are left out.
"""

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import not_cells
from benchmarks.measure import Measured, artifacts, at_least, at_most, measure_parts
from benchmarks.training import train
from core.data import datasets
from core.data.images import decode, encode, fit
from core.data.synthetic.dataset import write_dataset
from core.data.synthetic.smear_field import draw_field
from core.models.engine import Engine
from core.ood import reference
from core.reading.checks import CHECKS
from core.reading.gate import CheckedPicture, Gate, examine
from core.reading.reader import Reader
from core.runs.run_store import Run

REAL_DATA = "BLASTLENS_REAL_DATA"
SYNTHETIC, SUBJECTS = 120, 24
PASS, REFUSE = 0.95, 0.99
FIELDS = 16  # of the smears, the first; the rest are crops around a cell or two


def run(options: argparse.Namespace) -> Measured:
    """Figures of all parts, or of `options.only`; of `options.images` synthetic cells."""
    with _model(options.images or SYNTHETIC) as (done, real):
        figures, bars = measure_parts(PARTS, options.only, done, real)
    return {"cells_are": "real" if real else "synthetic"} | figures, bars


@contextmanager
def _model(images: int) -> Iterator[tuple[Run, Path | None]]:
    """A run on the real cells, or synthetic ones; and the folder of real data, if there is one."""
    given = os.environ.get(REAL_DATA)
    real = Path(given) if given else None
    before = os.environ.get("BLASTLENS_WEIGHTS")
    with tempfile.TemporaryDirectory(prefix="blastlens-cells-") as folder, artifacts():
        if real:
            os.environ["BLASTLENS_WEIGHTS"] = str(real / "weights")
            root, settings = real / "cnmc_sample" / "C-NMC_Leukemia", {}
        else:
            root = write_dataset(
                Path(folder) / "cells", cells=images, subjects=min(SUBJECTS, images // 2)
            )
            settings = {"weights": "random"}
        try:
            yield train("densenet-121", root, epochs=1, views=1, **settings), real
        finally:
            os.environ.pop("BLASTLENS_WEIGHTS", None)
            if before is not None:
                os.environ["BLASTLENS_WEIGHTS"] = before


def cells(done: Run, real: Path | None) -> Measured:
    """Each cell before the gate of a model that kept nothing of its group."""
    index = datasets.index(datasets.resolve(done.config.dataset))
    engine, geometry = Engine(done.engine_file), done.geometry
    table = index.labelled().reset_index(drop=True)
    pictures = [decode(index.path(image_id)) for image_id in table["image_id"]]
    pooled = np.concatenate(
        [engine.predict(fit(picture, geometry)[None])[1] for picture in pictures]
    )
    gates: list[Gate] = []
    names: list[str] = []
    for group in sorted(set(table["group"])):
        own = (table["group"] == group).to_numpy()
        reference = without(table, own, pooled)
        for row in np.flatnonzero(own):
            picture = CheckedPicture(pictures[row], geometry, reference, engine)
            gates.append(examine(picture, CHECKS))
            names.append(str(table["image_id"][row]))
    passed = sum(gate.passed for gate in gates) / len(gates)
    figures = {
        "cells": len(gates),
        "groups": int(table["group"].nunique()),
        "passed": round(passed, 4),
        "refused": {
            Path(name).stem: gate.code for name, gate in zip(names, gates, strict=True) if gate.code
        },
    }
    title = f"{'real' if real else 'synthetic'} cells of unseen groups that pass"
    return figures, [at_least(title, passed, PASS)]


def without(table: pd.DataFrame, own: np.ndarray, pooled: np.ndarray) -> reference.Reference:
    """What a model keeps that was trained on all cells but its `own`, bool (N,)."""
    parts = table.assign(split=np.where(own, "test", "train"))
    made = reference.build(parts, pooled, reference.CNMC_RED_CELL)
    return reference.from_arrays(made, parts[~own].reset_index(drop=True))


def others(done: Run, real: Path | None) -> Measured:
    """Pictures that are no cells, with the whole model."""
    reader, rng = Reader(done), np.random.default_rng(0)
    index = datasets.index(datasets.resolve(done.config.dataset))
    images = [decode(index.path(image_id)) for image_id in index.cells["image_id"][:40]]
    kinds = {name: kind(rng) for name, kind in not_cells.KINDS.items()}
    figures = {name: _codes(reader, map(encode, pictures)) for name, pictures in kinds.items()}
    number = sum(entry["pictures"] for entry in figures.values())
    refused = sum(entry["refused"] for entry in figures.values()) / number
    # What a person would have to make on purpose, and what the standard does not name.
    figures["counterfeits"] = _codes(reader, map(encode, not_cells.counterfeits(rng)))
    figures["recoloured_cells"] = _codes(reader, map(encode, not_cells.recoloured(images)))
    title = f"of {number} photographs, documents, noise, flat colours: refused"
    return figures | {"refused_of_named": round(refused, 4)}, [at_least(title, refused, REFUSE)]


def fields(done: Run, real: Path | None) -> Measured:
    """Whole fields, and crops around a cell with its background."""
    reader = Reader(done)
    drawn = (encode(draw_field(seed=seed).image) for seed in range(8))
    figures: dict[str, Any] = {"synthetic_fields": _codes(reader, drawn)}
    if real is None:
        return figures, []
    smears = sorted((real / "smears").glob("*.jpg"))
    figures["smears"] = {file.stem: _code(reader.read(file).gate) for file in smears}
    read = sum(reader.read(file).kind == "cell" for file in smears[:FIELDS])
    bccd = sorted((real / "bccd_fields").rglob("*.jpg"))[::4]
    figures["bccd_fields"] = _codes(reader, (file.read_bytes() for file in bccd))
    for folder in ("dataset_1", "dataset_2"):
        crops = sorted((real / "wbc_masks" / folder).glob("*.bmp"))[::4]
        figures[f"wbc_{folder}"] = _codes(reader, (file.read_bytes() for file in crops))
    return figures, [at_most(f"of {FIELDS} whole fields: read as a cell", read, 0)]


def _codes(reader: Reader, files: Iterable[bytes]) -> dict[str, Any]:
    """How many pictures there were, how many were refused, and by which check."""
    codes = Counter(_code(reader.read(data).gate) for data in files)
    number = sum(codes.values())
    return {"pictures": number, "refused": number - codes["read"], "by": dict(codes.most_common())}


def _code(gate: Gate) -> str:
    return gate.code or "read"


PARTS = {"cells": cells, "others": others, "fields": fields}
