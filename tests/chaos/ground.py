"""What the campaign of kills works on, and what has to hold after each kill."""

import json
import random
import shutil
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import numpy as np
import psutil
import pyarrow.parquet

from benchmarks.chaos import Trial
from core import storage
from core.cases import case_store
from core.cohort import cohort_store
from core.data import datasets
from core.data.fetch_job import Fetch
from core.jobs.job import Job
from core.runs import run_store
from core.tuning import sweep_store
from core.workers import launcher
from tests.chaos.documents import where
from tests.factories.processes import stale_at_once


@dataclass
class Ground:
    """Where the campaign works: a folder, and in it a data set of 120 cells."""

    folder: Path
    cells: Path
    rng: random.Random
    seed: int

    def forget_caches(self) -> None:
        """Removes what is kept of data sets, so that it is written anew."""
        shutil.rmtree(storage.index_dir("").parent, ignore_errors=True)

    def trial(self, place: str, outcome: str, check: Callable[[], object]) -> Trial:
        """A trial that holds if the check raises nothing."""
        try:
            check()
        except Exception as problem:
            detail = f"{type(problem).__name__} at {where(problem)}: {problem}"[:1500]
            return Trial(place, outcome, False, self.seed, detail)
        return Trial(place, outcome, True, self.seed)

    def killed(self, place: str, moment: str) -> Trial:
        """The trial of a kill: is anything torn, can everything be listed?"""
        return self.trial(place, f"killed: {moment}", require_whole)


def require_whole() -> None:
    """Opens every file of the artifacts that has its final name, and every list."""
    folder = storage.runs_dir().parent
    for file in folder.rglob("*"):
        if file.is_file() and not any(
            part.startswith(".") for part in file.relative_to(folder).parts
        ):
            try:
                _open(file)
            except FileNotFoundError:
                continue  # what goes on to work has replaced it
            except Exception as problem:
                raise AssertionError(
                    f"{file.relative_to(folder)} is torn: {problem!r}"
                ) from problem
    for run in run_store.runs():
        assert len(run.history) >= 0 and (run.metrics is None or run.calibration)
    for sweep in sweep_store.sweeps():
        assert sweep.status and (sweep.results is None or sweep.plan)
    for cohort in cohort_store.cohorts():
        assert cohort.status
    listed = (datasets.known(), case_store.cases(), Fetch().status)
    assert all(one is not None for one in listed)


def _open(file: Path) -> None:
    if file.suffix == ".json":
        json.loads(file.read_text(encoding="utf-8"))
    elif file.suffix in (".npz", ".npy"):
        loaded = np.load(file, allow_pickle=False)
        if file.suffix == ".npz":
            assert all(loaded[name] is not None for name in loaded.files)
    elif file.suffix == ".parquet":
        pyarrow.parquet.read_table(file)
    elif file.suffix == ".keras":
        with zipfile.ZipFile(file) as archive:
            assert archive.testzip() is None
    elif file.suffix == ".xml":
        ElementTree.parse(file)
        assert file.with_suffix(".bin").stat().st_size > 0


def resume(job: Job) -> None:
    """Resumes a job, whose silent worker is known to be dead at once."""
    with mock.patch("core.jobs.job.settings", stale_at_once):
        time.sleep(0.01)
        if job.status.state != "succeeded":
            launcher.resume(job)


def processes_of(module: str, path: Path | None = None) -> list[psutil.Process]:
    """The living processes of a module that work on a folder, or on any."""
    wanted = {module, str(path)} if path else {module}
    return [
        one
        for one in psutil.process_iter(["cmdline", "status"])
        if wanted <= set(one.info["cmdline"] or []) and one.info["status"] != psutil.STATUS_ZOMBIE
    ]


def kill_9(process: psutil.Process) -> None:
    """Kills a process, unless it has just ended."""
    try:
        process.kill()
        process.wait(5)
    except psutil.Error:
        pass
