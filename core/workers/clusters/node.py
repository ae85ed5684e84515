"""What a node of a cluster does: it runs the worker of a job as a process of its own."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from core.errors import ClusterError
from core.jobs.job import Job
from core.settings import version
from core.workers import worker
from core.workers.clusters import shipping
from core.workers.clusters.cluster import Order
from core.workers.clusters.shipping import Relay


def carry_out(order: Order, relay: Relay | None = None) -> int:
    """Runs a worker to its end and returns its exit status; it ends if this process does.

    With a `relay` the run is brought to this node first. Raises `ClusterError` if this node has
    another version of BlastLens, or does not see the folder and has no relay.
    """
    if version() != order.version:
        raise ClusterError(
            f"Node {platform.node()} has BlastLens {version()}, and the job was sent by "
            f"{order.version}. Install the same version on all nodes."
        )
    if relay is not None:
        with shipping.fetched(relay) as run:
            return _run(order, run)
    job = Job(Path(order.folder))
    if not (job.path / order.mark).exists():
        raise ClusterError(
            f"Node {platform.node()} does not see the job's folder {job.path}. Set "
            "BLASTLENS_ARTIFACTS to a folder on a disk that all nodes share, or, on Ray, "
            "BLASTLENS_SHIP=1 to have runs sent to nodes and back."
        )
    return _run(order, job)


def _run(order: Order, job: Job) -> int:
    environment = os.environ | order.environment
    # Of a job that was sent here, the folder is another one.
    if str(job.path) != order.folder:
        environment["BLASTLENS_ARTIFACTS"] = str(job.path.parents[1])
    command = [sys.executable, "-m", order.module, str(job.path), worker.WITH_PARENT]
    with job.log_file.open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()
