"""Reports the progress of a worker: updates status and heartbeat, and checks for a stop."""

import logging
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

from core.jobs.job import Job, Status
from core.settings import settings

_WRITE_EVERY_SECONDS = 0.25
_LOG_EVERY_SECONDS = 30.0
log = logging.getLogger(__name__)


class Cancelled(Exception):  # noqa: N818 - a state, not an error
    """Raised if the job has been asked to stop."""


class Reporter:
    """Writes status.json at each change (at most four times a second) and as a heartbeat.

    The heartbeat is a thread, so that a worker in a long call of TensorFlow does not look dead.
    Logs each phase and epoch, and the progress of a long phase.
    """

    def __init__(self, job: Job) -> None:
        """Writes nothing before the `with` block."""
        self._job = job
        self._status = job.written_status
        self._lock = threading.Lock()
        self._written = self._logged = 0.0
        self.start = self._status.queued  # of the job, for `Job.under_way`
        self._closed = threading.Event()
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
        """Closes the reporter."""
        self.close()

    def close(self) -> None:
        """Stops the heartbeat and writes the last status; later updates are not written."""
        if not self._closed.is_set():
            self._closed.set()
            self._thread.join()
            self._write()

    def begin(self, phase: str = "starting") -> None:
        """Sets the state to running. Raises as `update` does."""
        self.update(now=True, state="running", started=time.time(), phase=phase)

    def update(self, *, now: bool = False, **changes: Any) -> None:
        """Changes fields of the status, and writes them at once if `now`.

        Raises `Cancelled` if the job is unfinished and has been asked to stop.
        """
        with self._lock:
            before, self._status = self._status, self._status.replace(**changes)
        self._log(before)
        if now or time.monotonic() - self._written > _WRITE_EVERY_SECONDS:
            if not self._closed.is_set():
                self._write()
            self.check_stop()

    def phase(self, name: str, total: int = 0) -> None:
        """Begins a phase of `total` items. Raises as `update` does."""
        self.update(now=True, phase=name, done=0, total=total, seconds_left=None)

    def progress(self, done: int, total: int) -> None:
        """Sets the number of items done in this phase. Raises as `update` does."""
        self.update(done=done, total=total)

    def check_stop(self) -> None:
        """Raises `Cancelled` if the job is unfinished and has been asked to stop."""
        if self._status.unfinished and self._job.stop_requested:
            raise Cancelled

    def _beat(self) -> None:
        while not self._closed.wait(settings().heartbeat_seconds):
            # The main thread reports a full disk.
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        with self._lock:
            self._written = time.monotonic()
            self._status = self._status.replace(heartbeat=time.time())
            self._job.write_status(self._status)

    def _log(self, before: Status) -> None:
        status, now = self._status, time.monotonic()
        entered = (status.state, status.phase, status.epoch) != (
            before.state,
            before.phase,
            before.epoch,
        )
        if not entered and now - self._logged < _LOG_EVERY_SECONDS:
            return
        self._logged = now
        parts = [f"{status.state}: {status.phase}"]
        if status.epoch:
            parts.append(f"epoch {status.epoch} of {status.epochs}")
        if status.total and not entered:
            parts.append(f"{status.done:,} of {status.total:,}")
        if status.cross_entropy is not None and status.accuracy is not None:
            parts.append(
                f"prediction error {status.cross_entropy:.3f}, accuracy {status.accuracy:.3f}"
            )
        log.info(", ".join(parts))
