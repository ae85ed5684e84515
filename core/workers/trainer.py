"""The process that trains or adopts a run: `python -m core.workers.trainer FOLDER WORKER`.

Its worker, the process WORKER, starts it.
"""

import os
import sys
from functools import partial
from pathlib import Path

from core import leftovers, locks
from core.adoption.adopt import adopt
from core.jobs.reporter import Reporter
from core.runs.run_store import Run
from core.workers import conversion, worker


def work(run: Run, reporter: Reporter) -> None:
    """Trains, or adopts, as soon as an earlier trainer of the run has ended."""
    # Set before TensorFlow is imported, which reads it once.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    worker.step_back()
    # The trainer of a worker that was killed may take a moment to notice.
    with locks.lock(run.path / "trainer", reporter.check_stop):
        reporter.update(now=True, state="running")
        if run.adoption is not None:
            adopt(run, reporter, conversion.convert)
            return
        from core.training.fit import train  # it imports TensorFlow, and adopting does not

        train(run, reporter)


def _clean(run: Run, its_worker: int) -> None:
    """Removes what this process and its worker, which was killed, leave half-written."""
    for process in (os.getpid(), its_worker):
        leftovers.sweep_process(process, run.path)


if __name__ == "__main__":
    worker.start_log()
    chosen = Run(Path(sys.argv[1]))
    worker.keep_temporary_files_in(chosen.path)
    # Its worker holds the other end of the pipe.
    worker.end_with_parent(partial(_clean, chosen, int(sys.argv[2])))
    worker.carry_out(chosen, work)
    worker.leave()
