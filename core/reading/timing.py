"""How long a run's engine takes to read one cell, measured here and now."""

import statistics
import time

import numpy as np

from core.models.engine import Engine
from core.runs.run_store import Run

CALLS = 15
WARM_UP = 3


def milliseconds(run: Run, calls: int = CALLS) -> float:
    """The median of single-image calls, decoding left out, after some that warm it up.

    What the image shows does not matter for the time. Raises `ModelError` or `RunError`.
    """
    size = run.geometry.size
    engine, image = Engine(run.engine_file), np.zeros((1, size, size, 3), np.uint8)
    taken = []
    for _ in range(WARM_UP + calls):
        started = time.perf_counter()
        engine(image)
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken[WARM_UP:])
