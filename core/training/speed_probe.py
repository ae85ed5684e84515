"""Measures how fast this machine trains: a few steps of the real training, on random pixels.

Only worker processes import this module, since it imports TensorFlow.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from core.cells import morphology
from core.cells.masks import cell_mask
from core.data.geometry import Geometry, fit
from core.data.images import decode, encode
from core.data.synthetic.white_cell import draw_cell
from core.data.walk import on_all_cores
from core.evaluation import staining
from core.jobs.reporter import Reporter
from core.models import catalog
from core.models.engine import Engine
from core.runs.config import RunConfig
from core.runs.run_store import Run
from core.runs.speed import TrainingSpeed
from core.training import network, precision
from core.training.device import for_engines
from core.training.device import prepare as prepare_device

BATCHES = 3  # of an epoch of the probe
FROZEN_CELLS = 48  # a frozen backbone computes their features once
READ_CELLS = 32


def measure(config: RunConfig, folder: Path, reporter: Reporter, began: float) -> TrainingSpeed:
    """Trains two epochs in an empty folder, and times each part of what a training does.

    `began` is the Unix time at which the worker was started. Leaves what it writes, its caches
    included, in `folder`.
    """
    entry = catalog.architecture(config.architecture)
    trains_on = prepare_device()
    start = time.time() - began
    reporter.phase("comparing float32 with bfloat16 on this machine")
    chosen, _ = precision.choose(config, entry, trains_on)  # kept, so that no training does it anew
    config = config.replace(precision=chosen)
    # The caches of a training on random pixels are of no use to another.
    os.environ["BLASTLENS_ARTIFACTS"] = str(folder)
    run = Run(folder / "run")
    config.write(run.path / "config.json")
    parts = _parts(FROZEN_CELLS if entry.pretrained else BATCHES * config.batch_size)
    size = entry.geometry.size
    shape = (len(parts), size, size, 3)
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    started = time.perf_counter()
    trained = network.train(run, reporter, parts, array, trains_on)
    whole = time.perf_counter() - started
    steady = float(run.history["seconds"].iloc[-1])
    features = len(parts) / trained.features_per_second if trained.features_per_second else 0.0
    reporter.phase("exporting")
    exporting = _seconds(lambda: network.export(run, trained.classifier, array))
    engine = Engine(run.engine_file, for_engines())
    pixels = array[:READ_CELLS]
    engine.predict(pixels)  # compiles
    reading = _seconds(lambda: engine.predict(pixels)) / len(pixels)
    looking = _looking(entry.geometry)
    # Readings of other stains measure what adapting costs; a frozen backbone has read all cells.
    stains = (1 + staining.STAINS) * staining.VALIDATION_CELLS * (reading + looking)
    of_cell = looking if trained.logits is not None else looking + reading
    return TrainingSpeed(
        start_seconds=start + max(0.0, whole - features - 2 * steady) + exporting + stains,
        images_per_second=int((parts["split"] == "train").sum()) / steady,
        features_per_second=trained.features_per_second,
        cells_per_second=1 / of_cell,
        at=time.time(),
    )


def _parts(training: int) -> pd.DataFrame:
    """So many training cells, and validation cells in the usual proportion."""
    validation = max(2, round(training * 0.15 / 0.7))
    number = training + validation
    return pd.DataFrame(
        {
            "image_id": [f"{row}.bmp" for row in range(number)],
            "sha256": [f"{row:064x}" for row in range(number)],
            "label": np.arange(number) % 2,
            "split": ["train"] * training + ["validation"] * validation,
        }
    )


def _looking(geometry: Geometry) -> float:
    """Seconds to decode, measure and resize a cell, on all cores."""
    data = encode(draw_cell(subject="1", cell=0, label=1, seed=0))

    def look(_: int) -> None:
        image = decode(data, "cell.png")
        morphology.measure(image, cell_mask(image))
        fit(image, geometry)

    return _seconds(lambda: list(on_all_cores(look, range(READ_CELLS)))) / READ_CELLS


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
