"""The jobs of one kind, in the order in which they began."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from core.errors import BlastLensError
from core.jobs.job import Job

J = TypeVar("J", bound=Job)


def newest_first(jobs: Iterable[J], read: Callable[[J], object]) -> list[J]:
    """Returns the jobs whose status can be read and whose document `read` can, the newest first."""
    dated = []
    for job in jobs:
        try:
            status, _ = job.status, read(job)
        except BlastLensError:
            continue  # written by another version, or being deleted
        dated.append((status.started or status.heartbeat, job))
    return [job for _, job in sorted(dated, key=lambda pair: (-pair[0], pair[1].name))]
