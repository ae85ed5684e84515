"""Real worker processes for tests: starting, watching, stopping and killing them."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from core import storage
from core.runs import config, run_store
from core.runs.run_store import Run
from core.settings import settings
from core.workers import launcher


def start(root: Path, architecture: str = "cnn-16", **chosen: object) -> Run:
    """Creates a run of the recommended recipe and starts its worker."""
    run = run_store.create(config.create(architecture, root, "recommended", **chosen))
    launcher.launch(run)
    return run


def crowding() -> float:
    """How many times as long as alone this machine takes now: 1 when nothing else is at work.

    A promise about seconds is tested at so many times the seconds.
    """
    started, used = time.perf_counter(), time.process_time()
    while time.process_time() - used < 0.05:
        pass
    return max(1.0, (time.perf_counter() - started) / 0.05)


def wait_until(
    run: Run, true: Callable[[], bool], seconds: float = 120, what: object = None
) -> None:
    """Looks again and again; fails when the run ends before, or after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, run.status
        assert run.status.unfinished or true(), (what, run.status)
        time.sleep(0.02)


def wait_for_phase(run: Run, phase: str) -> None:
    wait_until(run, lambda: run.status.phase == phase, what=phase)


def end(run: Run, seconds: float = 120) -> float:
    """Waits for the run's end, and says how long that took."""
    started = time.monotonic()
    while run.status.unfinished:
        assert time.monotonic() - started < seconds, run.status
        time.sleep(0.02)
    return time.monotonic() - started


def kill(run: Run, module: str) -> bool:
    """kill -9 of the run's worker or trainer; False if there is none."""
    psutil = pytest.importorskip("psutil")
    for process in psutil.process_iter(["cmdline"]):
        if {module, str(run.path)} <= set(process.info["cmdline"] or []):
            process.kill()
            return True
    return False


def processes(run: Run) -> list[int]:
    """The living processes of a run."""
    psutil = pytest.importorskip("psutil")
    return [
        p.pid
        for p in psutil.process_iter(["cmdline"])
        if str(run.path) in (p.info["cmdline"] or [])
    ]


def half_written(run: Run) -> list[Path]:
    """Temporary files of the run and of the caches."""
    return [*run.path.glob(".*"), *(storage.index_dir("").parent).rglob(".*")]


def contents(folder: Path) -> dict[str, str]:
    """The digest of every file below a folder."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def stale_at_once() -> object:
    """Settings in which a silent worker is dead at once, in place of `core.jobs.job.settings`."""
    facts = vars(settings()) | {"heartbeat_stale_seconds": 0.0}
    return type("Settings", (), facts)


def wait_while_processes_end(run: Run) -> None:
    deadline = time.monotonic() + 15
    while processes(run):
        assert time.monotonic() < deadline, processes(run)
        time.sleep(0.02)


def require_same(run: Run, other: Run) -> None:
    """The same history but for its times, the same predictions, the same metrics."""
    timed = ["seconds", "images_per_second"]
    pd.testing.assert_frame_equal(
        run.history.drop(columns=timed), other.history.drop(columns=timed), check_exact=True
    )
    pd.testing.assert_frame_equal(run.predictions, other.predictions, check_exact=True)
    first, second = run.metrics, other.metrics
    assert first is not None and second is not None
    assert first.parts == second.parts and first.protocol == second.protocol
    assert first.training.kept_epoch == second.training.kept_epoch
    assert run.calibration == other.calibration
