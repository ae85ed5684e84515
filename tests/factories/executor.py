"""An executor other than the local one: it writes whole run folders without training a network.

`python -m tests.factories.executor FOLDER SECONDS` works on a sweep with it; epochs last SECONDS.
"""

import math
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from core import storage
from core.data import splits
from core.evaluation.evaluate import predict_parts
from core.jobs import job
from core.jobs.job import Status, Taken
from core.runs import config
from core.runs.config import RunConfig
from core.runs.run_store import HISTORY_COLUMNS, Run
from core.settings import settings
from core.tuning.sweep_store import Sweep
from core.workers import sweep as sweeping
from core.workers import worker

GROUPS, CELLS_A_GROUP = 12, 5


def cross_entropy(wanted: RunConfig, epoch: int) -> float:
    """Falls with the epochs to a bowl around a learning rate of 1e-3; without bound above 5e-3."""
    rate = wanted.learning_rate or 1e-3
    if rate > 5e-3:
        return math.nan
    return 0.3 + math.log10(rate / 1e-3) ** 2 + 0.5 / epoch + 0.01 * wanted.fold


def logits(wanted: RunConfig, cells: pd.DataFrame) -> np.ndarray:
    """Mostly right; which cells are wrong depends on the fold that tests."""
    rng = np.random.default_rng([wanted.seed, wanted.fold])
    return np.where(cells["label"] == 1, 1.0, -1.0) + rng.normal(0, 1.2, len(cells))


def cells_of(wanted: RunConfig) -> pd.DataFrame:
    rows = [
        (f"{group}-{n}.bmp", f"{group}", f"{group}", group % 2)
        for group in range(GROUPS)
        for n in range(CELLS_A_GROUP)
    ]
    cells = pd.DataFrame(rows, columns=["image_id", "subject", "group", "label"])
    fold = cells.index // (2 * CELLS_A_GROUP) % (wanted.folds or 6)
    parts = np.full(len(cells), "train", dtype=object)
    parts[fold == (wanted.fold + 1) % (wanted.folds or 6)] = "validation"
    parts[fold == wanted.fold] = "test"
    return cells.assign(split=parts, sha256=cells["image_id"])


@dataclass
class Executor:
    """Called with a run, trains it: at once, or with `seconds` an epoch in a thread."""

    seconds: float = 0.0
    value: Callable[[RunConfig, int], float] = cross_entropy
    fails: Callable[[RunConfig], bool] = lambda wanted: False
    before_epoch: Callable[[Run, int], None] = lambda run, epoch: None
    measures: bool = True
    launched: list[str] = field(default_factory=list)

    def __call__(self, run: Run) -> None:
        self.launched.append(run.run_id)
        with (storage.sweeps_dir() / "launched.log").open("a") as log:
            log.write(f"{run.run_id}\n")
        if self.seconds:
            threading.Thread(target=self._train, args=(run,), daemon=True).start()
        else:
            self._train(run)

    def _train(self, run: Run) -> None:
        wanted = run.config
        total = wanted.total_epochs
        status = Status(state="running", phase="training", epochs=total, started=time.time())
        run.write_status(status)
        if self.fails(wanted):
            return self._end(run, status, "failed", "It was told to fail.")
        for epoch in range(len(run.history) + 1, total + 1):
            self.before_epoch(run, epoch)
            time.sleep(self.seconds)
            if run.stop_requested:
                return self._end(run, status, "cancelled")
            value = self.value(wanted, epoch)
            if not math.isfinite(value):
                return self._end(run, status, "failed", f"The loss became {value}.")
            row = dict.fromkeys(HISTORY_COLUMNS, 0.5) | {"epoch": epoch, "stage": "training"}
            run.append_history(row | {"validation_cross_entropy": value})
            run.write_status(status.replace(epoch=epoch, heartbeat=time.time()))
        if self.measures:
            measure(run)
        return self._end(run, status, "succeeded")

    def _end(self, run: Run, status: Status, state: str, error: str | None = None) -> None:
        now = time.time()
        run.write_status(status.replace(state=state, error=error, finished=now, heartbeat=now))


def measure(run: Run) -> None:
    """The files of a run that has finished."""
    cells = cells_of(run.config)
    measured = predict_parts(run, cells, logits(run.config, cells))
    pairs = pd.DataFrame(columns=["image_a", "image_b", "kind"])
    document = {
        "dataset": {"name": "made up", "synthetic": True, "fingerprint": "none"},
        "protocol": {
            "split": run.config.split,
            "test_cells": str(run.config.fold),
            **splits.audit(cells, pairs).to_json(),
        },
        "parts": {name: part.to_json() for name, part in measured.items()},
        "training": {
            "epochs": len(run.history),
            "kept_epoch": len(run.history),
            "seconds": 1.0,
            "images_per_second": 60.0,
            "parameters": 10,
        },
    }
    storage.write_json(run.path / "metrics.json", document)


def base(root: Path, **settings: object) -> RunConfig:
    return config.create("cnn-16", root, "recommended", **{"epochs": 4} | settings)


def work(sweep: Sweep, executor: Executor | None = None) -> Executor:
    """Does the sweep here and now, with the fake executor, whose epochs are short."""
    executor = executor or Executor()
    with mock.patch.object(sweeping, "LOOK_EVERY_SECONDS", 0.02):
        worker.perform(sweep, partial(sweeping.work, launch=executor))
    return executor


if __name__ == "__main__":
    # So that a run whose worker was killed reads as interrupted soon.
    soon = replace(settings(), heartbeat_stale_seconds=1.5)
    job.settings = lambda: soon
    sweeping.settings = lambda: soon
    with suppress(Taken):
        work(Sweep(Path(sys.argv[1])), Executor(seconds=float(sys.argv[2])))
