"""What a run writes while Keras trains it. Only worker processes import this module."""

import math
import time
from typing import Any

import keras

from core.errors import RunError
from core.runs.reporter import Reporter
from core.runs.store import Run


class RunMonitor(keras.callbacks.Callback):
    """Step progress to status.json, an epoch's row to history.csv, and the stop file's word.

    Raises `core.runs.reporter.Cancelled` when asked to stop and `RunError` when the loss is no
    longer a number.
    """

    def __init__(self, run: Run, reporter: Reporter, *, steps: int, images: int) -> None:
        """`steps` batches and `images` cells make one epoch."""
        super().__init__()
        self._run, self._reporter = run, reporter
        self._steps, self._images, self._epochs = steps, images, run.config.epochs
        self._epoch = 0
        self._epoch_started = 0.0
        self._train_seconds: list[float] = []
        self._epoch_seconds: list[float] = []

    @property
    def images_per_second(self) -> float | None:
        """Over the training steps of all epochs but the first, which compiles; else of that."""
        seconds = self._train_seconds[1:] or self._train_seconds
        return self._images * len(seconds) / sum(seconds) if seconds else None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock of an epoch."""
        self._epoch, self._epoch_started = epoch, time.perf_counter()
        self._reporter.update(epoch=epoch + 1)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Reports the step with the running means of loss and accuracy."""
        logs = logs or {}
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise RunError(
                f"The loss became {loss} in epoch {self._epoch + 1}, step {batch + 1}: the weights "
                "have run away. Train with a smaller learning rate."
            )
        done, elapsed = batch + 1, time.perf_counter() - self._epoch_started
        if done == self._steps:
            self._train_seconds.append(elapsed)
        self._reporter.update(
            done=self._epoch * self._steps + done,
            loss=loss,
            accuracy=float(logs["accuracy"]),
            images_per_second=self._images * done / self._steps / elapsed,
            seconds_left=self._seconds_left(done, elapsed),
        )

    def _seconds_left(self, done: int, elapsed: float) -> float:
        # A finished epoch has its validation in it, so it foretells the next better than steps do.
        here = elapsed * self._steps / done
        whole = min(self._epoch_seconds[-1:], default=here)
        return max(whole - elapsed, 0) + whole * (self._epochs - self._epoch - 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the epoch's row."""
        logs = logs or {}
        seconds = time.perf_counter() - self._epoch_started
        self._epoch_seconds.append(seconds)
        self._run.append_history(
            {
                "epoch": epoch + 1,
                "loss": float(logs["loss"]),
                "accuracy": float(logs["accuracy"]),
                "validation_loss": float(logs["val_loss"]),
                "validation_accuracy": float(logs["val_accuracy"]),
                "learning_rate": float(
                    keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
                ),
                "seconds": round(seconds, 3),
            }
        )
        self._reporter.check_stop()
