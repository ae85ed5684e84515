"""Measures how fast this machine trains: `python -m core.workers.speed_probe FOLDER`."""

import os

from core import storage
from core.jobs.reporter import Reporter
from core.runs.speed import SpeedProbe
from core.workers import worker


def work(probe: SpeedProbe, reporter: Reporter) -> None:
    """Trains a few steps as a trainer would, niced as that is, and keeps what they took."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    worker.step_back()
    began = probe.written_status.queued
    reporter.begin("loading TensorFlow")
    from core.training.speed_probe import measure  # it imports TensorFlow

    with storage.scratch(probe.path) as folder:
        speed = measure(probe.config, folder, reporter, began)
    speed.write(probe.path / "speed.json")


if __name__ == "__main__":
    worker.main(SpeedProbe, work)
