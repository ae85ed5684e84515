"""A background job: a folder that its worker process, the pages and the command line share.

status.json says how far the job is and when its worker last gave a sign of life. A file `stop` asks
the worker to stop, worker.log has what the worker logs, worker.lock lets one worker work at a time.
Each kind of job is a subclass of `Job`.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from core import storage
from core.documents import Document
from core.errors import RunError
from core.settings import settings

UNFINISHED = ("queued", "running")
# A worker that ends holds its lock a moment longer than its status says.
_ENDING_SECONDS = 3.0
# By the names that the status of a download had in version 0.1.
_RENAMED = {"bytes_done": "done", "bytes_total": "total"}


class Taken(Exception):  # noqa: N818 - a state, not an error
    """Another worker works on the job."""


class Status(Document):
    """The state of a job, status.json.

    state: none (never started), queued, running, succeeded, failed, cancelled or interrupted.
    phase: the step that the worker is at. done and total count that phase's images, files, steps,
    tiles or bytes; total is 0 if it is unknown. error: the sentence to show. queued, heartbeat,
    started and finished: Unix times.

    Of a run: epoch and epochs; loss, cross_entropy, penalty and accuracy, means over the epoch so
    far; learning_rate and images_per_second. Of a download: rate in bytes a second and root, the
    folder of the data once it is there. Of a search for cells: shape, (H, W) of the image in
    pixels once it is decoded.
    """

    model_config = ConfigDict(extra="forbid")

    state: str = "queued"
    phase: str = "waiting to start"
    done: int = 0
    total: int = 0
    epoch: int = 0
    epochs: int = 0
    loss: float | None = None
    cross_entropy: float | None = None
    penalty: float | None = None
    accuracy: float | None = None
    learning_rate: float | None = None
    images_per_second: float | None = None
    rate: float | None = None
    seconds_left: float | None = None
    shape: tuple[int, int] | None = None
    root: Path | None = None
    error: str | None = None
    queued: float = Field(default_factory=time.time)
    heartbeat: float = Field(default_factory=time.time)
    started: float | None = None
    finished: float | None = None

    @classmethod
    def _known(cls, document: Any) -> Any:
        known = super()._known(document)
        if not isinstance(known, Mapping):
            return known
        renamed = {_RENAMED.get(name, name): value for name, value in known.items()}
        return {name: value for name, value in renamed.items() if value is not None}

    def _values(self) -> dict[str, Any]:
        return dict(self)  # a copy keeps the times that are defaults

    @property
    def unfinished(self) -> bool:
        return self.state in UNFINISHED

    @property
    def share_done(self) -> float:
        """The part of the present phase that is done, 0 to 1; 0 if the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True)
class Job:
    """One job's folder. Its status can be read whole at any time, whoever is writing."""

    path: Path

    KIND: ClassVar[str] = "job"
    # The file that asks for the job; without it the job has been deleted. "": it cannot be.
    REQUEST: ClassVar[str] = ""
    # Whether a folder without a readable status is an error, or a job that was never started.
    STARTED: ClassVar[bool] = False
    # What its worker does, in "Another process is ... already."
    DOING: ClassVar[str] = "working"
    # The word between "the worker stopped" and the phase that it was at.
    AT: ClassVar[str] = "while"
    LESS_MEMORY: ClassVar[str] = "Close other programs and try again."

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def title(self) -> str:
        return f"{self.KIND.capitalize()} {self.name}"

    @property
    def way_on(self) -> str:
        """What to do if the job ended before its time, in a sentence."""
        return "Try again."

    @property
    def log_file(self) -> Path:
        return self.path / "worker.log"

    @property
    def deleted(self) -> bool:
        """Whether someone has deleted the job, which its worker may not have noticed yet."""
        return bool(self.REQUEST) and not (self.path / self.REQUEST).exists()

    @property
    def status(self) -> Status:
        """The state now: interrupted if it is unfinished and its worker's heartbeat has stopped.

        Raises `RunError` as `written_status` does.
        """
        status = self.written_status
        silent = time.time() - status.heartbeat
        if not status.unfinished or silent <= settings().heartbeat_stale_seconds:
            return status
        error = (
            f"The worker stopped without a word {silent:.0f} s ago, {self.AT} {status.phase}. "
            f"{self.way_on}"
        )
        return status.replace(state="interrupted", error=error)

    @property
    def written_status(self) -> Status:
        """The status that was written last, whether the worker is alive or not.

        Raises `RunError` if a job that was started has none, or a damaged one.
        """
        try:
            return Status.read(self.path / "status.json")
        except RunError:
            if self.STARTED:
                raise
            return Status(state="none")

    def write_status(self, status: Status) -> None:
        """Replaces status.json atomically, unless the job has been deleted.

        On a full disk the file is overwritten, so that a worker can still say why it failed.
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

    def finish(self, state: str, error: str | None = None) -> bool:
        """Writes the final state, unless the job is deleted or has one; whether it did."""
        if self.deleted or not (status := self.written_status).unfinished:
            return False
        over = {"finished": time.time(), "seconds_left": None, "rate": None}
        self.write_status(status.replace(state=state, error=error, **over))
        return True

    @property
    def stop_requested(self) -> bool:
        """Whether someone has asked the worker to stop, or has deleted the job."""
        return self.deleted or (self.path / "stop").exists()

    def request_stop(self) -> None:
        """Asks the worker to stop, by a file that it looks for."""
        if not self.deleted:
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / "stop").touch()

    def queue(self) -> bool:
        """Makes a job that is neither unfinished nor done wait for a worker; False if it is."""
        if self.status.state in (*UNFINISHED, "succeeded"):
            return False
        self._wait_for_worker()
        return True

    def requeue(self) -> None:
        """Makes a job that ended before its time wait for a worker again.

        Raises `RunError` if it is unfinished or succeeded.
        """
        if not self.queue():
            raise RunError(f"{self.title} is {self.status.state}; there is nothing to resume.")

    def _wait_for_worker(self) -> None:
        (self.path / "stop").unlink(missing_ok=True)
        self.write_status(self._first_status())

    def _first_status(self) -> Status:
        return Status()

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Keeps other workers off the job. Raises `Taken` if one is at work on it.

        A worker may look dead and be alive: when a machine wakes from sleep its heartbeat is old
        for a moment, long enough to press "Resume".
        """
        deadline = time.monotonic() + _ENDING_SECONDS

        def give_way() -> None:
            if self.status.state == "running" or time.monotonic() > deadline:
                raise Taken

        with storage.lock(self.path / "worker", give_way):
            yield
