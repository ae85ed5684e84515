"""Starts a run's worker on this machine, in a session of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from core.runs.store import Run, Status
from core.settings import PROJECT, settings


def launch(run: Run) -> None:
    """Starts the worker and returns; it outlives the app, a closed tab and this terminal."""
    detached: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        flags = ("CREATE_NEW_PROCESS_GROUP", "DETACHED_PROCESS")
        detached = {"creationflags": sum(getattr(subprocess, flag) for flag in flags)}
    with (run.path / "worker.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "core.jobs.worker", str(run.path.absolute())],
            cwd=PROJECT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **detached,
        )


def _environment() -> dict[str, str]:
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
    while True:
        status = run.status
        if status.state == "interrupted":
            # After a machine's sleep every heartbeat looks old for a moment.
            time.sleep(2 * settings().heartbeat_seconds)
            status = run.status
        if report:
            report(status)
        if not status.unfinished:
            return status
        time.sleep(0.25)
