"""Small networks and discs for cells, in which each fault of a training can be made."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from core.data.geometry import Geometry
from core.data.images import encode
from core.data.indexing import Index
from core.errors import BlastLensError
from core.jobs.reporter import Reporter
from core.models import builders
from core.models.architecture import Architecture
from core.models.classifier import Classifier
from core.runs import config, run_store
from core.runs.run_store import Run
from core.training import fit, network, results
from tests.factories.trees import index_of

SIDE = 48


def discs(root: Path, *, gap: float, synthetic: bool, cells: int = 15) -> Index:
    """Cells of 24 subjects: purple discs on black, those of ALL wider by `gap` pixels.

    Their index is made here: on such small images the search for copies would be long.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    rows = []
    root.mkdir()
    for number in range(24):
        label = int(number % 5 < 3)
        tint = rng.normal(0, 6, 3)
        for cell in range(cells):
            radius = 12 + gap * label + rng.normal(0, 1.5)
            image = np.zeros((SIDE, SIDE, 3))
            disc = (x - rng.normal(0, 1.5)) ** 2 + (y - rng.normal(0, 1.5)) ** 2 < radius**2
            image[disc] = np.array([150, 90, 170]) + tint + rng.normal(0, 12, 3)
            image[disc] += rng.normal(0, 15, (disc.sum(), 3))
            file = root / f"{number}_{cell}.bmp"
            file.write_bytes(encode(np.clip(image, 0, 255).astype(np.uint8), "BMP"))
            sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            rows.append((file.name, f"{number}", label, sha256))
    table = pd.DataFrame(rows, columns=["image_id", "subject", "label", "sha256"])
    return replace(index_of(table), root=root, synthetic=synthetic)


def frozen_discs(size: int, *, pixels: str, weights: Path | None) -> keras.Model:
    """A frozen random network for pixels as VGG16 takes them: biases of the size of pixels."""
    inputs = keras.Input((size, size, 3), name="pixels")
    x = builders._scaled(inputs, pixels)
    bias = keras.initializers.RandomUniform(-20, 20, seed=1)
    kernel = keras.initializers.HeNormal(seed=2)
    x = layers.Conv2D(16, 5, strides=4, kernel_initializer=kernel, bias_initializer=bias)(x)
    x = layers.ReLU()(x)
    x = layers.Rescaling(1 / 50)(x)
    return keras.Model(inputs, x, trainable=False, name="backbone")


def blind(size: int) -> keras.Model:
    """Units that no image moves: what dead ReLUs give."""
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Conv2D(4, 5, strides=8, bias_initializer="ones", activation="relu")(inputs * 0.0)
    return keras.Model(inputs, x, trainable=False, name="backbone")


def softmax_head(features: tuple[int, ...], *, dropout: float | None, l2: float) -> keras.Model:
    inputs = keras.Input(features, name="features")
    x = layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, layers.Dense(1, activation="softmax", name="answer")(x), name="head")


def entry(key: str, backbone: str, head: str, **more: Any) -> Architecture:
    size = Geometry(SIDE, SIDE)
    return Architecture(key, key.title(), backbone, head, 3e-3, source="", geometry=size, **more)


class KerasLogits:
    """Stands in for the engine."""

    placement = "Keras"
    model: keras.Model  # the one that was saved last

    @classmethod
    def save(cls, run: Run, classifier: Classifier, array: np.ndarray) -> float:
        cls.model = classifier.model
        cls.model.save(run.path / "model.keras")
        return 0.0

    def __init__(self, file: Path, setting: str | None) -> None:
        pass

    def predict(self, pixels: np.ndarray, progress: object) -> tuple[np.ndarray, np.ndarray]:
        starts = range(0, len(pixels), 64)
        parts = [self.model(np.float32(pixels[n : n + 64]), training=False) for n in starts]
        logits = np.concatenate(parts)
        return logits[:, 0], logits  # in the place of features, which are not looked at


def without_engines(patch: pytest.MonkeyPatch) -> None:
    """Trainings stay real; their engines, which take longer than they, are neither made nor read.

    Neither are the looks of training cells, nor what adapting costs.
    """
    patch.setattr(network, "export", KerasLogits.save)
    patch.setattr(fit, "Engine", KerasLogits)
    patch.setattr(results.reference, "write", lambda *about: None)
    patch.setattr(results.staining, "measure_cost", lambda *about: None)


def fitted(wanted: config.RunConfig) -> Run:
    for run in run_store.runs():
        if run.config == wanted:
            return run
    run = run_store.create(wanted)
    with Reporter(run) as reporter:
        try:
            fit.train(run, reporter)
            reporter.update(now=True, state="succeeded")
        except BlastLensError as error:
            reporter.update(now=True, state="failed", error=str(error))
    return run
