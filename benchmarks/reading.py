"""Reading a cell: beside the bare engine and tf-keras-vis, in batches, from nothing, in the app.

Worker processes train three models (the smallest, and two large ones) for an epoch on synthetic
cells, and all parts read with these. ImageNet weights are used if they are on this machine
(BLASTLENS_REAL_DATA, or the weights folder), else random ones, whose time is the same.
Contenders take turns, cell by cell, and medians are compared.

- single: from a file to a finished reading (decoding, gate, probability, heat map, overlay); the
  limit is decoding, fitting and one engine call; the peer is Gradcam of tf-keras-vis alone, in a
  process of its own. Then what each measure of trust adds.
- batch: as many cells as `--images` says. The limit is the bare engine on decoded pixels, set up
  as for single cells, in batches of the best size. An engine that runs such batches side by side,
  as readings of many cells do, is measured too, without a bar.
- fresh: from starting a process to its first reading, and the same with Keras.
- memory: the most that the app holds while two large models read side by side.
"""

import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import (
    Figures,
    Limit,
    Options,
    alternate,
    at_least,
    at_most,
    measure_parts,
    medians,
    percentile_95,
    say,
    timed,
)
from benchmarks.reading_peers import grad_cam
from benchmarks.visit import Visitor, Widget, serve
from benchmarks.workbench import (
    real_weights,
    run_python,
    synthetic_cells,
    train,
    weights_setting,
)
from core import storage
from core.cells.masks import cell_mask
from core.data.geometry import fit
from core.data.images import decode, encode
from core.errors import RunError
from core.explain import cam_methods, faithfulness
from core.explain.heat_map import views
from core.explain.overlay import resize_heat
from core.reading.batch import read_many
from core.reading.reader import Reader
from core.runs.run_store import Run
from core.settings import PROJECT

SMALL, LARGE = "cnn-16", ("densenet-121", "efficientnet-b3")
CELLS, SUBJECTS = 120, 12
ROUNDS, READ = 3, 12  # cells a round
BATCH_OF, TURNS, SIZES = 1000, 3, (2, 4, 16, 32)
TRIED = 200  # cells, for the best size
ABOVE_LIMIT = at_most("{}: above the limit, ms", 15.0)  # of the small model alone
OVER_PEER = at_least("{}: speed over tf-keras-vis", 15.0)  # this and the next two of large ones
OF_LIMIT = at_most("{}: time of a bare decode and engine", 1.5)
OF_ENGINE = at_most("{}: time of {} cells, of the bare engine's", 1.25)
FRESH = at_most("{}: fresh process, s", 3.0)
FRESH_KERAS = at_least("{}: the same with Keras, s", 6.0)
MEMORY = at_most("memory of the app with two models, MiB", 600)

Models = dict[str, Run]


def measure(options: Options) -> Figures:
    """Figures in milliseconds, of all parts or of `options.only`; see the module."""
    with _models() as (models, files):
        return measure_parts(PARTS, options.only, models, files, options)


@contextmanager
def _models() -> Iterator[tuple[Models, list[Path]]]:
    """A run of each model, and cells that all of them read."""
    with real_weights(), synthetic_cells(CELLS, SUBJECTS) as root:
        models = {SMALL: train(SMALL, root, epochs=1)}
        for key in LARGE:
            say(f"training: {key}")
            plain = {"augmentation": "none", "views": 1, **weights_setting(key)}
            models[key] = train(key, root, epochs=1, **plain)
        readers = [Reader(run) for run in models.values()]
        files = [
            file
            for file in sorted(root.rglob("*.bmp"))
            if all(reader.read(file).cells for reader in readers)
        ]
        if not files:
            raise RunError("No cell is read by all models. Train them on more cells.")
        yield models, files


def single(models: Models, files: list[Path], options: Options) -> Figures:
    """One cell after another: ours, the limit and the peer."""
    rounds = options.rounds or ROUNDS
    return {key: _single(key, run, files, rounds) for key, run in models.items()}


def _single(key: str, run: Run, files: list[Path], rounds: int) -> Figures:
    reader = Reader(run)
    taken: dict[str, list[float]] = {"ours": [], "limit": [], "peer": []}

    def ours(file: Path) -> object:
        return reader.read(file).cells[0].overlay

    def limit(file: Path) -> object:
        return reader._engine(fit(decode(file), reader._geometry)[None])

    with grad_cam(run) as peer:
        for file in files[:2]:  # compiles, and traces
            ours(file), limit(file), peer(file)
        for turn in range(rounds * READ):
            file, pair = files[turn % READ], [("ours", ours), ("limit", limit)]
            # The peer leaves the processor's caches cold for whichever comes first.
            for side, read in pair if turn % 2 else reversed(pair):
                taken[side].append(timed(read, file))
            taken["peer"].append(peer(file))
    middle = medians(taken)
    large = key in LARGE
    above = 1000 * (middle["ours"] - middle["limit"])
    return {
        **{side: _milliseconds(seconds) for side, seconds in taken.items()},
        "over_peer": _bar(large, OVER_PEER, middle["peer"] / middle["ours"], key),
        "of_limit": _bar(large, OF_LIMIT, middle["ours"] / middle["limit"], key),
        "above_limit_ms": _bar(not large, ABOVE_LIMIT, above, key),
        "trust": trust(reader, files[0], rounds),
    }


