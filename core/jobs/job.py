"""A background job: a folder that its worker process, the pages and the command line share.

status.json has the progress of the job and the last heartbeat of its worker. A file `stop` asks
the worker to stop, worker.log is its log, and worker.lock keeps a second worker out. Each kind of
job is a subclass of `Job`.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from core import locks, storage
from core.documents import Choices, Document
from core.errors import RunError, disk_errors
from core.settings import settings
from core.untrusted.fields import (
    MOST_WORDS,
    Amount,
    Count,
    Instant,
    Line,
    Message,
    PlacePath,
    Seconds,
)

UNFINISHED = ("queued", "running")
# A worker that ends keeps its lock for a moment after its last status.
ENDING_SECONDS = 3.0
# Names of fields of a download in version 0.1.
_RENAMED = {"bytes_done": "done", "bytes_total": "total"}


class Taken(Exception):  # noqa: N818 - a state, not an error
    """Raised if another worker works on the job."""


# How the states of a job are said.
STATE_WORDS = {
    "queued": "waiting for its turn",
    "running": "running",
    "succeeded": "finished",
    "failed": "failed",
    "cancelled": "stopped",
    "interrupted": "interrupted",
}


class Status(Document):
    """The state of a job, status.json.

    state: none (never started), queued, running, succeeded, failed, cancelled or interrupted.
    phase: the present step of the worker. done and total count images, files, steps, tiles or bytes
    of that phase; total is 0 if it is unknown. error: the sentence to show. queued, heartbeat,
    started and finished: Unix times.

    Of a run: epoch and epochs; loss, cross_entropy, penalty and accuracy, means over the epoch so
    far; learning_rate and images_per_second. Of a download: rate in bytes a second, and root, the
    folder of the data when it is complete. Of a cohort: outcomes, how many of its cells have each
    call so far, were refused, or failed to be read. Of a search for cells: shape, (H, W) of the
    image in pixels when it is decoded.
    """

    model_config = ConfigDict(extra="forbid")

    state: Annotated[str, Choices(("none", *STATE_WORDS))] = "queued"
    phase: Message = "waiting to start"
    done: Count = 0
    total: Count = 0
    epoch: Count = 0
    epochs: Count = 0
    loss: float | None = None
    cross_entropy: float | None = None
    penalty: float | None = None
    accuracy: float | None = None
    learning_rate: Amount | None = None
    images_per_second: Amount | None = None
    rate: Amount | None = None
    seconds_left: Seconds | None = None
    outcomes: dict[Line, Count] = Field(default_factory=dict)
    shape: tuple[Count, Count] | None = None
    root: PlacePath | None = None
    error: Message | None = None
    queued: Instant = Field(default_factory=time.time)
    heartbeat: Instant = Field(default_factory=time.time)
    started: Instant | None = None
    finished: Instant | None = None

    @classmethod
    def _known(cls, document: Any) -> Any:
        fields = super()._known(document)
        if not isinstance(fields, Mapping):
            return fields
        fields = {_RENAMED.get(name, name): value for name, value in fields.items()}
        return {name: value for name, value in fields.items() if value is not None}

    def _values(self) -> dict[str, Any]:
        return dict(self)  # a copy keeps the times that are defaults

    @property
    def unfinished(self) -> bool:
        return self.state in UNFINISHED

    @property
    def share_done(self) -> float:
        """The share of the present phase that is done, 0 to 1; 0 if the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True)
