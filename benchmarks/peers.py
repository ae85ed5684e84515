"""The peers and the limit of training, each side in a process of its own.

`python -m benchmarks.peers SIDE RUN EPOCHS` trains on the cells of a finished run, as that side
does it, and prints a `Peer` as one JSON document. The data set and the run's decoded pixels are
those in the artifacts folder of the caller's environment. Like a run's trainer, a side yields to
other work, so that a load on the machine meets all alike.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measure import Figures, timed
from benchmarks.workbench import measured, run_python, temporary_folder
from core.data import datasets
from core.data.pixel_cache import pixels
from core.models import catalog
from core.runs.run_store import Run
from core.training import batches

NICE = 5  # as the trainer's
PROBE_STEPS = 4


@dataclass(frozen=True)
class Peer:
    """What one side measured: images trained on in an epoch, seconds of each, and more to know."""

    images: int
    seconds: list[float]
    facts: Figures = field(default_factory=dict)


def measure(side: str, run: Run, epochs: int) -> Peer:
    """What the process of one side prints. Raises `RunError` with its last words if it fails."""
    printed = run_python(f"The side {side!r}", "-m", "benchmarks.peers", side, run.path, epochs)
    return Peer(**json.loads(printed.splitlines()[-1]))


def study(run: Run, epochs: int) -> Peer:
    """The original study's way: Keras decodes the files anew in each epoch, in float32."""
    import keras
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    root, cells, array = _cells(run)
    train = cells[cells["split"] == "train"]
    side, entry = array.shape[1], catalog.architecture(run.config.architecture)
    seconds: list[float] = []
    with temporary_folder() as folder:
        for label, name in enumerate(("hem", "all")):
            (folder / name).mkdir()
            for path in train.loc[train["label"] == label, "image_id"]:
                (folder / name / Path(path).name).symlink_to(root / path)
        stream = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
            folder,
            target_size=(side, side),
            batch_size=run.config.batch_size,
            class_mode="binary",
        )
        model = _study_network(side, **entry.backbone_options, **entry.head_options)
        rate = entry.learning_rate
        model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
        model.fit(stream, epochs=epochs, verbose=0, callbacks=[_clock(seconds)])
    return Peer(stream.samples, seconds)


