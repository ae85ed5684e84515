"""The queue of runs of this machine, in the order in which they were queued.

One trains at a time, or as many as `BLASTLENS_RUNS_AT_ONCE` says. A cluster has a queue of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core import locks, storage
from core.errors import ConfigError, RunError, disk_errors
from core.runs import environment, run_store
from core.runs.run_store import Run
from core.settings import settings

AUTO = "auto"
# What a training of the networks here takes on its own, for "auto".
CORES_A_RUN, GIB_A_RUN = 2, 3.0


def runs_at_once() -> int:
    """How many runs go side by side on this machine.

    "auto": as many as have `CORES_A_RUN` cores and `GIB_A_RUN` GiB of memory each, at least 1.
    Raises `ConfigError` if the setting is neither that nor a whole number from 1.
    """
    text = settings().runs_at_once
    if text == AUTO:
        machine = environment.describe()
        fits = [(machine.cores or 1) // CORES_A_RUN]
        if machine.memory_gib:
            fits.append(int(machine.memory_gib / GIB_A_RUN))
        return max(1, min(fits))
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(
            f"BLASTLENS_RUNS_AT_ONCE is {text!r}; it must be {AUTO} or a whole number of at least "
            "1."
        )
    return int(text)


def join(run: Run) -> Path:
    """Gives the run its place in the queue, by the time it was queued; returns its ticket."""
    ticket = storage.runs_dir() / ".queue" / _name(run)
    with disk_errors(ticket):
        ticket.parent.mkdir(parents=True, exist_ok=True)
        ticket.touch()
    return ticket


def _name(run: Run) -> str:
    return f"{run.written_status.queued:020.6f} {run.run_id}"


@contextmanager
def turn(run: Run, waiting: Callable[[], None]) -> Iterator[None]:
    """Waits until it is the run's turn, then holds a place of the machine for it.

    Calls `waiting` (which may raise, to give up) about five times a second meanwhile. Tickets of
    dead workers are passed over, and a place is freed if its holder dies.
    """
    places = runs_at_once()
    ticket = join(run)
    files = [storage.runs_dir() / f".training{place}" for place in range(places)]
    try:
        with locks.any_lock(files, waiting, when=lambda: _before(ticket) < places):
            yield
    finally:
        with suppress(OSError):
            ticket.unlink(missing_ok=True)


def _before(ticket: Path) -> int:
    """The number of tickets before this one whose holder waits or trains."""
    return sum(_held(other) for other in ticket.parent.iterdir() if other.name < ticket.name)


def _held(ticket: Path) -> bool:
    with suppress(RunError):
        run = run_store.get(ticket.name.partition(" ")[2])
        # A resumed run has a new place, and may have left its old one behind.
        if run.status.unfinished and ticket.name == _name(run):
            return True
    with suppress(OSError):
        ticket.unlink(missing_ok=True)
    return False
