"""The peer of reading: Grad-CAM by tf-keras-vis on a run's Keras model, in its own process."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.workbench import variable
from core.data.geometry import fit
from core.data.images import decode
from core.errors import RunError
from core.runs.run_store import Run


@contextmanager
def grad_cam(run: Run) -> Iterator[Callable[[Path], float]]:
    """Yields a function from a cell's file to the seconds of the peer. Raises `RunError`."""
    spawn = get_context("spawn")
    with (
        variable("TF_CPP_MIN_LOG_LEVEL", 2),
        ProcessPoolExecutor(1, spawn) as process,
    ):
        try:
            yield lambda file: process.submit(_seconds, run.path, file).result()
        except BrokenProcessPool:
            raise RunError(f"tf-keras-vis ended on {run.run_id}.") from None


def _seconds(folder: Path, file: Path) -> float:
    """The seconds of the map of one cell, without its decoding."""
    return _loaded(folder)(file)


@cache
def _loaded(folder: Path) -> Callable[[Path], float]:
    import keras
    from tf_keras_vis.gradcam import Gradcam

    from core.models import classifier

    run = Run(folder)
    loaded = classifier.load(run.path / "model.keras")
    # It looks for layers at the top level: one flat graph. What scales the pixels ahead of a
    # network from ImageNet is then left out, which costs it nothing.
    last = loaded.backbone.layers[-1]
    network = last if isinstance(last, keras.Model) else loaded.backbone
    flat = keras.Model(network.inputs, loaded.head(network.output))
    layer, gradcam = network.layers[-1].name, Gradcam(flat, clone=False)

    def draw(file: Path) -> float:
        pixels = fit(decode(file), run.geometry)[None].astype(np.float32)
        started = time.perf_counter()
        gradcam(
            lambda output: output[..., 0],
            pixels,
            penultimate_layer=layer,
            seek_penultimate_conv_layer=False,
        )
        return time.perf_counter() - started

    return draw
