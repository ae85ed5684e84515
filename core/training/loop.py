"""The training loop: steps, epochs, the weights to keep, and a checkpoint after each epoch.

Only worker processes import this module, since it imports TensorFlow.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from core.errors import RunError
from core.jobs.reporter import Reporter
from core.runs.config import RunConfig
from core.runs.run_store import STAGES, Run
from core.training import batches, checkpoint
from core.training.batches import Batch, LookUp
from core.training.checkpoint import Checkpoint
from core.training.step import make_forward, make_step

# "plateau": after so many epochs without a lower validation cross-entropy, so much of the rate.
PLATEAU_PATIENCE = 3
PLATEAU_FACTOR = 0.5


@dataclass(frozen=True)
class Data:
    """The data of a stage.

    look_up gives training inputs by row, `plain` those of validation; labels are 0 or 1 of all
    cells, train and validation the rows of the two parts. regions is the shape (h, w) of the
    feature map where the evidence of its places shall add up, with the weight `additivity` in the
    loss.
    """

    look_up: LookUp
    plain: Callable[[np.ndarray], np.ndarray]
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    regions: tuple[int, int] | None = None
    additivity: float = 0.0


@dataclass(frozen=True)
class Stage:
    """Number 0 (training) or 1 (fine-tuning): at most so many epochs from this learning rate."""

    number: int
    epochs: int
    rate: float


def train(
    run: Run, reporter: Reporter, model: keras.Model, data: Data, stage: Stage, so_far: Checkpoint
) -> Checkpoint:
    """Trains `model` (inputs to one logit) from the checkpoint `so_far` to the end of the stage.

    Leaves the weights to keep in the model and returns the last checkpoint. Raises `Cancelled` on a
    stop request and `RunError` if the loss is not finite.
    """
    config = run.config
    optimizer = keras.optimizers.Adam(stage.rate)
    optimizer.build(model.trainable_variables)
    variables = [*model.variables, *optimizer.variables]
    if so_far.stage == stage.number and so_far.state:
        _assign(variables, so_far.state)
    else:
        # What the stage before kept stays the one to beat.
        best_values = _values(model.variables) if stage.number and config.keep == "best" else []
        so_far = replace(so_far, stage=stage.number, stage_start=so_far.epoch, stage_seconds=0.0)
        so_far = replace(so_far, waited=0, rate=1.0, kept=best_values, state=[])
    run.keep_history(so_far.epoch)
    step = make_step(model, optimizer, config.label_smoothing, data.additivity)
    forward = make_forward(model)
    reporter.phase(STAGES[stage.number], batches.steps(len(data.train), config.batch_size))
    while not _over(config, stage, so_far):
        started = time.perf_counter()
        row = _epoch(reporter, optimizer, step, data, stage, so_far, config)
        row |= _validate(forward, data, config.batch_size)
        _require_finite(row["validation_cross_entropy"], so_far.epoch + 1, row["learning_rate"])
        seconds = time.perf_counter() - started
        run.append_history(row | {"stage": STAGES[stage.number], "seconds": round(seconds, 3)})
        so_far = _advance(so_far, row, config, model, seconds)
        so_far = replace(so_far, state=_values(variables))
        checkpoint.save(so_far, run.checkpoint_file)
        reporter.check_stop()
    if so_far.kept:
        _assign(model.variables, so_far.kept)
    return so_far


def _epoch(
    reporter: Reporter,
    optimizer: keras.Optimizer,
    step: Callable[..., tf.Tensor],
    data: Data,
    stage: Stage,
    so_far: Checkpoint,
    config: RunConfig,
) -> dict[str, float]:
    """The steps of one epoch; what history.csv says of the training part."""
    started, epoch = time.perf_counter(), so_far.epoch
    steps = batches.steps(len(data.train), config.batch_size)
    reporter.update(epoch=epoch + 1, done=0, total=steps)
    stream = batches.epoch_batches(
        data.look_up, data.labels, data.train, config, epoch, data.regions
    )
    sums, images, rate = np.zeros(4), 0, stage.rate
    for done, batch in enumerate(batches.ahead(stream), start=1):
        rate = learning_rate(config, stage, so_far, (done - 1) / steps)
        optimizer.learning_rate.assign(rate)
        values = step(*_tensors(batch)).numpy().astype(float)
        _require_finite(values[0], epoch + 1, rate)
        sums += values * len(batch.labels)
        images += len(batch.labels)
        loss, cross_entropy, penalty, accuracy = sums / images
        elapsed = time.perf_counter() - started
        reporter.update(
            done=done,
            loss=loss,
            cross_entropy=cross_entropy,
            penalty=penalty,
            accuracy=accuracy,
            learning_rate=rate,
            images_per_second=images / elapsed,
            seconds_left=_seconds_left(so_far, stage, config, elapsed, done / steps),
        )
    return {
        "epoch": epoch + 1,
        "loss": loss,
        "cross_entropy": cross_entropy,
        "penalty": penalty,
        "accuracy": accuracy,
        "learning_rate": rate,
        "images_per_second": round(images / (time.perf_counter() - started), 1),
    }


def _require_finite(loss: float, epoch: int, rate: float) -> None:
    if not math.isfinite(loss):
        raise RunError(
            f"The loss became {loss} in epoch {epoch}: the weights have run away at a learning "
            f"rate of {rate:g}. Train with a smaller one."
        )


def _tensors(batch: Batch) -> Iterator[tf.Tensor]:
    return (tf.convert_to_tensor(array) for array in batch if array is not None)


def _validate(
    forward: Callable[[np.ndarray], tf.Tensor], data: Data, batch_size: int
) -> dict[str, float]:
    """Cross-entropy and accuracy of the validation part."""
    logits = predict(forward, data.plain, data.validation, batch_size)
    truth = data.labels[data.validation] == 1
    return {
        "validation_cross_entropy": float(np.logaddexp(0, np.where(truth, -logits, logits)).mean()),
        "validation_accuracy": float(((logits > 0) == truth).mean()),
    }


def predict(
    forward: Callable[[np.ndarray], tf.Tensor],
    plain: Callable[[np.ndarray], np.ndarray],
    rows: np.ndarray,
    batch_size: int,
) -> np.ndarray:
    """Logits of the rows, float64 (N,), batch by batch."""
    starts = range(0, len(rows), batch_size)
    parts = [
        forward(tf.convert_to_tensor(plain(rows[start : start + batch_size]))).numpy()
        for start in starts
    ]
    return np.concatenate(parts).astype(float)


def learning_rate(config: RunConfig, stage: Stage, so_far: Checkpoint, part: float) -> float:
    """Returns the learning rate at `part` (0..1) of the next epoch.

    "cosine" falls from the stage's rate to 0 over its epochs (Loshchilov and Hutter 2017, without
    restarts); "plateau" is cut whenever the validation loss stops falling.
    """
    match config.schedule:
        case "cosine":
            share = (so_far.epoch - so_far.stage_start + part) / stage.epochs
            return stage.rate * 0.5 * (1 + math.cos(math.pi * share))
        case "plateau":
            return stage.rate * so_far.rate
    return stage.rate


def _over(config: RunConfig, stage: Stage, so_far: Checkpoint) -> bool:
    patience = config.patience or math.inf
    return so_far.epoch - so_far.stage_start >= stage.epochs or so_far.waited >= patience


def _advance(
    so_far: Checkpoint, row: dict[str, float], config: RunConfig, model: keras.Model, seconds: float
) -> Checkpoint:
    """The checkpoint after one more epoch, its arrays of state apart."""
    epoch, value = so_far.epoch + 1, row["validation_cross_entropy"]
    after = replace(
        so_far,
        epoch=epoch,
        seconds=so_far.seconds + seconds,
        stage_seconds=so_far.stage_seconds + seconds,
    )
    if value < so_far.best:
        best_values = _values(model.variables) if config.keep == "best" else []
        return replace(after, best=value, best_epoch=epoch, waited=0, kept=best_values)
    waited = so_far.waited + 1
    cut = waited % PLATEAU_PATIENCE == 0
    return replace(after, waited=waited, rate=so_far.rate * (PLATEAU_FACTOR if cut else 1.0))


def _seconds_left(
    so_far: Checkpoint, stage: Stage, config: RunConfig, elapsed: float, share: float
) -> float | None:
    """Estimates the seconds left, at `share` of an epoch and after `elapsed` seconds of it.

    The estimate uses the past epochs of the stage, or the steps of its first epoch. It is None
    before fine-tuning, whose epochs take much longer than those of the head alone.
    """
    if stage.number == 0 and config.fine_tune_epochs:
        return None
    done = so_far.epoch - so_far.stage_start
    whole = so_far.stage_seconds / done if done else elapsed / share
    return max(whole - elapsed, 0) + whole * (stage.epochs - done - 1)


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    if len(variables) != len(values):
        raise RunError(
            f"The checkpoint has {len(values)} arrays and the network {len(variables)}: it is of "
            "another version. Start the run anew."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
