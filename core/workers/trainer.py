"""The process that trains a run: `python -m core.workers.trainer RUN_DIR`, begun by its worker."""

import errno
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from core import storage
from core.errors import BlastLensError
from core.jobs.reporter import Cancelled, Reporter
from core.runs.run_store import Run
from core.tuning.sweep_store import Sweep


def train_and_report(run: Run) -> None:
    """Trains, and leaves a final state whatever happens."""
    # Set before TensorFlow is imported, which reads it once.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if hasattr(os, "nice"):
        os.nice(5)  # the app that shows the curves comes first
    with Reporter(run) as reporter:
        state, error = "succeeded", None
        try:
            # The trainer of a worker that was killed may take a moment to notice.
            with storage.lock(storage.runs_dir() / ".trainer", reporter.check_stop):
                reporter.update(now=True, state="running")
                from core.training.fit import train

                train(run, reporter)
        except Cancelled:
            state = "cancelled"
        except Exception as problem:
            state, error = "failed", explain(problem, run)
        finished = {"finished": time.time(), "seconds_left": None}
        reporter.update(now=True, state=state, error=error, **finished)


def explain(problem: Exception, run: Run | Sweep) -> str:
    """What went wrong and what to do, in one or two sentences; details go to worker.log."""
    if isinstance(problem, BlastLensError):
        return str(problem)
    traceback.print_exc()
    if isinstance(problem, OSError) and storage.is_full(problem):
        return f"The disk is full ({problem.filename or run.path}). Free some space. {run.way_on}"
    if _is_out_of_memory(problem):
        return "The machine ran out of memory. Train with a smaller batch or sample."
    if isinstance(problem, OSError):
        return f"{problem.filename or 'A file'}: {problem.strerror or problem}. {run.way_on}"
    return (
        f"Unexpected {type(problem).__name__}: {' '.join(str(problem).split())[:300]} "
        "(worker.log has the details)."
    )


def _is_out_of_memory(problem: Exception) -> bool:
    if isinstance(problem, OSError):
        return problem.errno == errno.ENOMEM
    if isinstance(problem, ImportError):  # what the loader of shared libraries says
        said = str(problem).lower()
        return "failed to map segment" in said or "cannot allocate memory" in said
    # TensorFlow has an error of its own; it is not imported here to be named.
    return isinstance(problem, MemoryError) or type(problem).__name__ == "ResourceExhaustedError"


def _end_with_the_worker(run: Run) -> None:
    # Returns when the worker, alone at the other end, is gone. Not `sys.stdin.buffer.read`: the
    # interpreter waits for that one's lock when it shuts down.
    os.read(sys.stdin.fileno(), 1)
    storage.sweep_caches(os.getpid())
    storage.sweep(run.path)
    os._exit(1)


if __name__ == "__main__":
    chosen = Run(Path(sys.argv[1]))
    threading.Thread(target=_end_with_the_worker, args=(chosen,), daemon=True).start()
    train_and_report(chosen)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # taking TensorFlow apart in good order takes seconds, and the next run waits
