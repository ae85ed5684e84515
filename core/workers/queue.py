"""The queue of runs: one trains at a time, in the order in which they were queued."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core import locks, storage
from core.errors import RunError
from core.runs import run_store
from core.runs.run_store import Run


def join(run: Run) -> Path:
    """Gives the run its place in the queue, by the time it was queued; returns its ticket."""
    ticket = storage.runs_dir() / ".queue" / _name(run)
    ticket.parent.mkdir(parents=True, exist_ok=True)
    ticket.touch()
    return ticket


def _name(run: Run) -> str:
    return f"{run.written_status.queued:020.6f} {run.run_id}"


@contextmanager
def turn(run: Run, waiting: Callable[[], None]) -> Iterator[None]:
    """Waits until the runs queued before `run` have ended, then holds the machine for it.

    Calls `waiting` (which may raise, to give up) about five times a second meanwhile. Places of
    dead workers are passed over, and the machine is freed if the holder dies.
    """
    ticket = join(run)
    lock = storage.runs_dir() / ".training"
    try:
        with locks.lock(lock, waiting, when=lambda: _first(ticket)):
            yield
    finally:
        with suppress(OSError):
            ticket.unlink(missing_ok=True)


def _first(ticket: Path) -> bool:
    """Whether every ticket before this one has lost its holder."""
    return not any(_held(other) for other in ticket.parent.iterdir() if other.name < ticket.name)


def _held(ticket: Path) -> bool:
    with suppress(RunError):
        run = run_store.get(ticket.name.partition(" ")[2])
        # A resumed run has a new place, and may have left its old one behind.
        if run.status.unfinished and ticket.name == _name(run):
            return True
    with suppress(OSError):
        ticket.unlink(missing_ok=True)
    return False
