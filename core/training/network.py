"""Trains the network of a run: as a whole, or the head of a frozen backbone, then its top blocks.

Only worker processes import this module, since it imports TensorFlow.
"""

import time
from dataclasses import dataclass, field, replace

import keras
import numpy as np
import pandas as pd

from core import storage
from core.data import splits
from core.jobs.reporter import Reporter
from core.models import catalog, own_backbone
from core.models.architecture import Architecture
from core.models.classifier import Classifier, build
from core.models.conversion import disagreement, to_engine
from core.models.device import ONLY_CPU
from core.models.engine import Engine
from core.models.graph.backbone import GraphBackbone
from core.runs.config import RunConfig
from core.runs.run_store import Run
from core.training import batches, checkpoint, features, loop, precision, whitening
from core.training.checkpoint import Checkpoint
from core.training.device import TrainingDevice
from core.training.loop import Data, Stage
from core.training.step import make_forward


@dataclass(frozen=True)
class Trained:
    """The result of training.

    classifier: in float32, with the weights to keep. checkpoint: the last. logits (N,) and features
    (N, C), averaged over the map: of each cell, where they came with training, else None.
    precision: trained in; probed: images/s of each where compared. features_per_second: cells and
    views, where features had to be computed; features_on: the device that did.
    """

    classifier: Classifier
    checkpoint: Checkpoint
    logits: np.ndarray | None = None
    features: np.ndarray | None = None
    precision: str = "float32"
    probed: dict[str, float] = field(default_factory=dict)
    features_per_second: float | None = None
    features_on: str | None = None


def train(
    run: Run, reporter: Reporter, parts: pd.DataFrame, array: np.ndarray, device: TrainingDevice
) -> Trained:
    """Trains as the run's config says, from its checkpoint if there is one.

    `parts` has the cells with their split, `array` their pixels, uint8 (N, S, S, 3); `device` is
    what TensorFlow was prepared for.
    """
    config = run.config
    entry = catalog.architecture(config.architecture)
    train_rows, held_out = (np.flatnonzero(parts["split"] == part) for part in splits.PARTS[:2])
    images = Data(
        look_up=batches.augmented(array, config),
        plain=lambda rows: array[rows],
        labels=parts["label"].to_numpy().astype(np.int64),
        train=train_rows,
        validation=held_out,
    )
    so_far = checkpoint.load(run.checkpoint_file) or Checkpoint()
    if entry.pretrained is None:
        return _train_whole(run, reporter, images, so_far, device)
    reporter.phase("building the network")
    trained = Trained(_build(config, entry), so_far)
    if so_far.stage == 0:
        cells = parts["sha256"].tolist()
        trained = _train_head(run, reporter, trained, images, array, cells, device)
    return _fine_tune(run, reporter, trained, images) if config.fine_tune_blocks else trained


def learning_rate(config: RunConfig) -> float:
    """The config's, or else the architecture's own."""
    return config.learning_rate or catalog.architecture(config.architecture).learning_rate


def _train_whole(
    run: Run, reporter: Reporter, images: Data, so_far: Checkpoint, device: TrainingDevice
) -> Trained:
    """Trains all weights from initialisation, in the chosen precision; keeps them in float32."""
    config = run.config
    entry = catalog.architecture(config.architecture)
    if config.precision == "auto":
        reporter.phase("comparing float32 with bfloat16 on this machine")
    chosen, probed = precision.choose(config, entry, device)
    reporter.phase("building the network")
    network = _build(config, entry, chosen)
    if entry.additivity:
        height, width = network.backbone.output_shape[1:3]
        images = replace(images, regions=(height, width), additivity=entry.additivity)
    stage = Stage(0, config.epochs, learning_rate(config))
    so_far = loop.train(run, reporter, network.model, images, stage, so_far)
    trained = network
    if chosen != "float32":
        trained = _build(config, entry)
        trained.model.set_weights(network.model.get_weights())
    if entry.additivity:
        whitening.whiten(trained.model, images.plain(images.train))
    return Trained(trained, so_far, precision=chosen, probed=probed)


def _train_head(
    run: Run,
    reporter: Reporter,
    trained: Trained,
    images: Data,
    array: np.ndarray,
    cells: list[str],
    device: TrainingDevice,
) -> Trained:
    """Trains the head of a frozen backbone on cached features."""
    config, so_far = run.config, trained.checkpoint
    entry = catalog.architecture(config.architecture)
    reporter.phase("computing features")
    started = time.perf_counter()
    backbone = features.Backbone(trained.classifier, entry, config, device)
    views, computed = features.features(
        backbone, config, array, cells, reporter.progress, run.normaliser
    )
    seconds = time.perf_counter() - started
    so_far = replace(so_far, seconds=so_far.seconds + seconds)
    head = features.tail(trained.classifier)
    data = replace(
        images, look_up=features.look_up(views, config), plain=lambda rows: views[0][rows]
    )
    if (known := own_backbone.known_head(config.architecture)) is not None:
        data = features.reminded(data, views, known, config)
    stage = Stage(0, config.epochs, learning_rate(config))
    so_far = loop.train(run, reporter, head, data, stage, so_far)
    logits = loop.predict(make_forward(head), data.plain, np.arange(len(array)), 1024)
    speed = round(computed * len(array) / seconds, 1) if computed else None
    return replace(
        trained,
        checkpoint=so_far,
        logits=logits,
        features=views[0],
        features_per_second=speed,
        features_on=backbone.used,
    )


def _fine_tune(run: Run, reporter: Reporter, trained: Trained, images: Data) -> Trained:
    """Trains the top blocks of the backbone and the head, on pixels, at a smaller rate."""
    config = run.config
    blocks = catalog.architecture(config.architecture).blocks
    open_blocks(trained.classifier, blocks[config.fine_tune_blocks - 1])
    rate = config.fine_tune_rate or learning_rate(config) / 10
    stage = Stage(1, config.fine_tune_epochs, rate)
    so_far = loop.train(run, reporter, trained.classifier.model, images, stage, trained.checkpoint)
    return replace(trained, checkpoint=so_far, logits=None, features=None)


def _build(config: RunConfig, entry: Architecture, chosen: str = "float32") -> Classifier:
    return build(
        entry,
        weights_choice=config.weights,
        pixels=config.pixels,
        dropout=config.dropout,
        l2=config.l2,
        precision=chosen,
        seed=config.seed,
    )


def open_blocks(classifier: Classifier, first: str) -> None:
    """Unfreezes the backbone from its first layer with the name prefix `first`.

    Batch normalisation stays frozen: on the few cells of a batch its statistics would drift.
    """
    network = next(layer for layer in classifier.backbone.layers if isinstance(layer, keras.Model))
    classifier.backbone.trainable = network.trainable = True
    names = [layer.name.startswith(first) for layer in network.layers]
    opened = names.index(True)
    for number, layer in enumerate(network.layers):
        normalisation = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = number >= opened and not normalisation


def export(run: Run, classifier: Classifier, array: np.ndarray) -> float:
    """Writes the engine, and model.keras if Keras knows all of it; returns how far they differ."""

    def engine() -> Engine:  # the file is compared, not a device
        return Engine(run.engine_file, ONLY_CPU)

    if isinstance(classifier.backbone, GraphBackbone):
        to_engine(classifier, run.engine_file)
        return disagreement(classifier, engine(), np.asarray(array[:16]))
    with storage.atomic(run.path / "model.keras") as temporary:
        classifier.model.save(temporary)
    to_engine(classifier, run.engine_file)
    return disagreement(classifier, engine(), np.asarray(array[:16]))
