"""What a node of a cluster does: it runs the worker of a job as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from core.errors import ClusterError
from core.jobs.job import Job
from core.settings import version
from core.workers import worker
from core.workers.clusters.cluster import Order


def carry_out(order: Order) -> int:
    """Runs a worker to its end and returns its exit status; it ends if this process does.

    Raises `ClusterError` if this node has another version of BlastLens, or does not see the folder.
    """
    if version() != order.version:
        raise ClusterError(
            f"Node {os.uname().nodename} has BlastLens {version()}, and the job was sent by "
            f"{order.version}. Install the same version on all nodes."
        )
    folder = Path(order.folder)
    if not (folder / order.mark).exists():
        raise ClusterError(
            f"Node {os.uname().nodename} does not see the job's folder {folder}. Set "
            "BLASTLENS_ARTIFACTS to a folder on a disk that all nodes share."
        )
    command = [sys.executable, "-m", order.module, order.folder, worker.WITH_PARENT]
    with Job(folder).log_file.open("ab") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | order.environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()
