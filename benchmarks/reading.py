"""Reading a cell: beside the bare engine and tf-keras-vis, in batches, from nothing, in the app.

Three models (the smallest, and two large ones) are trained for an epoch on synthetic cells by
worker processes, and all parts read with these. ImageNet weights are used where they are on this
machine (BLASTLENS_REAL_DATA, or the weights folder), else random ones, whose time is the same.
Contenders take turns, cell by cell, and medians are compared.

- single: from a file to a finished reading (decoding, gate, probability, Grad-CAM, overlay); the
  limit is decoding, fitting and one engine call; the peer is Gradcam of tf-keras-vis alone, in a
  process of its own. Then what each measure of trust adds.
- batch: as many cells as `--images` says, in turns with the bare engine on decoded pixels, as it
  reads a cell, in batches of the best size; and told besides, not a bar, with one that runs such
  batches side by side as readings of many cells do.
- fresh: from starting a process to its first reading, and the same with Keras.
- memory: the most that the app holds while two large models read side by side.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Bar, Measured, artifacts, at_least, at_most, measure_parts, say
from benchmarks.reading_peers import grad_cam
from benchmarks.training import train
from benchmarks.visit import Visitor, Widget, serve
from core import storage
from core.cells.masks import cell_mask
from core.data.images import decode, encode, fit
from core.data.synthetic.dataset import write_dataset
from core.errors import RunError
from core.explain import cam_methods, faithfulness
from core.explain.heat_map import views
from core.explain.overlay import resize_heat
from core.models import catalog, weights
from core.reading.batch import read_many
from core.reading.reader import Reader
from core.runs.run_store import Run
from core.settings import PROJECT

REAL_DATA = "BLASTLENS_REAL_DATA"
SMALL, LARGE = "cnn-16", ("densenet-121", "efficientnet-b3")
MODELS = (SMALL, *LARGE)
CELLS, SUBJECTS = 120, 12
ROUNDS, READ = 3, 12  # cells a round
BATCH_OF, TURNS, SIZES = 1000, 3, (2, 4, 16, 32)
TRIED = 200  # cells, for the best size
OVER_PEER, OF_LIMIT, ABOVE_LIMIT_MS, OF_ENGINE = 15.0, 1.5, 15.0, 1.25
FRESH_SECONDS, KERAS_SECONDS, MEBIBYTES = 3.0, 6.0, 600

Models = dict[str, Run]


def run(options: argparse.Namespace) -> Measured:
    """Figures in milliseconds, of all parts or of `options.only`; see the module."""
    with _models() as (models, files):
        return measure_parts(PARTS, options.only, models, files, options)


@contextmanager
def _models() -> Iterator[tuple[Models, list[Path]]]:
    """A run of each model, and cells that all of them read."""
    before = os.environ.get("BLASTLENS_WEIGHTS")
    real = os.environ.get(REAL_DATA)
    if real and before is None:
        os.environ["BLASTLENS_WEIGHTS"] = str(Path(real) / "weights")
    try:
        with tempfile.TemporaryDirectory(prefix="blastlens-cells-") as folder, artifacts():
            root = write_dataset(Path(folder) / "cells", cells=CELLS, subjects=SUBJECTS)
            models = {}
            for key in MODELS:
                say(f"training: {key}")
                here = weights.find(catalog.architecture(key)) is not None
                settings = {} if key == SMALL else {"augmentation": "none", "views": 1}
                choice = {} if key == SMALL or here else {"weights": "random"}
                models[key] = train(key, root, epochs=1, **settings, **choice)
            readers = [Reader(done) for done in models.values()]
            files = [
                file
                for file in sorted(root.rglob("*.bmp"))
                if all(reader.read(file).cells for reader in readers)
            ]
            if not files:
                raise RunError("No cell is read by all models. Train them on more cells.")
            yield models, files
    finally:
        if before is None:
            os.environ.pop("BLASTLENS_WEIGHTS", None)


def single(models: Models, files: list[Path], options: argparse.Namespace) -> Measured:
    """One cell after another: ours, the limit and the peer."""
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    for key, done in models.items():
        reader = Reader(done)
        taken: dict[str, list[float]] = {"ours": [], "limit": [], "peer": []}

        def ours(file: Path, reader: Reader = reader) -> object:
            return reader.read(file).cells[0].overlay

        def limit(file: Path, reader: Reader = reader) -> object:
            return reader._engine(fit(decode(file), reader._geometry)[None])

        with grad_cam(done) as peer:
            for file in files[:2]:  # compiles, and traces
                ours(file), limit(file), peer(file)
            for turn in range((options.rounds or ROUNDS) * READ):
                file, pair = files[turn % READ], [("ours", ours), ("limit", limit)]
                # The peer leaves the processor's caches cold for whichever comes first.
                for side, read in pair if turn % 2 else reversed(pair):
                    taken[side].append(_timed(read, file))
                taken["peer"].append(peer(file))
        middle = {side: statistics.median(seconds) for side, seconds in taken.items()}
        figures[key] = {
            **{side: _milliseconds(seconds) for side, seconds in taken.items()},
            "over_peer": round(middle["peer"] / middle["ours"], 2),
            "of_limit": round(middle["ours"] / middle["limit"], 3),
            "trust": _trust(reader, files[0], options.rounds or ROUNDS),
        }
        if key == SMALL:
            above = 1000 * (middle["ours"] - middle["limit"])
            bars.append(at_most(f"{key}: above the limit, ms", above, ABOVE_LIMIT_MS))
        else:
            over, of = middle["peer"] / middle["ours"], middle["ours"] / middle["limit"]
            bars.append(at_least(f"{key}: speed over tf-keras-vis", over, OVER_PEER))
            bars.append(at_most(f"{key}: time of a bare decode and engine", of, OF_LIMIT))
        say(f"{key}: {figures[key]}")
    return figures, bars


def _trust(reader: Reader, file: Path, rounds: int) -> dict[str, float]:
    """Milliseconds that each measure adds to a reading."""
    cell = reader.read(file).cells[0]
    pixels = fit(cell.image, reader._geometry)
    view, mask = views(reader._engine, pixels[None])[0], cell_mask(pixels)
    method, heat = cam_methods.method(cell.method), cell.heat_map
    measures: dict[str, Callable[[], object]] = {
        "inside_cell_ms": lambda: faithfulness.inside_share(
            resize_heat(heat.values, mask.shape), mask
        ),
        "off_cell_peak_ms": lambda: faithfulness.off_cell_peak(heat, mask),
        "agreement_with_shuffled_ms": lambda: faithfulness.agreement_with_shuffled(
            view, heat, method, cell.leaning, mask
        ),
        "deletion_ms": lambda: faithfulness.deletion(view, heat, cell.leaning, mask),
        "judgement_ms": lambda: reader.judge(cell),
        "eight_views_ms": lambda: reader.aggregate(cell),
    }

    found = {}
    for name, measure in measures.items():
        measure()
        taken = [_timed(measure) for _ in range(rounds)]
        found[name] = round(1000 * statistics.median(taken), 2)
    return found


def batch(models: Models, files: list[Path], options: argparse.Namespace) -> Measured:
    """Many cells, in turns with the bare engine on pixels that are decoded already."""
    number = options.images or BATCH_OF
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    given = [files[place % len(files)] for place in range(number)]
    for key, done in models.items():
        reader = Reader(done)
        pixels = np.stack([fit(decode(file), reader._geometry) for file in given])

        def bare(size: int, reader: Reader = reader, pixels: np.ndarray = pixels) -> None:
            reader._engine.logits(pixels, size)

        def side_by_side(size: int, reader: Reader = reader, pixels: np.ndarray = pixels) -> None:
            parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
            with reader.many_at_once() as number, ThreadPoolExecutor(number + 1) as pool:
                for _logits in pool.map(reader._engine.logits, parts):
                    pass

        def ours(reader: Reader = reader) -> None:
            for _reading in read_many(reader, [(file.name, file) for file in given]):
                pass

        reader.read(files[0])
        best, best_beside = (_best_size(way, reader, pixels) for way in (bare, side_by_side))
        taken: dict[str, list[float]] = {"engine": [], "side_by_side": [], "ours": []}
        for _ in range(TURNS):
            reader._engine(pixels[:best])  # ready as for single cells
            taken["engine"].append(_timed(bare, best))
            taken["ours"].append(_timed(ours))
            taken["side_by_side"].append(_timed(side_by_side, best_beside))
        ratio = sum(taken["ours"]) / sum(taken["engine"])
        strict = sum(taken["ours"]) / sum(taken["side_by_side"])
        figures[key] = {
            "cells": number,
            "engine_batch": best,
            "side_by_side_batch": best_beside,
            **{
                f"{side}_ms_a_cell": round(1000 * statistics.median(seconds) / number, 2)
                for side, seconds in taken.items()
            },
            "of_engine": round(ratio, 3),
            "of_engine_side_by_side": round(strict, 3),
        }
        if key in LARGE:
            name = f"{key}: time of {number} cells, of the bare engine's"
            bars.append(at_most(name, ratio, OF_ENGINE))
        say(f"{key}: {figures[key]}")
    return figures, bars


def _best_size(way: Callable[..., None], reader: Reader, pixels: np.ndarray) -> int:
    some = pixels[:TRIED]
    tried = {size: min(_timed(way, size, reader, some) for _ in range(2)) for size in SIZES}
    return min(tried, key=lambda size: tried[size])


_READ = """
import sys
from pathlib import Path
from core.reading.reader import Reader
from core.runs.run_store import Run
cell = Reader(Run(Path(sys.argv[1]))).read(Path(sys.argv[2])).cells[0]
print(cell.call, cell.overlay.shape)
"""
_PREDICT = """
import sys
from pathlib import Path
import keras, numpy as np
from core.data.images import Geometry, decode, fit
model = keras.saving.load_model(Path(sys.argv[1]) / "model.keras", compile=False)
pixels = fit(decode(Path(sys.argv[2])), Geometry(size=model.input_shape[1]))
print(model.predict(pixels[None].astype(np.float32), verbose=0))
"""


def fresh(models: Models, files: list[Path], options: argparse.Namespace) -> Measured:
    """Seconds from starting a process to its first reading, ours and with Keras."""
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    for key, done in models.items():
        taken: dict[str, list[float]] = {"ours": [], "keras": []}
        for _ in range(options.rounds or ROUNDS):
            for side, script in (("ours", _READ), ("keras", _PREDICT)):
                command = [sys.executable, "-c", script, str(done.path), str(files[0])]
                taken[side].append(_timed(_process, command))
        middle = {side: statistics.median(seconds) for side, seconds in taken.items()}
        figures[key] = {f"{side}_seconds": round(value, 3) for side, value in middle.items()}
        bars.append(at_most(f"{key}: fresh process, s", middle["ours"], FRESH_SECONDS))
        bars.append(at_least(f"{key}: the same with Keras, s", middle["keras"], KERAS_SECONDS))
        say(f"{key}: {figures[key]}")
    return figures, bars


def _process(command: list[str]) -> None:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise RunError(f"A first reading failed: {ended.stderr.strip().splitlines()[-1]}")


def memory(models: Models, files: list[Path], options: argparse.Namespace) -> Measured:
    """MiB of the app: opened, with one model and with two, which read and judge some cells."""
    storage.examples_dir().mkdir(exist_ok=True)
    for file in files[:6]:
        (storage.examples_dir() / f"{file.stem}.png").write_bytes(encode(decode(file)))
    figures: dict[str, Any] = {}
    with serve(PROJECT / "app.py") as server, closing(Visitor(server.port)) as visitor:
        visitor.open("")
        visitor.open("predict")
        figures["opened_mib"] = round(server.peak_bytes() / 2**20, 1)
        for number, key in enumerate(LARGE, start=1):
            _choose(visitor, [models[key]])
            visitor.press(_find(visitor, "Read"))
            figures[f"model_{number}_mib"] = round(server.peak_bytes() / 2**20, 1)
        _choose(visitor, [models[key] for key in LARGE])
        visitor.press(_find(visitor, "Read"))
        visitor.press(_find(visitor, f"Read all {len(list(storage.examples_dir().iterdir()))}"))
        peak = server.peak_bytes() / 2**20
    figures["two_models_mib"] = round(peak, 1)
    return figures, [at_most("memory of the app with two models, MiB", peak, MEBIBYTES)]


def _choose(visitor: Visitor, runs: list[Run]) -> None:
    widget = _find(visitor, "Models, read side by side")
    names = tuple(done.run_id for done in runs)
    visitor.choose(widget, [option for option in widget.options if option.startswith(names)])


def _find(visitor: Visitor, label: str) -> Widget:
    found = next((one for one in visitor.widgets.values() if one.label == label), None)
    if found is None:
        raise RunError(f"The Predict page shows no {label!r}.")
    return found


def _timed(action: Callable[..., object], *given: Any) -> float:
    started = time.perf_counter()
    action(*given)
    return time.perf_counter() - started


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    middle, high = statistics.median(seconds), float(np.percentile(seconds, 95))
    return {"median_ms": round(1000 * middle, 2), "95th_percentile_ms": round(1000 * high, 2)}


PARTS: dict[str, Callable[[Models, list[Path], argparse.Namespace], Measured]] = {
    "single": single,
    "batch": batch,
    "fresh": fresh,
    "memory": memory,
}
