"""Trains runs one after another in one process: `python -m tests.factories.training FOLDER...`."""

import subprocess
import sys
from pathlib import Path

from core.runs.run_store import Run
from core.settings import PROJECT
from core.workers import launcher, trainer, worker


def train(*runs: Run) -> None:
    """Has a process train them, sooner than a worker for each would; all must succeed."""
    folders = [str(run.path) for run in runs]
    command = [sys.executable, "-m", "tests.factories.training", *folders]
    environment = launcher.environment() | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    for run in runs:
        assert run.status.state == "succeeded", (run.status.error, done.stderr)


if __name__ == "__main__":
    worker.keep_temporary_files_in(Path(sys.argv[1]))
    for folder in sys.argv[1:]:
        worker.carry_out(Run(Path(folder)), trainer.work)
    worker.leave()
