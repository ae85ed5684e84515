"""The state of a background job, as its folder's status.json has it."""

import time
from dataclasses import dataclass, field

UNFINISHED = ("queued", "running")


@dataclass(frozen=True)
class Status:
    """How a run stands.

    state: queued, running, succeeded, failed, cancelled or interrupted. phase: what the worker is
    at. done and total count images, files or steps of that phase. loss, cross_entropy, penalty and
    accuracy are means over the epoch so far. queued, heartbeat, started and finished are Unix
    times. error is the sentence to show.
    """

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
    seconds_left: float | None = None
    error: str | None = None
    queued: float = field(default_factory=time.time)
    heartbeat: float = field(default_factory=time.time)
    started: float | None = None
    finished: float | None = None

    @property
    def unfinished(self) -> bool:
        """Whether more is to come."""
        return self.state in UNFINISHED

    @property
    def share_done(self) -> float:
        """Of the present phase, 0..1."""
        return min(1.0, self.done / self.total) if self.total else 0.0
