"""Starts the workers of jobs, each in a process of its own, and follows them.

To add a kind of job: derive its class from `core.jobs.job.Job`; write its work as one function,
`work(job, reporter)`, in a module that ends with `worker.main(Kind, work)`; and name that module in
`WORKERS`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core import locks, storage
from core.audit import ablations
from core.cohort.cohort import Cohort
from core.data.fetch_job import Fetch
from core.embedding.embedding_job import EmbeddingJob
from core.errors import ConfigError, DiskError, disk_errors
from core.jobs import naming
from core.jobs.job import Job, Status
from core.reading.fields.detection_job import DetectionJob
from core.runs import run_store
from core.runs.config import RunConfig, require_inputs
from core.runs.run_store import Run
from core.runs.speed import SpeedProbe
from core.settings import PROJECT, settings
from core.tuning.sweep_store import Sweep
from core.workers import queue, worker
from core.workers.clusters import execution_engine

WORKERS: dict[type[Job], str] = {
    Run: "core.workers.train",
    Sweep: "core.workers.sweep",
    DetectionJob: "core.workers.detection",
    Fetch: "core.workers.fetch",
    Cohort: "core.workers.score",
    EmbeddingJob: "core.workers.embedding",
    SpeedProbe: "core.workers.speed_probe",
}
AGENT = "core.workers.clusters.agent"


# Whose workers a cluster can run; the others only wait for workers, or fetch files to here.
ON_CLUSTERS = (Run, DetectionJob)


def launch(job: Job) -> None:
    """Starts the worker of a queued job; it outlives the app, a closed tab and the terminal.

    On a cluster, if one is chosen, an agent of this machine has it started there. Here, a run takes
    its place in the queue. Raises `ConfigError`, and fails the job, if there is no such cluster,
    and `DiskError` likewise.
    """
    try:
        with disk_errors(job.path):
            _launch(job)
    except (ConfigError, DiskError) as problem:
        with suppress(OSError):
            job.finish("failed", str(problem))
        raise


def _launch(job: Job) -> None:
    execution_engine.require(settings().engine)
    worker.niceness()
    module = WORKERS[type(job)]
    if isinstance(job, ON_CLUSTERS) and not execution_engine.is_local():
        _start(job, AGENT, module)
        return
    if isinstance(job, Run):
        queue.join(job)
    _start(job, module)


def _start(job: Job, module: str, *arguments: str) -> None:
    flags = ("CREATE_NEW_PROCESS_GROUP", "DETACHED_PROCESS") if os.name == "nt" else ()
    with job.log_file.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", module, str(job.path.absolute()), *arguments],
            cwd=PROJECT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=os.name != "nt",
            creationflags=sum(getattr(subprocess, flag) for flag in flags),
        )


def where() -> str:
    """Where runs train, and how many at a time: "on this machine, one after another"."""
    engine = settings().engine
    if not execution_engine.is_local():
        return f"on {engine}, side by side as far as it has cores"
    runs = queue.runs_at_once()
    return "on this machine, " + (
        "one after another" if runs == 1 else f"up to {runs} side by side"
    )


def resume(job: Job) -> None:
    """Queues a job that ended before its time and starts its worker; it goes on from where it was.

    Raises `RunError` if it is unfinished or succeeded.
    """
    job.requeue()
    launch(job)


def start(job: Job) -> Status:
    """Starts or resumes a job, unless it is under way or done; returns its status.

    Raises what its `queue` raises.
    """
    if job.queue():
        launch(job)
    return job.status


def environment(temporary: Path | None = None) -> dict[str, str]:
    """The environment of a worker: the caller's, with absolute paths.

    In the folder `temporary`, if given, the process and its libraries put temporary files.
    """
    kept_in = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)) if temporary else {}
    path = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return (
        os.environ
        | kept_in
        | {
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
            "BLASTLENS_ARTIFACTS": str(settings().artifacts),
            "BLASTLENS_WEIGHTS": str(settings().weights),
        }
    )


def follow(job: Job, report: Callable[[Status], None] | None = None) -> Status:
    """Waits for the end of a job and returns its last status; `report` gets each new one."""
    while True:
        status = job.status
        if status.state == "interrupted":
            # After a machine's sleep every heartbeat looks old for a moment.
            time.sleep(2 * settings().heartbeat_seconds)
            status = job.status
        if report:
            report(status)
        if not status.unfinished:
            return status
        time.sleep(0.25)


def start_audit(run: Run, audit: str) -> list[Run]:
    """Starts the missing runs of an audit of `ablations.AUDITS`, and resumes those that ended.

    Returns the runs that were started. Raises `RunError` or `DataError` if the run cannot be
    audited, and what `require_inputs` raises.
    """
    ablations.require_auditable(run, audit)
    require_inputs(run.config)
    # Two clicks at once shall not train everything twice.
    with locks.lock(storage.runs_dir() / ".audit"):
        ablation_runs = ablations.find(run, audit)
        for ended in ablation_runs.ended:
            resume(ended)
        missing = ablation_runs.missing
        new = [run_store.create(config, _audit_run_name(config)) for config in missing]
        for created in new:
            launch(created)
    return [*ablation_runs.ended, *new]


def _audit_run_name(config: RunConfig) -> str:
    """A run's name that says what it is: the split, or the inputs of a control, and the fold."""
    arm = config.inputs if config.is_control else config.split
    number = f"{config.fold + 1}of{config.folds}"
    return naming.free_name(f"audit-{config.architecture}-{arm}-{number}", storage.runs_dir())