def _bar(held: bool, limit: Limit, value: float, *words: object) -> object:
    """A value beside its limit, if it must hold it."""
    return limit(value, *words) if held else value


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    middle, high = statistics.median(seconds), percentile_95(seconds)
    return {"median_ms": 1000 * middle, "95th_percentile_ms": 1000 * high}


def trust(reader: Reader, file: Path, rounds: int) -> dict[str, float]:
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
    taken = {}
    for name, measure in measures.items():
        measure()
        taken[name] = 1000 * statistics.median(timed(measure) for _ in range(rounds))
    return taken


def batch(models: Models, files: list[Path], options: Options) -> Figures:
    """Many cells, in turns with the bare engine on pixels that are decoded already."""
    number = options.images or BATCH_OF
    given = [files[place % len(files)] for place in range(number)]
    return {key: _batch(key, Reader(run), given) for key, run in models.items()}


def _batch(key: str, reader: Reader, given: list[Path]) -> Figures:
    pixels = np.stack([fit(decode(file), reader._geometry) for file in given])

    def bare(size: int, pixels: np.ndarray = pixels) -> None:
        reader._engine.logits(pixels, size)

    def side_by_side(size: int, pixels: np.ndarray = pixels) -> None:
        parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
        with reader.many_at_once() as number, ThreadPoolExecutor(number + 1) as pool:
            for _logits in pool.map(reader._engine.logits, parts):
                pass

    def ours() -> None:
        for _reading in read_many(reader, [(file.name, file) for file in given]):
            pass

    reader.read(given[0])
    best, best_beside = (_best_size(way, pixels[:TRIED]) for way in (bare, side_by_side))
    contenders: dict[str, Callable[[], object]] = {
        "engine": partial(bare, best),
        "ours": ours,
        "side_by_side": partial(side_by_side, best_beside),
    }
    # The engine is ready as for single cells ahead of each.
    taken = alternate(contenders, TURNS, before=lambda: reader._engine(pixels[:best]))
    of_engine = taken["ours"].median / taken["engine"].median
    return {
        "cells": len(given),
        "engine_batch": best,
        "side_by_side_batch": best_beside,
        **{f"{side}_ms_a_cell": 1000 * it.median / len(given) for side, it in taken.items()},
        "of_engine": _bar(key in LARGE, OF_ENGINE, of_engine, key, len(given)),
        "of_engine_side_by_side": taken["ours"].median / taken["side_by_side"].median,
    }


def _best_size(way: Callable[[int, np.ndarray], None], pixels: np.ndarray) -> int:
    tried = {size: min(timed(way, size, pixels) for _ in range(2)) for size in SIZES}
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
from core.data.geometry import Geometry, fit
from core.data.images import decode
model = keras.saving.load_model(Path(sys.argv[1]) / "model.keras", compile=False)
pixels = fit(decode(Path(sys.argv[2])), Geometry(size=model.input_shape[1]))
print(model.predict(pixels[None].astype(np.float32), verbose=0))
"""


def fresh(models: Models, files: list[Path], options: Options) -> Figures:
    """Seconds from starting a process to its first reading, ours and with Keras."""
    figures = {}
    for key, run in models.items():
        read = partial(run_python, "A first reading", "-c", _READ, run.path, files[0])
        predict = partial(run_python, "A first reading", "-c", _PREDICT, run.path, files[0])
        taken = alternate({"ours": read, "keras": predict}, options.rounds or ROUNDS)
        figures[key] = {
            "ours_seconds": FRESH(taken["ours"].median, key),
            "keras_seconds": FRESH_KERAS(taken["keras"].median, key),
        }
    return figures


def memory(models: Models, files: list[Path], options: Options) -> Figures:
    """MiB of the app: opened, with one model and with two, which read and judge some cells."""
    storage.examples_dir().mkdir(exist_ok=True)
    for file in files[:6]:
        (storage.examples_dir() / f"{file.stem}.png").write_bytes(encode(decode(file)))
    figures: dict[str, object] = {}
    with serve(PROJECT / "app.py") as server, closing(Visitor(server.port)) as visitor:
        visitor.open("")
        visitor.open("predict")
        figures["opened_mib"] = server.peak_bytes / 2**20
        for number, key in enumerate(LARGE, start=1):
            _choose(visitor, [models[key]])
            visitor.press(_find(visitor, "Read"))
            figures[f"model_{number}_mib"] = server.peak_bytes / 2**20
        _choose(visitor, [models[key] for key in LARGE])
        visitor.press(_find(visitor, "Read"))
        visitor.press(_find(visitor, f"Read all {len(list(storage.examples_dir().iterdir()))}"))
        figures["two_models_mib"] = MEMORY(server.peak_bytes / 2**20)
    return figures


def _choose(visitor: Visitor, runs: list[Run]) -> None:
    widget = _find(visitor, "Models, read side by side")
    names = tuple(run.run_id for run in runs)
    visitor.choose(widget, [option for option in widget.options if option.startswith(names)])


def _find(visitor: Visitor, label: str) -> Widget:
    widget = visitor.find(label)
    if widget is None:
        raise RunError(f"The Predict page shows no {label!r}.")
    return widget


PARTS: dict[str, Callable[[Models, list[Path], Options], Figures]] = {
    "single": single,
    "batch": batch,
    "fresh": fresh,
    "memory": memory,
}
