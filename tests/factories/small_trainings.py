"""Trainings of a few numbers instead of pictures, which can be worked out by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from core.jobs.reporter import Reporter
from core.runs import config, run_store
from core.runs.run_store import Run
from core.training import checkpoint
from core.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    import keras

    from core.training import loop


POINTS = np.float32([[1, 0], [0, 2], [3, 1], [-1, 1], [2, 2], [0, -1], [1, 1], [-2, 0]])
LABELS = np.array([1, 0, 1, 0, 1, 0, 1, 0])


def make_run(**settings: object) -> Run:
    plain = {"schedule": "constant", "class_balance": "none", "batch_size": 4, "epochs": 4}
    created = config.create("mobilenet-v3-small", Path("data"), "recommended", **plain | settings)
    return run_store.create(created)


def linear(l2: float = 0.1) -> "keras.Model":
    """logit = x - y + 0.5."""
    import keras

    inputs = keras.Input((2,))
    penalty = keras.regularizers.L2(l2)
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_regularizer=penalty)(inputs))
    model.set_weights([np.float32([[1], [-1]]), np.float32([0.5])])
    return model


def data(**changed: Any) -> "loop.Data":
    from core.training import loop

    facts = {
        "look_up": lambda rows, rng: POINTS[rows],
        "plain": lambda rows: POINTS[rows],
        "labels": LABELS,
        "train": np.arange(6),
        "validation": np.array([6, 7]),
    }
    return loop.Data(**facts | changed)


def train(
    run: Run,
    model: "keras.Model",
    source: "loop.Data | None" = None,
    rate: float = 0.01,
    so_far: Checkpoint | None = None,
) -> Checkpoint:
    from core.training import loop

    stage = loop.Stage(0, run.config.epochs, rate)
    with Reporter(run) as reporter:
        return loop.train(run, reporter, model, source or data(), stage, so_far or Checkpoint())


TUNED = {"fine_tune_blocks": 1, "fine_tune_epochs": 2}


def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[int, Checkpoint]:
    """Every checkpoint that is saved from now on, by its epoch."""
    seen: dict[int, Checkpoint] = {}
    save: Callable[[Checkpoint, Path], None] = checkpoint.save

    def record(so_far: Checkpoint, file: Path) -> None:
        save(so_far, file)
        loaded = checkpoint.load(file)
        assert loaded is not None
        seen[so_far.epoch] = loaded

    monkeypatch.setattr(checkpoint, "save", record)
    return seen
