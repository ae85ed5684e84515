"""A run's own process: `python -m core.jobs.worker RUN_DIR`."""

import os
import sys
import time
import traceback
from pathlib import Path

from core import storage
from core.errors import BlastLensError
from core.runs.reporter import Cancelled, Reporter
from core.runs.store import Run


def work(run: Run) -> None:
    """Waits for its turn (one run trains at a time), trains, and leaves a final state."""
    # Set before TensorFlow is imported, which reads it once.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if hasattr(os, "nice"):
        os.nice(5)  # the app that shows the curves comes first
    with Reporter(run) as reporter:
        state, error = "succeeded", None
        try:
            with storage.lock(storage.runs_dir() / ".training", reporter.check_stop):
                reporter.update(now=True, state="running", started=time.time())
                from core.training.fit import train

                train(run, reporter)
        except Cancelled:
            state = "cancelled"
        except BlastLensError as problem:
            state, error = "failed", str(problem)
        except MemoryError:
            state, error = (
                "failed",
                "The machine ran out of memory. Take a smaller batch or sample.",
            )
        except Exception as problem:
            traceback.print_exc()
            state = "failed"
            error = f"Unexpected {type(problem).__name__}: {problem} (worker.log has the details)."
        finished = {"finished": time.time(), "seconds_left": None}
        reporter.update(now=True, state=state, error=error, **finished)


if __name__ == "__main__":
    work(Run(Path(sys.argv[1])))