class Job:
    """The folder of one job. Its status can be read at any time, even while it is written."""

    path: Path

    KIND: ClassVar[str] = "job"
    # The file with the request; without it the job has been deleted. "": it cannot be deleted.
    REQUEST: ClassVar[str] = ""
    # Whether a missing or damaged status is an error; if not, the job was never started.
    STATUS_REQUIRED: ClassVar[bool] = False
    # The work, in "Another process is ... already."
    DOING: ClassVar[str] = "working"
    # The word before the phase in "The worker stopped ... s ago, at training."
    PREPOSITION: ClassVar[str] = "while"
    LESS_MEMORY: ClassVar[str] = "Close other programs and try again."

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def title(self) -> str:
        return f"{self.KIND.capitalize()} {self.name}"

    @property
    def remedy(self) -> str:
        """What to do if the job has failed or was interrupted, in a sentence."""
        return "Try again."

    @property
    def log_file(self) -> Path:
        return self.path / "worker.log"

    @property
    def deleted(self) -> bool:
        """Whether the job has been deleted, which its worker may not have noticed yet."""
        return bool(self.REQUEST) and not (self.path / self.REQUEST).exists()

    @property
    def status(self) -> Status:
        """The present status; interrupted if it is unfinished and the heartbeat has stopped.

        Raises `RunError` as `written_status` does.
        """
        status = self.written_status
        age = time.time() - status.heartbeat
        # A clock that was set back leaves heartbeats in the future, which are no sign of life.
        if not status.unfinished or abs(age) <= settings().heartbeat_stale_seconds:
            return status
        since = f" {_long(age)} ago" if age > 0 else ""
        error = (
            f"The worker stopped without a message{since}, {self.PREPOSITION} {status.phase}. "
            f"{self.remedy}"
        )
        return status.replace(state="interrupted", error=error)

    @property
    def written_status(self) -> Status:
        """The last written status, whether the worker is alive or not.

        Raises `RunError` if it is missing or damaged and the class requires it.
        """
        try:
            return Status.read(self.path / "status.json")
        except RunError:
            if self.STATUS_REQUIRED:
                raise
            return Status(state="none")

    def write_status(self, status: Status) -> None:
        """Replaces status.json atomically, unless the job has been deleted.

        On a full disk the file is overwritten, so that a worker can still report the error.
        """
        if self.REQUEST and not self.path.is_dir():
            return
        file = self.path / "status.json"
        try:
            storage.write_json(file, status.stored())
        except OSError as problem:
            if not storage.is_full(problem) or not file.exists():
                raise
            storage.overwrite_json(file, status.stored())

    def under_way(self, start: float | None = None) -> bool:
        """Whether the job is there and has not ended, by its last written status.

        `start`: the time at which a start of the job was queued; False if it was queued again
        since, so that a worker that is still ending leaves the next start to the next worker.
        """
        return self._goes_on(self.written_status, start)

    def _goes_on(self, status: Status, start: float | None) -> bool:
        mine = start is None or status.queued == start
        return mine and status.unfinished and not self.deleted

    def finish(self, state: str, error: str | None = None, *, start: float | None = None) -> bool:
        """Writes the final state and returns True, if the job is `under_way`."""
        status = self.written_status
        if not self._goes_on(status, start):
            return False
        changes = {"finished": time.time(), "seconds_left": None, "rate": None}
        error = error and error.replace("\0", "")[:MOST_WORDS]
        self.write_status(status.replace(state=state, error=error, **changes))
        return True

    @property
    def stop_requested(self) -> bool:
        """Whether the worker has been asked to stop, or the job has been deleted."""
        return self.deleted or (self.path / "stop").exists()

    def request_stop(self) -> None:
        """Asks the worker to stop, by the file `stop`."""
        if not self.deleted:
            with disk_errors(self.path / "stop"):
                self.path.mkdir(parents=True, exist_ok=True)
                (self.path / "stop").touch()

    def queue(self) -> bool:
        """Queues the job for a worker; returns False if it is unfinished or has succeeded."""
        if self.status.state in (*UNFINISHED, "succeeded"):
            return False
        self._wait_for_worker()
        return True

    def requeue(self) -> None:
        """Queues a job that failed, was stopped or was interrupted.

        Raises `RunError` if it is unfinished or has succeeded.
        """
        if not self.queue():
            raise RunError(f"{self.title} is {self.status.state}; there is nothing to resume.")

    def require_succeeded(self, deed: str) -> None:
        """Raises `RunError` unless the job has succeeded, so that it can `deed`: "be exported"."""
        status = self.status
        if status.state != "succeeded":
            remedy = "Wait until it has finished" if status.unfinished else "Resume it"
            raise RunError(
                f"{self.title} is {status.state}; only a {self.KIND} that succeeded can {deed}. "
                f"{remedy}, or choose another."
            )

    def _wait_for_worker(self) -> None:
        with disk_errors(self.path / "stop"):
            (self.path / "stop").unlink(missing_ok=True)
        self.write_status(self._first_status())

    def _first_status(self) -> Status:
        return Status()

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Locks the job against other workers. Raises `Taken` if one works on it.

        A worker can be alive although its heartbeat is old: for a moment after the machine wakes
        from sleep, long enough to press "Resume".
        """
        deadline = time.monotonic() + ENDING_SECONDS

        def give_way() -> None:
            if self.status.state == "running" or time.monotonic() > deadline:
                raise Taken

        with locks.lock(self.path / "worker", give_way):
            yield


def _long(seconds: float) -> str:
    """So many seconds in the unit that people would use."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
