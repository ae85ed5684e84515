"""The agent of a job on a cluster: `python -m core.workers.clusters.agent FOLDER MODULE`.

It submits the job's worker, keeps the job alive until the worker runs, takes a job that was stopped
out of the queue, and submits the worker again if its node was lost. The worker reports by itself.
"""

import logging
import secrets
import shutil
import sys
import time
from pathlib import Path

from core import locks
from core.errors import BlastLensError, ClusterError
from core.jobs.job import Job, Taken
from core.settings import settings, version
from core.workers import launcher, worker
from core.workers.clusters import execution_engine
from core.workers.clusters.cluster import MOST_LOSSES, Cluster, Order, Task

_LOOK_EVERY_SECONDS = 0.25
# The agent of a job that was stopped, and queued again since, waits as long for its task to end.
_ENDING_SECONDS = 30.0
log = logging.getLogger("core.workers.clusters.agent")  # it runs as __main__


def main(folder: str, module: str) -> None:
    """Has the job of a folder worked on, and ends when it does."""
    kind = next(kind for kind, named in launcher.WORKERS.items() if named == module)
    job = kind(Path(folder))

    deadline = time.monotonic() + _ENDING_SECONDS

    def give_way() -> None:
        if job.status.state == "running" or time.monotonic() > deadline:
            raise Taken

    try:
        with locks.lock(job.path / "agent", give_way):
            _work(job, module)
    except Taken:
        log.info("Another agent takes care of this job already.")


def _work(job: Job, module: str) -> None:
    start = job.written_status.queued
    try:
        with execution_engine.opened() as cluster:
            tend(job, module, cluster)
    except BlastLensError as problem:
        job.finish("failed", str(problem), start=start)
    except Exception as problem:
        job.finish("failed", worker.explain(problem, job), start=start)


def tend(job: Job, module: str, cluster: Cluster) -> None:
    """Submits the worker of a job until it has ended the job, or the job is queued again.

    Raises `ClusterError` if the cluster refuses it, or loses it `MOST_LOSSES` times.
    """
    start = job.written_status.queued
    mark = f"agent-{secrets.token_hex(4)}"
    (job.path / mark).touch()
    try:
        for loss in range(1, MOST_LOSSES + 1):
            task = cluster.submit(_order(job, module, mark, cluster), job)
            _follow(job, task)
            if job.stop_requested or not task.lost or not job.under_way(start):
                break
            log.warning("%s was lost for the %d. time: %s", job.title, loss, task.error)
            status = job.written_status
            job.write_status(status.replace(state="queued", heartbeat=time.time()))
    finally:
        (job.path / mark).unlink(missing_ok=True)
        shutil.rmtree(job.path / "slurm", ignore_errors=True)
    if not job.under_way(start):
        return
    if job.stop_requested:
        job.finish("cancelled", start=start)
    else:
        raise ClusterError(f"{task.error or 'The worker ended without a message.'} {job.remedy}")


def _order(job: Job, module: str, mark: str, cluster: Cluster) -> Order:
    passed = {
        name: value
        for name, value in launcher.environment().items()
        if name.startswith(("BLASTLENS_", "PYTHON"))
    }
    # What the worker starts stays on its node. Where others have no queue, it takes its turn here.
    scheduled = str(int(cluster.standing))
    passed |= {
        execution_engine.VARIABLE: execution_engine.LOCAL,
        "BLASTLENS_SCHEDULED": scheduled,
    }
    return Order(module, str(job.path.absolute()), passed, version(), mark)


def _follow(job: Job, task: Task) -> None:
    """Waits for the end of a task, and of the job if another worker has it."""
    beaten = 0.0
    while not job.deleted:
        if task.ended and (task.lost or job.status.state != "running"):
            return
        status = job.written_status
        if job.stop_requested and status.state == "queued":
            break
        if status.state == "queued" and time.monotonic() - beaten > settings().heartbeat_seconds:
            beaten = time.monotonic()
            job.write_status(status.replace(phase=task.place, heartbeat=time.time()))
        time.sleep(_LOOK_EVERY_SECONDS)
    task.cancel()


if __name__ == "__main__":
    worker.start_log()
    main(*sys.argv[1:3])
