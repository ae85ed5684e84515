"""The process that trains or adopts a run: `python -m core.workers.trainer FOLDER`.

Its worker starts it.
"""

import os
import sys
import threading
from pathlib import Path

from core import locks, storage
from core.adoption.adopt import adopt
from core.jobs.reporter import Reporter
from core.runs.run_store import Run
from core.workers import conversion, worker


def work(run: Run, reporter: Reporter) -> None:
    """Trains, or adopts, as soon as no other trainer does."""
    # Set before TensorFlow is imported, which reads it once.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    worker.step_back()
    # The trainer of a worker that was killed may take a moment to notice.
    with locks.lock(storage.runs_dir() / ".trainer", reporter.check_stop):
        reporter.update(now=True, state="running")
        if run.adoption is not None:
            adopt(run, reporter, conversion.convert)
            return
        from core.training.fit import train  # it imports TensorFlow, and adopting does not

        train(run, reporter)


def _end_with_the_worker(run: Run) -> None:
    # Returns when the worker, alone at the other end, is gone. Not `sys.stdin.buffer.read`: the
    # interpreter waits for that one's lock when it shuts down.
    os.read(sys.stdin.fileno(), 1)
    storage.sweep_caches(os.getpid())
    storage.sweep(run.path)
    os._exit(1)


if __name__ == "__main__":
    worker.start_log()
    chosen = Run(Path(sys.argv[1]))
    threading.Thread(target=_end_with_the_worker, args=(chosen,), daemon=True).start()
    worker.carry_out(chosen, work)
    worker.leave()
