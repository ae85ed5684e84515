"""The peer of reading, in a process of its own: Grad-CAM by tf-keras-vis, on a run's Keras model.

`python -m benchmarks.reading_peers RUN` says "ready", then for each path of a cell that comes on
standard input draws the map of that cell and answers with the seconds it took, decoding left out.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.data.images import decode, fit
from core.errors import RunError
from core.runs.run_store import Run


@contextmanager
def grad_cam(run: Run) -> Iterator[Callable[[Path], float]]:
    """Yields a function from a cell's file to the seconds the peer takes. Raises `RunError`."""
    command = [sys.executable, "-m", "benchmarks.reading_peers", str(run.path)]
    peer = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert peer.stdin and peer.stdout
    given, answers = peer.stdin, peer.stdout

    def answer() -> str:
        line = answers.readline().strip()
        if not line:
            raise RunError(f"tf-keras-vis ended with {peer.wait()} on {run.run_id}.")
        return line

    def draw(file: Path) -> float:
        print(file, file=given, flush=True)
        return float(answer())

    try:
        answer()
        yield draw
    finally:
        given.close()
        peer.wait()


def main(folder: Path) -> None:
    """Serves as the module says."""
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
    layer, draw = network.layers[-1].name, Gradcam(flat, clone=False)
    print("ready", flush=True)
    for line in sys.stdin:
        pixels = fit(decode(Path(line.strip())), run.geometry)[None].astype(np.float32)
        started = time.perf_counter()
        draw(
            lambda output: output[..., 0],
            pixels,
            penultimate_layer=layer,
            seek_penultimate_conv_layer=False,
        )
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main(Path(sys.argv[1]))
