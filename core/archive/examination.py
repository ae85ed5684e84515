"""Checks an unpacked run in a process of its own, with limits of memory and time.

`python -m core.archive.examination RUN_DIR`. What a file says of its size can be checked; what a
library does with a made-up file cannot, and it may end its process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from core.archive import checks
from core.errors import BlastLensError, RunError
from core.runs.run_store import Run
from core.settings import PROJECT, settings
from core.untrusted import confined

_TIMES = 4


def require(run: Run) -> None:
    """Raises `RunError`, with file and rule, unless every file of the run is valid."""
    limits = settings()
    path = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        problem = confined.ask(
            "core.archive.examination",
            run.path.absolute(),
            environment=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
            seconds=limits.examination_seconds,
        )
    except subprocess.TimeoutExpired:
        raise RunError(
            f"Checking the run took over {limits.examination_seconds} s and was stopped. Do not "
            "use it."
        ) from None
    except confined.NoAnswerError:
        raise RunError(
            "The process that checked the run ended: a file in it is damaged, or needs more "
            f"memory than the limit of {limits.examination_bytes / 2**30:.0f} GiB "
            "(examination_bytes in core/settings.py). Do not use it unless you know where it is "
            "from; then raise the limit."
        ) from None
    if problem is not None:
        raise RunError(problem)


def work(folder: Path) -> str | None:
    """As `require`, in this process; returns the sentence to show, None if all is well."""
    try:
        checks.require(Run(folder))
    except BlastLensError as error:
        return str(error)
    except MemoryError:
        return (
            "A file of the run needs more memory than the limit of "
            f"{settings().examination_bytes / 2**30:.0f} GiB. Do not use it."
        )
    return None


def _weights(folder: Path) -> int:
    file = folder / "engine.bin"
    return file.stat().st_size if file.is_file() else 0


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    # An engine of large weights takes as much, several times over.
    confined.enter(settings().examination_bytes + _TIMES * _weights(folder))
    print(json.dumps(work(folder)))
