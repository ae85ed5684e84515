"""What a worker tells of its run while it works: status, heartbeat, and whether to stop."""

import threading
import time
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol

from core.jobs.job import Status
from core.settings import settings

_WRITE_EVERY_SECONDS = 0.25


class Cancelled(Exception):  # noqa: N818 - a state, not an error
    """The user asked the run to stop. Not an error."""


class Reported(Protocol):
    """What a worker works on: a run, or a sweep of runs."""

    @property
    def written_status(self) -> Status:
        """What was written last."""

    @property
    def stop_requested(self) -> bool:
        """Whether someone has asked the worker to stop."""

    def write_status(self, status: Status) -> None:
        """Replaces the state."""


class Reporter:
    """Keeps status.json fresh: at each change (at most four times a second) and as a heartbeat.

    A thread beats, so that long calls into TensorFlow do not look like a dead worker.
    """

    def __init__(self, run: Reported) -> None:
        """Takes the run or sweep to report on; nothing is written before the `with` block."""
        self._run = run
        self._status = run.written_status
        self._lock = threading.Lock()
        self._written = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Reporter":
        """Starts the heartbeat."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stops the heartbeat and writes the last status, unless closed before."""
        if not self._over.is_set():
            self.close()

    def close(self) -> None:
        """Stops the heartbeat and writes the last status; nothing is written from then on."""
        self._over.set()
        self._thread.join()
        self._write()

    def update(self, *, now: bool = False, **changes: Any) -> None:
        """Changes fields of the status. `now` writes at once. Raises `Cancelled` if asked to."""
        with self._lock:
            self._status = replace(self._status, **changes)
        if now or time.monotonic() - self._written > _WRITE_EVERY_SECONDS:
            self._write()
            self.check_stop()

    def phase(self, name: str, total: int = 0) -> None:
        """Enters a phase of `total` things to do."""
        self.update(now=True, phase=name, done=0, total=total, seconds_left=None)

    def progress(self, done: int, total: int) -> None:
        """Counts things done in this phase."""
        self.update(done=done, total=total)

    def check_stop(self) -> None:
        """Raises `Cancelled` if the run's stop file is there and the run is still going."""
        if self._status.unfinished and self._run.stop_requested:
            raise Cancelled

    def _beat(self) -> None:
        while not self._over.wait(settings().heartbeat_seconds):
            # A full disk is the main thread's to report; the heart goes on.
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        with self._lock:
            self._written = time.monotonic()
            self._status = replace(self._status, heartbeat=time.time())
            self._run.write_status(self._status)
