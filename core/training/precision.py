"""Chooses float32 or mixed bfloat16, whichever trains faster on this device.

Only worker processes import this module, since it imports TensorFlow.
"""

import platform
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from core import locks, storage
from core.data.indexing import digest
from core.documents import Document
from core.errors import RunError
from core.models import classifier
from core.models.architecture import Architecture
from core.runs.config import RunConfig
from core.training.device import TrainingDevice
from core.training.step import make_step
from core.untrusted.fields import Amount

CHOICES = ("float32", "bfloat16")
# Below this the two are the same, and float32 is the plainer.
WORTH = 1.1
_STEPS = 3
_ROUNDS = 3


class PrecisionSpeeds(Document):
    """Images/s in each precision."""

    float32: Amount
    bfloat16: Amount


def choose(
    config: RunConfig, entry: Architecture, device: TrainingDevice
) -> tuple[str, dict[str, float]]:
    """Returns the precision to train in, and images/s of each if they were measured.

    "auto" compares a training step in both, once for each network, batch size, machine and device.
    A processor without bfloat16 emulates it about a hundred times slower, so the comparison is
    skipped there, on a GPU that is not known to have it, and for evidence that shall add up, which
    needs the digits.
    """
    if config.precision != "auto":
        return config.precision, {}
    if entry.additivity:
        return "float32", {}
    processor = repr(device) if device.gpu else _processor()
    if not (device.has_bfloat16 if device.gpu else "bf16" in processor):
        return "float32", {}
    where = [entry.key, str(config.batch_size), platform.node(), tf.__version__, processor]
    file = storage.precision_file(digest(where))
    with locks.lock(file):
        speeds = _kept(file)
        if speeds is None:
            speeds = PrecisionSpeeds.parse({name: _speed(config, entry, name) for name in CHOICES})
            speeds.write(file)
    faster = speeds.bfloat16 > WORTH * speeds.float32
    return ("bfloat16" if faster else "float32"), speeds.to_json()


def _kept(file: Path) -> PrecisionSpeeds | None:
    """What was measured before; None without it, and where the file is damaged."""
    try:
        return PrecisionSpeeds.read(file)
    except RunError:
        return None


def _processor() -> str:
    """What the processor can do, as Linux lists it; elsewhere its name."""
    facts = Path("/proc/cpuinfo")
    if not facts.is_file():
        return platform.processor()
    lines = facts.read_text(encoding="utf-8").splitlines()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _speed(config: RunConfig, entry: Architecture, precision: str) -> float:
    """Images/s of compiled training steps on one batch, the best of a few rounds."""
    model: Any = classifier.build(
        entry, weights_choice="random", pixels=config.pixels, precision=precision
    ).model
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(model.trainable_variables)
    step = make_step(model, optimizer)
    size, number = entry.geometry.size, config.batch_size
    rng = np.random.default_rng(0)
    batch = (
        tf.constant(rng.integers(0, 256, (number, size, size, 3), dtype=np.uint8)),
        tf.constant(rng.integers(0, 2, number).astype(np.float32)),
        tf.ones(number),
    )
    step(*batch).numpy()
    best = np.inf
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(_STEPS):
            step(*batch).numpy()
        best = min(best, (time.perf_counter() - started) / _STEPS)
    return round(number / best, 1)
