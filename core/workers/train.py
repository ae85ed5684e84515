"""A run's own process: `python -m core.workers.train RUN_DIR`.

It waits for its turn and then watches over a second process, the trainer, that does the work. So a
stop takes effect within two seconds whatever the trainer is at, and a trainer that the system has
ended, most often for want of memory, leaves a sentence.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from core import storage
from core.errors import BlastLensError
from core.jobs.job import Status
from core.jobs.reporter import Cancelled, Reporter
from core.runs.run_store import Run
from core.workers import queue
from core.workers.trainer import explain

# A trainer between two batches stops by itself, sooner than this; inside a long call it is ended.
GRACE_SECONDS = 0.8
_LOOK_EVERY_SECONDS = 0.1


class Taken(Exception):  # noqa: N818 - a state, not an error
    """Another worker has the run."""


def work(run: Run) -> None:
    """Queues, trains and leaves a final state.

    Raises `Taken` at once if the run's worker is alive after all: when a machine wakes from sleep
    its heartbeat looks old for a moment, long enough to press "Resume".
    """
    if run.path.is_dir():  # it may have been deleted since
        with storage.lock(run.path / "worker", _give_way):
            _work(run)


def _give_way() -> None:
    raise Taken


def _work(run: Run) -> None:
    try:
        with Reporter(run) as reporter, queue.turn(run, reporter.check_stop):
            reporter.update(now=True, state="running", started=time.time(), phase="starting")
            reporter.close()  # from here on the trainer reports
            _watch(run)
    except Cancelled:
        _finish(run, "cancelled")
    except (BlastLensError, OSError) as problem:
        _finish(run, "failed", explain(problem, run))


def _watch(run: Run) -> None:
    storage.sweep(run.path)
    command = [sys.executable, "-m", "core.workers.trainer", str(run.path)]
    # NumPy's own threads only slow its small products down, and have been seen to wait for one
    # another for ever beside TensorFlow's.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    # The trainer holds the other end of the pipe, and ends when this process does.
    trainer = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    asked: float | None = None
    try:
        while trainer.poll() is None:
            time.sleep(_LOOK_EVERY_SECONDS)
            if run.stop_requested and asked is None:
                asked = time.monotonic()
            if asked is not None and time.monotonic() - asked > GRACE_SECONDS:
                trainer.kill()
                trainer.wait()
    finally:
        trainer.kill()
        trainer.wait()
    storage.sweep_caches(trainer.pid)
    storage.sweep(run.path)
    if run.path.is_dir() and run.written_status.unfinished:
        if run.stop_requested:
            _finish(run, "cancelled")
        else:
            _finish(run, "failed", f"{_death(trainer.returncode)} {run.way_on}")


def _death(code: int) -> str:
    """Why a trainer ended that left no state, in a sentence with its remedy."""
    if code >= 0:
        return f"The training process ended with exit status {code}."
    name = signal.Signals(-code).name
    if name in ("SIGKILL", "SIGABRT", "SIGBUS"):
        return (
            f"The system ended the training process ({name}), most often because the machine ran "
            "out of memory or disk space. Free some, or take a smaller batch or sample."
        )
    return f"The training process was ended by {name}."


def _finish(run: Run, state: str, error: str | None = None) -> None:
    if not run.path.is_dir():
        return  # deleted
    facts: dict[str, Any] = vars(run.written_status) | {
        "state": state,
        "error": error,
        "finished": time.time(),
        "seconds_left": None,
    }
    run.write_status(Status(**facts))


if __name__ == "__main__":
    with suppress(Taken):
        work(Run(Path(sys.argv[1])))
