"""What the benchmarks work with: real data, temporary folders, cells, trained runs, processes."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import cv2
import psutil

from core.data.synthetic.dataset import write_dataset
from core.errors import ConfigError, RunError
from core.models import catalog, weights
from core.runs import config, run_store
from core.runs.metrics import RunMetrics
from core.runs.run_store import Run
from core.settings import PROJECT
from core.workers import launcher

REAL_DATA = "BLASTLENS_REAL_DATA"
Item = TypeVar("Item")
Result = TypeVar("Result")


def real_data() -> Path | None:
    """The folder of real data that the environment names."""
    folder = os.environ.get(REAL_DATA)
    return Path(folder).absolute() if folder else None


def require_real_data(*needed: str) -> Path:
    """The folder of real data. Raises `ConfigError` unless it is named and holds all `needed`."""
    folder = real_data()
    if not folder or not all((folder / name).exists() for name in needed):
        raise ConfigError(
            f"Skipped: the real data are missing. Set {REAL_DATA} to a folder that holds "
            f"{' and '.join(needed)}."
        )
    return folder


@contextmanager
def variable(name: str, value: object) -> Iterator[None]:
    """Sets a variable of the environment while the context is open."""
    before = os.environ.get(name)
    os.environ[name] = str(value)
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed when the context is left."""
    with tempfile.TemporaryDirectory(prefix="blastlens-") as folder:
        yield Path(folder)


@contextmanager
def artifacts(folder: Path | None = None) -> Iterator[Path]:
    """Has the app keep its artifacts in `folder`, or in a temporary one."""
    with (
        nullcontext(folder) if folder else temporary_folder() as used,
        variable("BLASTLENS_ARTIFACTS", used),
    ):
        yield used


@contextmanager
def synthetic_cells(cells: int, subjects: int | None = None) -> Iterator[Path]:
    """A temporary data set of drawn cells in the format of C-NMC, 450x450 BMP, and artifacts."""
    with temporary_folder() as folder, artifacts():
        yield write_dataset(folder / "cells", cells=cells, subjects=subjects)


@contextmanager
def real_weights() -> Iterator[None]:
    """Finds ImageNet weights among the real data, unless the environment names a folder."""
    folder = real_data()
    named = folder is None or "BLASTLENS_WEIGHTS" in os.environ
    with nullcontext() if named else variable("BLASTLENS_WEIGHTS", f"{folder}/weights"):
        yield


def weights_setting(architecture: str) -> dict[str, str]:
    """Random weights for a backbone whose ImageNet weights are not on this machine."""
    entry = catalog.architecture(architecture)
    missing = entry.pretrained is not None and weights.find(entry) is None
    return {"weights": "random"} if missing else {}


def train(architecture: str, root: Path, **settings: Any) -> Run:
    """A run of the recommended recipe, finished by a worker process. Raises `RunError`."""
    return finish(start(architecture, root, **settings))


def start(architecture: str, root: Path, **settings: Any) -> Run:
    """A run of the recommended recipe, whose worker process has been started."""
    run = run_store.create(config.create(architecture, root, "recommended", **settings))
    launcher.launch(run)
    return run


def finish(run: Run) -> Run:
    """The run once its worker has finished. Raises `RunError` unless it succeeded."""
    status = launcher.follow(run)
    if status.state != "succeeded":
        raise RunError(f"Run {run.run_id} {status.state}: {status.error}")
    return run


def measured(run: Run) -> RunMetrics:
    """What a finished run has measured."""
    assert run.metrics
    return run.metrics


def run_python(what: str, *arguments: object) -> str:
    """What `python ARGUMENTS` prints. Raises `RunError` with its last words if `what` fails."""
    ended = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=PROJECT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"]
        raise RunError(f"{what} failed: {lines[-1]}")
    return ended.stdout


def on_all_cores(action: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The action's results in order, by one thread a core; OpenCV keeps to that thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(action, items))
    finally:
        cv2.setNumThreads(threads)


@contextmanager
def repeatedly(action: Callable[[], object], seconds: float) -> Iterator[None]:
    """Calls an action that watches processes every `seconds` while the context is open."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            with suppress(psutil.Error, OSError):  # a process ended just now
                action()

    watcher = threading.Thread(target=repeat)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
