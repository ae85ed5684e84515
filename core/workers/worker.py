"""What the worker processes have in common: one worker a job, a log, a final state in any case."""

import errno
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

from core import leftovers, storage
from core.errors import BlastLensError, ConfigError, DiskError, refusal
from core.jobs.job import Job, Taken
from core.jobs.reporter import Cancelled, Reporter
from core.settings import settings

J = TypeVar("J", bound=Job)
Work = Callable[[J, Reporter], None]

# The second argument of a worker that ends with the process that holds its standard input.
WITH_PARENT = "--with-parent"
MOST_NICE = 19
_TEMPORARY = ".temporary"
log = logging.getLogger(__name__)


def main(kind: Callable[..., J], work: Work[J], *, temporary_files: bool = True) -> NoReturn:
    """Performs the job whose folder is the first argument of the command line, and ends.

    Nothing of the process outlives the job's lock: neither a thread that still writes nor the
    seconds that a library takes to be unloaded. `temporary_files`: whether the work writes any.
    """
    start_log()
    job = kind(*map(Path, sys.argv[1:2]))
    if temporary_files:
        keep_temporary_files_in(job.path)
    if WITH_PARENT in sys.argv[2:]:
        end_with_parent()
    try:
        perform(job, work, leave)
    except Taken:
        log.info("Another process is %s already; this one leaves it to that.", job.DOING)
    except Exception:
        log.exception("The worker failed.")
        leave(1)
    leave()


def perform(job: J, work: Work[J], then: Callable[[], None] = lambda: None) -> None:
    """Carries a job out, and calls `then`, while no other worker can. Raises `Taken`."""
    if job.path.is_dir():  # it may have been deleted
        with job.claim():
            leftovers.sweep_dead(job.path)
            carry_out(job, work)
            then()


def carry_out(job: J, work: Work[J]) -> None:
    """Calls `work` with the job and a reporter, and leaves a final state whatever happens."""
    state, error = "succeeded", None
    with Reporter(job) as reporter:
        try:
            work(job, reporter)
        except Cancelled:
            state = "cancelled"
        except Exception as problem:
            state, error = "failed", explain(problem, job)
    if job.finish(state, error, start=reporter.start):
        log.info("%s: %s", job.title, f"{state}. {error}" if error else state)


def explain(problem: Exception, job: Job) -> str:
    """The problem and its remedy, in one or two sentences; the log gets the traceback."""
    if isinstance(problem, BlastLensError) and not isinstance(problem, DiskError):
        return str(problem)
    log.error("%s failed.", job.title, exc_info=problem)
    if is_out_of_memory(problem):
        return f"The machine ran out of memory. {job.LESS_MEMORY}"
    # A database or a library has errors of its own for a disk that refuses it.
    refused = problem if isinstance(problem, OSError) else _refused(job)
    if refused:
        return f"{DiskError.of(refused, job.path)} {job.remedy}"
    return (
        f"Unexpected {type(problem).__name__}: {' '.join(str(problem).split())[:300]} "
        "(worker.log has the details)."
    )


def _refused(job: Job) -> OSError | None:
    """Why the disk takes no more of a job; None if it does."""
    probe = job.path / ".refused"
    try:
        return refusal(probe)
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def is_out_of_memory(problem: Exception) -> bool:
    """Whether an error of Python, of the system or of TensorFlow says that memory is lacking."""
    if isinstance(problem, OSError):
        return problem.errno == errno.ENOMEM
    if isinstance(problem, ImportError):  # the words of the loader of shared libraries
        message = str(problem).lower()
        return "failed to map segment" in message or "cannot allocate memory" in message
    # TensorFlow has an error of its own; it is not imported here to be named.
    return isinstance(problem, MemoryError) or type(problem).__name__ == "ResourceExhaustedError"


def end_with_parent(before: Callable[[], None] = lambda: None) -> None:
    """Ends this process, after `before`, when the process at the other end of its input does."""

    def wait() -> None:
        # Returns when the other end is gone. Not `sys.stdin.buffer.read`: the interpreter waits for
        # that one's lock when it shuts down.
        os.read(sys.stdin.fileno(), 1)
        before()
        _remove_temporary_files()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def start_log() -> None:
    """Lets BlastLens log to standard output, which is worker.log: time, level, message."""
    form = "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format=form)
    logging.getLogger("core").setLevel(logging.INFO)


def keep_temporary_files_in(folder: Path) -> None:
    """Has this process and its libraries put temporary files into a folder of their own in one.

    TensorFlow leaves a file for each function that it compiles. The folder is removed as the
    process ends; after a kill by the next worker of the job, or by `blastlens clean`.
    """
    with suppress(OSError):  # a disk that refuses will be told by the work
        prefix = f"{_TEMPORARY}{storage.mark(os.getpid())}"
        tempfile.tempdir = tempfile.mkdtemp(dir=folder, prefix=prefix)
        os.environ |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), tempfile.tempdir)


def _remove_temporary_files() -> None:
    folder = Path(tempfile.gettempdir())
    if folder.name.startswith(f"{_TEMPORARY}{storage.mark(os.getpid())}"):
        leftovers.remove(folder)


def step_back() -> None:
    """Lowers the priority of this process: the app comes first.

    Linux shares a processor between sessions before it looks at the priorities of processes
    (sched_autogroup), so a session of a worker's own is lowered as a whole. Raises as `niceness`.
    """
    if hasattr(os, "nice"):
        os.nice(niceness())
        if os.getsid(0) in (os.getpid(), os.getppid()):
            with suppress(OSError):  # another system, or one without such groups
                Path("/proc/self/autogroup").write_text(str(niceness()))


def niceness() -> int:
    """By how much jobs step back: with 10 they get a tenth of what an app gets that needs it all.

    Raises `ConfigError` if BLASTLENS_NICE is no such number.
    """
    said = settings().nice
    if not (said.isdecimal() and int(said) <= MOST_NICE):
        raise ConfigError(
            f"BLASTLENS_NICE is {said!r}; it must be a whole number from 0, for jobs that are as "
            f"important as the app, to {MOST_NICE}."
        )
    return int(said)


def leave(status: int = 0) -> NoReturn:
    """Ends the process at once, its threads included."""
    sys.stdout.flush()
    sys.stderr.flush()
    _remove_temporary_files()
    os._exit(status)
