"""What BlastLens asks of a cluster."""

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from core.errors import ConfigError
from core.jobs.job import Job
from core.settings import settings

# A worker that is lost so many times most often ends its nodes itself, by taking their memory.
MOST_LOSSES = 3


@dataclass(frozen=True)
class Order:
    """A worker that a node is to start: its module, the folder of its job, its environment.

    `version`: of BlastLens, which must be the node's. `mark`: a file name in the folder, by which a
    node knows whether it sees the folder itself or another one of the same path.
    """

    module: str
    folder: str
    environment: dict[str, str]
    version: str
    mark: str


def cpus_per_run() -> int:
    """The cores that a training takes on a cluster, at least 1. Raises `ConfigError`."""
    text = settings().cpus_per_run
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(
            f"BLASTLENS_CPUS_PER_RUN is {text!r}; it must be a whole number of at least 1."
        )
    return int(text)


class Task(Protocol):
    """A function that a cluster runs on one of its nodes."""

    @property
    def place(self) -> str:
        """Where it is or what it waits for, such as "SLURM job 12, waiting: Resources"."""

    @property
    def ended(self) -> bool:
        """Whether it has returned, failed, or was lost."""

    @property
    def error(self) -> str | None:
        """Of a task that ended: why it failed, in a sentence; None if it returned."""

    @property
    def lost(self) -> bool:
        """Of a task that ended: whether its process or node died."""

    def cancel(self) -> None:
        """Ends it, or takes it out of the queue."""


class Cluster(Protocol):
    """Ray or SLURM."""

    # Whether the cluster was there before. One that this process started has no queue of others.
    standing: bool

    def submit(self, order: Order, job: Job) -> Task:
        """Has a job's worker run by `core.workers.clusters.node.carry_out`.

        Raises `ClusterError`.
        """

    def runs_at_once(self) -> int:
        """How many trainings it can run side by side, at least 1."""

    def cores(self) -> int:
        """How many cores its nodes have now, at least 1."""

    def pool(self) -> Executor:
        """Runs many calls of functions on all nodes; those of a lost node are run again.

        A call that is lost again and again raises `BrokenExecutor`.
        """

    def close(self) -> None:
        """Leaves the cluster, and ends it if this process started it."""
