"""Trains a run, from its config to its metrics. TensorFlow is imported lazily."""

import logging

import numpy as np
import pandas as pd

from core.data import datasets
from core.data.pixel_cache import pixels
from core.errors import RunError
from core.evaluation import staining
from core.jobs.reporter import Reporter
from core.models import catalog, device, weights
from core.models.engine import Engine
from core.runs.config import require_inputs
from core.runs.metrics import Training
from core.runs.run_store import STAGES, Run
from core.training import results

log = logging.getLogger(__name__)


def train(run: Run, reporter: Reporter) -> None:
    """Trains a run phase by phase and writes the results into its folder.

    Raises `core.errors.BlastLensError` with the sentence to show, or `Cancelled`.
    """
    config = run.config
    entry = catalog.architecture(config.architecture)
    require_inputs(config)  # before minutes are spent on the data
    if device.chosen() == device.ONLY_GPU:
        from core.training.device import prepare

        prepare()

    reporter.phase("indexing the data set")
    index = datasets.index(datasets.resolve(config.dataset), reporter.progress)
    parts = results.choose(index, run)
    _require_same_split(run, parts)
    results.save_split(run, parts)

    reporter.phase("decoding images", len(parts))
    if not config.is_control:
        staining.fit_stain(index.root, parts, config.stain_normalisation).write(run.stain_file)
    array = pixels(
        index.root,
        parts,
        entry.geometry,
        reporter.progress,
        inputs=config.inputs,
        normaliser=run.normaliser,
    )

    if entry.pretrained is not None and config.weights == "imagenet":
        reporter.phase("fetching pretrained weights")
        weights.obtain(entry, reporter.progress)

    reporter.phase("loading TensorFlow")
    logits, features, facts, engine = _fit(run, reporter, parts, array)

    results.write(run, index, parts, entry.geometry, logits, features, facts, engine, reporter)
    run.checkpoint_file.unlink(missing_ok=True)


def _require_same_split(run: Run, parts: pd.DataFrame) -> None:
    """Raises `RunError` if the split has changed since the first epochs of a resumed run.

    Added or removed cells change the sample and the parts: the weights would have been trained on
    cells that are now held out.
    """
    file, columns = run.path / "split.parquet", ["image_id", "sha256", "label", "split"]
    if not run.checkpoint_file.exists() or not file.exists():
        return
    before = pd.read_parquet(file)[columns].to_numpy()
    if not np.array_equal(before, parts[columns].to_numpy()):
        raise RunError(
            f"The cells of {run.config.dataset} are not those of this run's first epochs any more, "
            "so it cannot go on from them. Bring the files back, or start a new run."
        )


def _fit(
    run: Run, reporter: Reporter, parts: pd.DataFrame, array: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Training, Engine]:
    """Trains and exports; returns logit and pooled features of each cell, and facts of training,
    and the exported engine.
    """
    import keras
    import tensorflow as tf

    from core.training import network
    from core.training.device import for_engines, prepare

    trains_on = prepare()
    log.info("TensorFlow trains on %s.", trains_on)
    tf.config.experimental.enable_op_determinism()
    trained = network.train(run, reporter, parts, array, trains_on)
    reporter.phase("exporting")
    difference = network.export(run, trained.classifier, array)
    logits, features = trained.logits, trained.features
    engine = Engine(run.engine_file, for_engines())
    if logits is None or features is None:
        reporter.phase("measuring", len(array))
        logits, features = engine.predict(array, progress=reporter.progress)
    used = {"training": str(trains_on), "engine": str(engine.placement)}
    if trained.features_on:
        used["features"] = trained.features_on
    last, config = trained.checkpoint, run.config
    facts = Training(
        epochs=last.epoch,
        kept_epoch=last.best_epoch if config.keep == "best" else last.epoch,
        seconds=round(last.seconds, 1),
        images_per_second=_speed(run.history),
        features_per_second=trained.features_per_second,
        parameters=trained.classifier.parameters,
        learning_rate=network.learning_rate(config),
        precision=trained.precision,
        devices=used,
        probed_images_per_second=trained.probed,
        engine_logit_difference=difference,
        tensorflow=tf.__version__,
        keras=keras.__version__,
    )
    return logits, features, facts, engine


def _speed(history: pd.DataFrame) -> float:
    """Images/s of all epochs but the first, which compiles; else of that."""
    speeds = history.loc[history["stage"] == STAGES[0], "images_per_second"]
    return float(speeds[1:].median() if len(speeds) > 1 else speeds.iloc[0])