def _study_network(side: int, *, filters: int, units: int) -> Any:
    """The network as the study wrote it: ReLU before pooling, a sigmoid at the end."""
    from keras import Input, Sequential, layers

    model = Sequential([Input((side, side, 3))])
    for kernel in (3, 1, 3, 1):
        model.add(layers.Conv2D(filters, kernel, activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(units, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


def pytorch(run: Run, epochs: int) -> Peer:
    """The same network in PyTorch, its decoded pixels in memory.

    A few steps tell which of its memory formats and precisions is the fastest; that one trains.
    """
    import torch

    _, cells, array = _cells(run)
    rows = np.flatnonzero(cells["split"] == "train")
    images, labels = np.array(array[rows]), cells["label"].to_numpy(np.float32)[rows]
    entry, size = catalog.architecture(run.config.architecture), run.config.batch_size
    formats = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
    speeds: dict[tuple[str, str], float] = {}

    def learner(form: str, precision: str) -> Callable[[np.ndarray], None]:
        torch.manual_seed(0)
        model = _torch_network(array.shape[1], **entry.backbone_options, **entry.head_options)
        model = model.to(memory_format=formats[form])
        optimizer = torch.optim.Adam(model.parameters(), entry.learning_rate)
        mixed = precision == "bfloat16"

        def learn(chosen: np.ndarray) -> None:
            x = torch.from_numpy(images[chosen]).permute(0, 3, 1, 2)
            x = x.contiguous(memory_format=formats[form]).float() / 255
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                logit = model(x)[:, 0].float()
            truth = torch.from_numpy(labels[chosen])
            torch.nn.functional.binary_cross_entropy_with_logits(logit, truth).backward()
            optimizer.step()

        return learn

    for form in formats:
        for precision in ("float32", "bfloat16"):
            learn, first = learner(form, precision), np.arange(min(size, len(rows)))
            learn(first)
            seconds = sum(timed(learn, first) for _ in range(PROBE_STEPS))
            speeds[form, precision] = round(len(first) * PROBE_STEPS / seconds, 1)
    best = max(speeds, key=lambda choice: speeds[choice])
    learn, rng = learner(*best), np.random.default_rng(0)

    def epoch() -> None:
        order = rng.permutation(len(rows))
        for start in range(0, len(order), size):
            learn(order[start : start + size])

    facts = {
        "best": ", ".join(best),
        "probed": {", ".join(choice): speed for choice, speed in speeds.items()},
        "version": torch.__version__,
    }
    return Peer(len(rows), [timed(epoch) for _ in range(epochs)], facts)


def _torch_network(side: int, *, filters: int, units: int) -> Any:
    from torch import nn

    parts: list[Any] = []
    channels = 3
    for kernel in (3, 1, 3, 1):
        parts += [nn.Conv2d(channels, filters, kernel), nn.ReLU(), nn.MaxPool2d(2)]
        channels, side = filters, (side - kernel + 1) // 2
    parts += [nn.Flatten(), nn.Linear(channels * side * side, units), nn.ReLU()]
    return nn.Sequential(*parts, nn.Linear(units, 1))


def limit(run: Run, epochs: int) -> Peer:
    """The compiled step alone, on one batch that stays in memory, in the run's own precision."""
    import keras
    import tensorflow as tf

    from core.models import classifier
    from core.training.step import make_step

    _, cells, array = _cells(run)
    entry, size = catalog.architecture(run.config.architecture), run.config.batch_size
    precision = measured(run).training.precision
    assert precision
    model = classifier.build(entry, pixels=run.config.pixels, precision=precision).model
    optimizer = keras.optimizers.Adam(entry.learning_rate)
    optimizer.build(model.trainable_variables)
    step = make_step(model, optimizer)
    rows = np.flatnonzero(cells["split"] == "train")[:size]
    labels = cells["label"].to_numpy(np.float32)[rows]
    batch = tf.constant(array[rows]), tf.constant(labels), tf.ones(len(rows))
    steps = batches.steps(int((cells["split"] == "train").sum()), size)

    def epoch() -> None:
        for _ in range(steps):
            step(*batch).numpy()

    return Peer(steps * len(rows), [timed(epoch) for _ in range(epochs)])


def frozen(run: Run, epochs: int) -> Peer:
    """Keras `fit` on the whole of a frozen network, its decoded pixels in memory.

    An epoch ends with the validation part, as ours does.
    """
    from core.models import classifier

    _, cells, array = _cells(run)
    config, entry = run.config, catalog.architecture(run.config.architecture)
    model = classifier.build(
        entry,
        weights_choice=config.weights,
        pixels=config.pixels,
        dropout=config.dropout,
        l2=config.l2,
    ).model
    classifier.compile_model(model, config.learning_rate or entry.learning_rate)
    labels = cells["label"].to_numpy(np.float32)[:, None]
    train, validation = (np.flatnonzero(cells["split"] == part) for part in ("train", "validation"))
    given = {"batch_size": config.batch_size, "epochs": epochs, "verbose": 0}
    beside = array[validation], labels[validation]
    seconds: list[float] = []
    model.fit(
        array[train], labels[train], validation_data=beside, callbacks=[_clock(seconds)], **given
    )
    return Peer(len(train), seconds)


def _cells(run: Run) -> tuple[Path, pd.DataFrame, np.ndarray]:
    """The root of a run's data set, its cells with their part, and their decoded pixels."""
    cells = pd.read_parquet(run.path / "split.parquet")
    root = datasets.resolve(run.config.dataset)
    return root, cells, pixels(root, cells, catalog.architecture(run.config.architecture).geometry)


def _clock(seconds: list[float]) -> Any:
    """A Keras callback that adds to `seconds` those of each epoch, its validation included."""
    import keras

    started = [0.0]
    return keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: started.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: seconds.append(time.perf_counter() - started[-1]),
    )


SIDES = {"study": study, "pytorch": pytorch, "limit": limit, "frozen": frozen}

if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(NICE)
    name, folder, number = sys.argv[1:]
    print(json.dumps(asdict(SIDES[name](Run(Path(folder)), int(number)))))
