"""Kills of the processes of background jobs, each of which is resumed until it ends."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from benchmarks.chaos import Trial
from core import storage
from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.data.fetch_job import Fetch
from core.data.images import encode
from core.data.synthetic.smear_field import draw_field
from core.reading.fields.detection_job import DetectionJob
from core.runs import run_store
from core.runs.run_store import Run
from core.settings import PROJECT
from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan, Sweep
from core.workers import launcher
from tests.chaos.ground import Ground, kill_9, processes_of, resume
from tests.factories import executor
from tests.factories.kaggle_server import FILES, isolate, serving
from tests.factories.processes import (
    end,
    half_written,
    kill,
    require_same,
    stale_at_once,
    start,
    wait_while_processes_end,
)

KILLS_A_JOB = 6  # then it is left alone until it ends
PHASES = ("waiting to start", "indexing the data set", "decoding images", "loading TensorFlow")
PHASES += ("training", "training", "exporting", "measuring")
CONFIG = {"sample": 36, "epochs": 5, "batch_size": 8, "precision": "float32", "seed": 4}


def worker(ground: Ground) -> Iterator[Trial]:
    """The worker of a run."""
    yield from _training("worker", "core.workers.train", ground)


def trainer(ground: Ground) -> Iterator[Trial]:
    """The trainer of a run, over which its worker watches."""
    yield from _training("trainer", "core.workers.trainer", ground)


def _training(place: str, module: str, ground: Ground) -> Iterator[Trial]:
    straight = start(ground.cells, "cnn-dropout", **CONFIG)
    end(straight)
    while True:
        run = start(ground.cells, "cnn-dropout", **CONFIG)
        for _ in range(KILLS_A_JOB):
            await_phase(run, ground.rng.choice(PHASES))
            time.sleep(ground.rng.expovariate(4))
            phase = run.status.phase
            if not run.status.unfinished:
                break
            if kill(run, module):
                wait_while_processes_end(run)
                yield ground.killed(place, f"at {phase}")
                resume(run)
        end(run)
        yield ground.trial(place, "ended", partial(ended_like, run, straight))
        shutil.rmtree(run.path)


def await_phase(run: Run, phase: str) -> None:
    """Waits until a run is in a phase, has ended, or has trained, after which come short ones."""
    until = time.monotonic() + 60
    while run.status.unfinished and run.status.phase != phase and time.monotonic() < until:
        if run.status.phase == "measuring":
            break
        time.sleep(0.005)


def ended_like(run: Run, straight: Run) -> None:
    """Raises unless a run ended like the other, and left nothing."""
    assert run.status.state == "succeeded", run.status
    wait_while_processes_end(run)
    require_same(run, straight)
    assert not run.checkpoint_file.exists()
    assert half_written(run) == [], half_written(run)


def sweep(ground: Ground) -> Iterator[Trial]:
    """The worker of a search, whose runs train in a stand-in."""
    storage.sweeps_dir().mkdir(parents=True, exist_ok=True)
    base = executor.base(ground.folder, epochs=4)

    def planned(name: str) -> Sweep:
        space = search.choose(base, ["learning_rate", "batch_size"])
        plan = Plan(kind="search", base=base, trials=4, space=space, pruning=False)
        return sweep_store.create(plan, name)

    whole = planned("whole")
    executor.work(whole, executor.Executor(measures=False))
    assert whole.results is not None
    expected = [(row.settings, row.value) for row in whole.results.trials]

    def same(one: Sweep) -> None:
        assert one.status.state == "succeeded" and one.results is not None, one.status
        found = [(row.settings, row.value) for row in one.results.trials]
        assert found == expected, (found, expected, [row.error for row in one.results.trials])

    for number in count():
        one = planned(f"killed{number}")
        for _ in range(KILLS_A_JOB):
            worker = _python("tests.factories.executor", one.path, 0.05)
            trials = ground.rng.randrange(4)
            while worker.poll() is None and one.status.done < trials:
                time.sleep(0.01)
            time.sleep(ground.rng.expovariate(4))
            if worker.poll() is not None:
                break
            worker.kill()
            worker.wait(5)
            yield ground.killed("sweep", f"after {one.status.done} trials")
            if one.status.state == "succeeded":  # the kill came as it ended
                break
            with mock.patch("core.jobs.job.settings", stale_at_once):
                time.sleep(0.01)
                one.requeue()
        else:
            worker = _python("tests.factories.executor", one.path, 0.02)
        worker.wait(120)
        yield ground.trial("sweep", "ended", partial(same, one))


def _python(module: str, *arguments: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.Popen(command, cwd=PROJECT, env=launcher.environment())


def score(ground: Ground) -> Iterator[Trial]:
    """The coordinator of a cohort, or a process of its pool."""
    name = "demo-colour-bands"
    shutil.copytree(PROJECT / "artifacts" / "runs" / name, storage.runs_dir() / name)

    def planned() -> Cohort:
        plan = cohort_store.planned(run_store.get(name), str(ground.cells), workers=2)
        return cohort_store.create(plan)

    def rows(cohort: Cohort) -> pd.DataFrame:
        table = Cohort(cohort.path).rows().to_table().to_pandas()
        chosen = table[["path", "kind", "call", "probability", "sha256"]]
        return chosen.sort_values("path", ignore_index=True)

    whole = planned()
    launcher.launch(whole)
    launcher.follow(whole)
    expected = rows(whole)

    def same(cohort: Cohort) -> None:
        assert cohort.status.state == "succeeded", cohort.status
        pd.testing.assert_frame_equal(rows(cohort), expected)
        assert not list((cohort.path / "attempts").iterdir())

    while True:
        cohort = planned()
        launcher.launch(cohort)
        for _ in range(KILLS_A_JOB):
            time.sleep(ground.rng.uniform(0, 6))
            if not cohort.status.unfinished:
                break
            found = processes_of("core.workers.score", cohort.path)
            family = [*found, *(child for one in found for child in one.children())]
            if family:
                kill_9(ground.rng.choice(family))
            if found and not processes_of("core.workers.score", cohort.path):
                yield ground.killed("score", f"the coordinator, at {cohort.written_status.phase}")
                resume(cohort)
            elif family:
                yield ground.killed("score", "a process of the pool")
        launcher.follow(cohort)
        yield ground.trial("score", "ended", partial(same, cohort))
        shutil.rmtree(cohort.path)


def scan(ground: Ground) -> Iterator[Trial]:
    """The search for cells in a large image."""
    field = draw_field(seed=ground.seed, blasts=2, lymphocytes=2, size=(900, 1200)).image
    image = encode(np.tile(field, (3, 2, 1)))

    def planned(name: str) -> DetectionJob:
        job = DetectionJob.of(name)
        job.put(image, ".png", None)
        launcher.start(job)
        return job

    whole = planned("whole")
    launcher.follow(whole)
    expected = whole.cells_file.read_bytes()

    def same(job: DetectionJob) -> None:
        assert job.status.state == "succeeded", job.status
        assert job.found.complete and job.cells_file.read_bytes() == expected

    for number in count():
        job = planned(f"killed{number}")
        for _ in range(KILLS_A_JOB):
            time.sleep(ground.rng.uniform(0, 3))
            if not (found := processes_of("core.workers.detection", job.path)):
                break
            kill_9(found[0])
            yield ground.killed("scan", f"at {job.written_status.phase}")
            resume(job)
        launcher.follow(job)
        yield ground.trial("scan", "ended", partial(same, job))


def fetch(ground: Ground) -> Iterator[Trial]:
    """The download of a data set, from a stand-in of its server."""
    with serving() as kaggle, pytest.MonkeyPatch.context() as patch:
        isolate(patch, ground.folder, kaggle.address)

        def same() -> None:
            status = Fetch().status
            assert status.state == "succeeded" and status.root is not None, status
            assert all((status.root.parent / n).read_bytes() == c for n, c in FILES.items())

        while True:
            shutil.rmtree(storage.downloads_dir(), ignore_errors=True)
            kaggle.hold_after = ground.rng.choice((None, ground.rng.randrange(len(kaggle.content))))
            launcher.start(Fetch())
            time.sleep(ground.rng.uniform(0, 4))
            phase = Fetch().written_status.phase
            if found := processes_of("core.workers.fetch"):
                for process in found:
                    kill_9(process)
                yield ground.killed("fetch", f"at {phase}")
            kaggle.go.set()
            kaggle.hold_after = None
            resume(Fetch())
            launcher.follow(Fetch())
            kaggle.go.clear()
            yield ground.trial("fetch", "ended", same)
