"""Starts worker processes on this machine, each in a session of its own, and follows them."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from core import storage
from core.audit import ablations
from core.data import fetch
from core.data.fetch import FetchStatus
from core.jobs.job import Status
from core.reading.detection_job import DetectionJob
from core.runs import run_store
from core.runs.config import RunConfig, require_inputs
from core.runs.run_store import Run
from core.settings import PROJECT, settings
from core.tuning.sweep_store import Sweep
from core.workers import queue

AnyStatus = TypeVar("AnyStatus", Status, FetchStatus)


def launch(run: Run) -> None:
    """Queues a run and starts its worker, which outlives the app, a closed tab and the terminal."""
    queue.join(run)
    _spawn(run.path / "worker.log", "core.workers.train", str(run.path.absolute()))


def resume(run: Run) -> None:
    """Queues a run that ended before its time; it goes on from its last finished epoch.

    Raises `RunError` if it is unfinished or succeeded.
    """
    run.requeue()
    launch(run)


def launch_fetch() -> FetchStatus:
    """Starts fetching C-NMC 2019, goes on with it, or joins a fetch under way or done.

    Raises `DataError` if the disk is too small.
    """
    status = fetch.status()
    if not status.unfinished and status.state != "succeeded":
        status = fetch.queue()
        _spawn(storage.downloads_dir() / "worker.log", "core.workers.fetch")
    return status


def launch_sweep(sweep: Sweep) -> None:
    """Starts the worker of a queued cross-validation or search; its runs wait in the queue."""
    _spawn(sweep.path / "worker.log", "core.workers.sweep", str(sweep.path.absolute()))


def resume_sweep(sweep: Sweep, trials: int | None = None) -> None:
    """Goes on with a sweep that has ended, with more `trials` if given; see `Sweep.requeue`."""
    sweep.requeue(trials)
    launch_sweep(sweep)


def launch_detection(job: DetectionJob) -> None:
    """Starts looking for cells in a large scan, unless someone is at it or has done it."""
    if job.queue():
        _spawn(job.path / "worker.log", "core.workers.detection", str(job.path.absolute()))


def _spawn(log_file: Path, module: str, *arguments: str) -> None:
    detached: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        flags = ("CREATE_NEW_PROCESS_GROUP", "DETACHED_PROCESS")
        detached = {"creationflags": sum(getattr(subprocess, flag) for flag in flags)}
    with log_file.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=PROJECT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **detached,
        )


def environment() -> dict[str, str]:
    """The caller's, but for what is relative to the folder it was called in."""
    path = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "BLASTLENS_ARTIFACTS": str(settings().artifacts),
        "BLASTLENS_WEIGHTS": str(settings().weights),
    }


def follow(run: Run, report: Callable[[Status], None] | None = None) -> Status:
    """Waits for a run to end and returns its last status; `report` gets each new one."""
    return _follow(lambda: run.status, report)


def follow_fetch(report: Callable[[FetchStatus], None] | None = None) -> FetchStatus:
    """Waits for the fetch to end and returns its last status; `report` gets each new one."""
    return _follow(fetch.status, report)


def follow_sweep(sweep: Sweep, report: Callable[[Status], None] | None = None) -> Status:
    """Waits for a sweep to end and returns its last status; `report` gets each new one."""
    return _follow(lambda: sweep.status, report)


def _follow(read: Callable[[], AnyStatus], report: Callable[[AnyStatus], None] | None) -> AnyStatus:
    while True:
        status = read()
        if status.state == "interrupted":
            # After a machine's sleep every heartbeat looks old for a moment.
            time.sleep(2 * settings().heartbeat_seconds)
            status = read()
        if report:
            report(status)
        if not status.unfinished:
            return status
        time.sleep(0.25)


def start_audit(run: Run, audit: str) -> list[Run]:
    """Starts the missing runs of an audit of `ablations.AUDITS`, and resumes those that had ended.

    Returns the runs that were started. Raises `RunError` or `DataError` where a run cannot be
    audited, and what `require_inputs` raises.
    """
    ablations.require_auditable(run, audit)
    require_inputs(run.config)
    # Two clicks at once shall not train everything twice.
    with storage.lock(storage.runs_dir() / ".audit"):
        found = ablations.find(run, audit)
        for other in found.ended:
            resume(other)
        new = [run_store.create(config, _audit_run_name(config)) for config in found.missing]
        for other in new:
            launch(other)
    return [*found.ended, *new]


def _audit_run_name(config: RunConfig) -> str:
    """A run's name that says what it is: the next word is the split, or what alone is shown."""
    side = config.inputs if config.is_control else config.split
    number = f"{config.fold + 1}of{config.folds}"
    return f"audit-{config.architecture}-{side}-{number}-{secrets.token_hex(2)}"
