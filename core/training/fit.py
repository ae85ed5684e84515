"""Trains a run from its config to its metrics. TensorFlow is imported when it is needed."""

import time
from typing import Any

import numpy as np
import pandas as pd

from core import storage
from core.data import manifest, sources, splits
from core.data.pixels import pixels
from core.evaluation.evaluate import predict_parts
from core.models import catalog
from core.models.engine import Engine
from core.runs.config import require_inputs
from core.runs.reporter import Reporter
from core.runs.store import Run
from core.training import batches


def train(run: Run, reporter: Reporter) -> None:
    """Everything a run does, phase by phase, into its folder.

    Raises `core.errors.BlastLensError` with the sentence to show, or `Cancelled`.
    """
    config = run.config
    require_inputs(config)  # before minutes are spent on the data
    entry = catalog.architecture(config.architecture)

    reporter.phase("indexing the data set")
    found = sources.index(sources.resolve(config.dataset), reporter.progress)
    parts = choose(found, run)
    save_split(run, parts)

    reporter.phase("decoding images", len(parts))
    array = pixels(found.root, parts, entry.geometry, reporter.progress)

    reporter.phase("loading TensorFlow")
    facts = _fit(run, reporter, parts, array)

    reporter.phase("measuring")
    protocol = splits.audit(parts, found.pairs)
    test = parts.loc[parts["split"] == "test", "sha256"]
    measured = {
        "dataset": {
            "name": found.name,
            "synthetic": found.synthetic,
            "fingerprint": found.fingerprint,
        },
        "protocol": {
            "split": config.split,
            "test_cells": manifest.digest(sorted(test)),
            **protocol,
        },
        "parts": predict_parts(run, parts, array),
        "training": facts,
    }
    storage.write_json(run.path / "metrics.json", measured)


def choose(found: manifest.Index, run: Run) -> pd.DataFrame:
    """The cells of a run with their part: sampled, then split, as its config says."""
    config = run.config
    return splits.draw(
        found,
        config.split,
        seed=config.seed,
        sample_of=config.sample,
        balance=config.balance,
    )


def save_split(run: Run, parts: pd.DataFrame) -> None:
    """Writes split.parquet: image_id, subject, group, label, sha256 and split of each cell."""
    columns = ["image_id", "subject", "group", "label", "sha256", "split"]
    with storage.atomic(run.path / "split.parquet") as temporary:
        parts[columns].to_parquet(temporary, index=False)


def _fit(run: Run, reporter: Reporter, parts: pd.DataFrame, array: np.ndarray) -> dict[str, Any]:
    import keras
    import tensorflow as tf

    from core.models import classifier as classifiers
    from core.training.callbacks import RunMonitor

    config = run.config
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    reporter.phase("building the network")
    entry = catalog.architecture(config.architecture)
    classifier = classifiers.build(entry, weights_choice=config.weights, pixels=config.pixels)
    rate = config.learning_rate or entry.learning_rate
    classifiers.compile_model(classifier.model, rate)

    training, validation = _streams(run, parts, array)
    images, held_out = (int((parts["split"] == part).sum()) for part in splits.PARTS[:2])
    steps = batches.steps(images, config.batch_size)
    monitor = RunMonitor(run, reporter, steps=steps, images=images)
    reporter.phase("training", steps * config.epochs)
    started = time.perf_counter()
    classifier.model.fit(
        training,
        validation_data=validation,
        validation_steps=batches.steps(held_out, config.batch_size),
        steps_per_epoch=steps,
        epochs=config.epochs,
        callbacks=[monitor, *_keepers(run)],
        verbose=0,
    )
    seconds = time.perf_counter() - started

    reporter.phase("exporting")
    difference = _export(run, classifier, array)
    history = run.history
    kept = int(history["validation_loss"].idxmin()) if config.keep == "best" else len(history) - 1
    return {
        "epochs": len(history),
        "kept_epoch": int(history["epoch"].iat[kept]),
        "seconds": round(seconds, 1),
        "images_per_second": round(monitor.images_per_second or 0, 1),
        "parameters": int(classifier.model.count_params()),
        "learning_rate": rate,
        "engine_logit_difference": difference,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def _streams(run: Run, parts: pd.DataFrame, array: np.ndarray) -> tuple[Any, Any]:
    """Training (endless) and validation batches as `tf.data.Dataset`s, prefetched."""
    import tensorflow as tf

    config = run.config
    labels = parts["label"].to_numpy().astype(np.int64)
    train, held_out = (np.flatnonzero(parts["split"] == part) for part in splits.PARTS[:2])
    pixels_and_labels = (
        tf.TensorSpec((None, *array.shape[1:]), tf.uint8),
        tf.TensorSpec((None, 1), tf.float32),
    )
    training = tf.data.Dataset.from_generator(
        lambda: batches.training_batches(
            array,
            labels,
            train,
            batch_size=config.batch_size,
            seed=config.seed,
            augmentation=config.augmentation,
            class_weights=config.class_weights,
        ),
        output_signature=(*pixels_and_labels, tf.TensorSpec((None,), tf.float32)),
    )
    validation = tf.data.Dataset.from_generator(
        lambda: batches.plain_batches(array, labels, held_out, batch_size=config.batch_size),
        output_signature=pixels_and_labels,
    )
    return training.prefetch(2), validation.prefetch(2)


def _keepers(run: Run) -> list[Any]:
    """The callback that brings back the weights of the lowest validation loss, if wanted."""
    import keras

    if run.config.keep == "last":
        return []
    # Patience as long as the run: it never stops early, it only restores.
    return [
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=run.config.epochs, restore_best_weights=True
        )
    ]


def _export(run: Run, classifier: Any, array: np.ndarray) -> float:
    """Writes model.keras and the engine; returns how far their logits differ."""
    import keras

    from core.models.export import disagreement, export

    with storage.atomic(run.path / "model.keras") as temporary:
        # An uncompiled twin: the optimizer's moments would triple the file and read nothing.
        keras.Model(classifier.model.inputs, classifier.model.outputs).save(temporary)
    export(classifier, run.engine_file)
    return disagreement(classifier, Engine(run.engine_file), np.asarray(array[:16]))
