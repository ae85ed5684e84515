"""The worker of a run: `python -m core.workers.train FOLDER`.

It waits for its turn and then watches over a second process, the trainer, that does the work. So a
stop takes effect within two seconds whatever the trainer is at, and a trainer that the system has
ended, most often for want of memory, leaves a sentence.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

from core import leftovers
from core.errors import RunError
from core.jobs.reporter import Cancelled, Reporter
from core.runs.run_store import Run
from core.settings import settings
from core.workers import queue, worker
from core.workers.clusters.cluster import cpus_per_run

# A trainer between two batches stops by itself, sooner than this; inside a long call it is killed.
GRACE_SECONDS = 0.8
_LOOK_EVERY_SECONDS = 0.1


def work(run: Run, reporter: Reporter) -> None:
    """Waits for the run's turn and has it trained; the trainer reports, and ends the run."""
    scheduled = settings().scheduled  # a cluster has had it wait
    with nullcontext() if scheduled else queue.turn(run, reporter.check_stop):
        reporter.begin()
        reporter.close()
        leftovers.sweep(run.path)
        code = watch_trainer(run)
    if run.under_way(reporter.start):
        if run.stop_requested:
            raise Cancelled
        raise RunError(f"{_death(code)} {run.remedy}")


def watch_trainer(run: Run) -> int:
    """Watches over a trainer to its end, kills it if it does not stop, returns its exit status."""
    command = [sys.executable, "-m", "core.workers.trainer", str(run.path), str(os.getpid())]
    # NumPy's own threads only slow its small products down, and have been seen to wait for one
    # another for ever beside TensorFlow's.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"} | _threads()
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
    leftovers.sweep_process(trainer.pid, run.path)
    return trainer.returncode


def _threads() -> dict[str, str]:
    """The run's share of the cores, where it has not all: as one of several, or on a cluster."""
    cores = os.cpu_count() or 1
    share = cpus_per_run() if settings().scheduled else max(1, cores // queue.runs_at_once())
    if share >= cores:
        return {}
    return dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"), str(share))


def _death(code: int) -> str:
    """The reason in a sentence, with its remedy, why a trainer ended that left no final state."""
    if code >= 0:
        return f"The training process ended with exit status {code}."
    name = signal.Signals(-code).name
    if name in ("SIGKILL", "SIGABRT", "SIGBUS"):
        return (
            f"The system ended the training process ({name}), most often because the machine ran "
            "out of memory or disk space. Free some, or take a smaller batch or sample."
        )
    return f"The training process was ended by {name}."


if __name__ == "__main__":
    # Only the trainer writes temporary files. Those of this process would stay if it were killed
    # when the trainer has ended the run, since nobody resumes that.
    worker.main(Run, work, temporary_files=False)
