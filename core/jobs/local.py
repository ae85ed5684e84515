"""Starts a run's worker on this machine, in a session of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from core.runs.store import Run, Status
from core.settings import PROJECT


def launch(run: Run) -> None:
    """Starts the worker and returns; it outlives the app, a closed tab and this terminal."""
    detached: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        flags = ("CREATE_NEW_PROCESS_GROUP", "DETACHED_PROCESS")
        detached = {"creationflags": sum(getattr(subprocess, flag) for flag in flags)}
    with (run.path / "worker.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "core.jobs.worker", str(run.path)],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **detached,
        )


def follow(run: Run, report: Callable[[Status], None] | None = None) -> Status:
    """Waits for a run to end and returns its last status; `report` gets each new one."""
    while True:
        status = run.status
        if report:
            report(status)
        if not status.unfinished:
            return status
        time.sleep(0.25)
