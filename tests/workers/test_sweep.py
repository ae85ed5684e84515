"""Real sweep processes: they finish, stop when asked, are killed and resumed, and train once."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from core import storage
from core.jobs import job
from core.metrics import classification
from core.runs import config, run_store
from core.runs.run_store import Run
from core.settings import settings
from core.tuning import cross_validation, search, sweep_store
from core.tuning.sweep_store import Plan, Sweep
from core.workers import launcher
from tests.conftest import CELLS, PROJECT
from tests.factories import executor
from tests.factories.processes import crowding

SMALL = {"epochs": 1, "precision": "float32", "batch_size": 16}


def small(root: Path, **settings: Any) -> config.RunConfig:
    return config.create("compact", root, "recommended", **SMALL | settings)


def searching(base: config.RunConfig, trials: int, name: str) -> Sweep:
    space = search.choose(base, ["learning_rate", "batch_size"])
    return sweep_store.create(
        Plan(kind="search", base=base, trials=trials, space=space, pruning=False), name
    )


def wait_until(true: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def worker_of(sweep: Sweep) -> psutil.Process:
    (worker,) = (
        process
        for process in psutil.process_iter(["cmdline"])
        if str(sweep.path) in (process.info["cmdline"] or [])
    )
    return worker


def interrupted(patch: pytest.MonkeyPatch, sweep: Sweep) -> None:
    """A silent worker of a sweep reads as interrupted at once."""
    soon = replace(settings(), heartbeat_stale_seconds=0.0)
    patch.setattr(job, "settings", lambda: soon)
    time.sleep(0.01)
    assert sweep.status.state == "interrupted"


def test_a_cross_validation_whose_worker_is_killed_is_resumed_and_trains_each_fold_once(
    demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = sweep_store.create(Plan(kind="cross-validation", base=small(demo_root, folds=3)), "cv")
    launcher.launch(sweep)
    wait_until(lambda: sweep.current and sweep.current.status.state == "running")
    worker = worker_of(sweep)
    worker.kill()
    worker.wait(5)
    with monkeypatch.context() as patch:
        interrupted(patch, sweep)
        launcher.resume(sweep)  # the first fold's own process still trains: it is joined
    status = launcher.follow(sweep)
    assert (status.state, status.error, status.done) == ("succeeded", None, 3)
    assert [run.run_id for run in sweep.runs] == ["cv-fold-0", "cv-fold-1", "cv-fold-2"]
    assert all(list(run.history["epoch"]) == [1] for run in sweep.runs)
    found = sweep.results
    assert found == cross_validation.results(sweep) and found is not None
    assert found.pooled.images == CELLS and found.leaking is False
    tested = [set(run.predictions.query("split == 'test'")["group"]) for run in sweep.runs]
    assert sum(map(len, tested)) == len(set.union(*tested))
    assert set(found.metrics) == set(classification.NAMES)


def test_a_search_stops_within_two_seconds_and_goes_on_where_it_was(demo_root: Path) -> None:
    sweep = searching(small(demo_root, sample=40), 2, "tune")
    launcher.launch(sweep)
    second = Run(storage.runs_dir() / sweep.run_id(1))
    wait_until(lambda: second.path.exists() and second.status.state == "running")
    asked = time.monotonic()
    sweep.request_stop()
    status = launcher.follow(sweep)
    assert status.state == "cancelled" and time.monotonic() - asked < 3 * crowding()
    assert run_store.get(sweep.run_id(0)).status.state == "succeeded"
    wait_until(lambda: second.status.state == "cancelled")
    trained = (sweep.runs[0].path / "metrics.json").stat().st_mtime_ns
    launcher.resume(sweep)
    status = launcher.follow(sweep)
    assert (status.state, status.error, status.done) == ("succeeded", None, 2)
    assert (sweep.runs[0].path / "metrics.json").stat().st_mtime_ns == trained
    found = sweep.results
    assert found is not None
    assert [row.state for row in found.trials] == ["finished", "finished"]
    for row, run in zip(found.trials, sweep.runs, strict=True):
        assert row.value == pytest.approx(search.objective(run))
        assert run.config.batch_size == row.settings["batch_size"]


def start(sweep: Sweep, seconds: float) -> subprocess.Popen[bytes]:
    """A worker with an executor other than the local one; its runs end with it."""
    command = [sys.executable, "-m", "tests.factories.executor", str(sweep.path), str(seconds)]
    environment = launcher.environment()
    return subprocess.Popen(command, cwd=PROJECT, env=environment)


def test_after_kill_9_anywhere_nothing_is_trained_twice(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.sweeps_dir().mkdir(parents=True)
    base = executor.base(artifacts, epochs=6, seed=4)  # of which no trial draws too high a rate
    whole, killed = (searching(base, 4, name) for name in ("whole", "killed"))
    executor.work(whole, executor.Executor(measures=False))
    worker = start(killed, 0.15)
    reached = Run(storage.runs_dir() / killed.run_id(1))
    wait_until(lambda: reached.path.exists() and len(reached.history) >= 2)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(5)
    kept = len(reached.history)
    assert killed.status.done == 1 and reached.status.unfinished
    with monkeypatch.context() as patch:
        interrupted(patch, killed)
        killed.requeue()
    worker = start(killed, 0.02)
    assert worker.wait(60) == 0
    assert killed.status.state == "succeeded", killed.status.error
    launched = (storage.sweeps_dir() / "launched.log").read_text().split()
    times = Counter(name for name in launched if name.startswith("killed"))
    assert times == {killed.run_id(n): 2 if n == 1 else 1 for n in range(4)}
    assert kept < 6 and list(reached.history["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert killed.results is not None and whole.results is not None
    assert [(row.settings, row.value) for row in killed.results.trials] == [
        (row.settings, row.value) for row in whole.results.trials
    ]


def test_a_second_worker_gives_way_to_the_first(artifacts: Path) -> None:
    storage.sweeps_dir().mkdir(parents=True)
    sweep = searching(executor.base(artifacts, epochs=500), 3, "one")
    first = start(sweep, 0.05)
    wait_until(lambda: sweep.current)
    assert start(sweep, 0.05).wait(30) == 0
    assert sweep.status.state == "running"
    asked = time.time()
    sweep.request_stop()
    assert first.wait(30) == 0
    status = sweep.status
    assert status.state == "cancelled" and status.finished is not None
    assert status.finished - asked < 2 * crowding()
    launched = (storage.sweeps_dir() / "launched.log").read_text().split()
    assert launched == [sweep.run_id(0)]


def test_inputs_that_are_missing_end_it_with_a_sentence_before_anything_trains(
    artifacts: Path, tmp_path: Path
) -> None:
    storage.sweeps_dir().mkdir(parents=True)
    base = executor.base(tmp_path / "nowhere", folds=3)
    sweep = sweep_store.create(Plan(kind="cross-validation", base=base), "cv")
    assert executor.work(sweep).launched == []
    assert sweep.status.state == "failed" and "is not a folder" in (sweep.status.error or "")


def test_a_run_stopped_by_hand_stops_its_sweep(artifacts: Path) -> None:
    storage.sweeps_dir().mkdir(parents=True)
    sweep = sweep_store.create(
        Plan(kind="cross-validation", base=executor.base(artifacts, folds=3)), "cv"
    )

    def stop(run: Run, epoch: int) -> None:
        if run.config.fold == 1:
            run.request_stop()

    executor.work(sweep, executor.Executor(before_epoch=stop))
    assert sweep.status.state == "cancelled" and len(sweep.runs) == 2
    sweep.requeue()
    assert executor.work(sweep).launched == ["cv-fold-1", "cv-fold-2"]
    assert sweep.status.state == "succeeded"


@pytest.mark.parametrize("kind", ["cross-validation", "search"])
def test_folds_and_trials_go_side_by_side_each_once_with_the_results_of_one_by_one(
    kind: str, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.sweeps_dir().mkdir(parents=True)
    results: list[Any] = []
    for places in (1, 3):
        monkeypatch.setenv("BLASTLENS_RUNS_AT_ONCE", str(places))
        name = f"{kind}-{places}"
        if kind == "search":
            sweep = searching(executor.base(artifacts), 4, name)
        else:
            plan = Plan(kind=kind, base=executor.base(artifacts, folds=4))
            sweep = sweep_store.create(plan, name)
        most: list[int] = []

        def look(run: Run, epoch: int, sweep: Sweep = sweep, most: list[int] = most) -> None:
            most.append(sum(run.status.state == "running" for run in sweep.unfinished))

        done = executor.work(sweep, executor.Executor(seconds=0.05, before_epoch=look))
        assert sweep.status.state == "succeeded", sweep.status.error
        assert sweep.status.done == 4 and sorted(done.launched) == sorted(set(done.launched))
        assert len(done.launched) == 4 and max(most) <= places
        assert (max(most) > 1) == (places > 1)
        results.append(sweep.results)
    alone, together = results
    if kind == "search":  # the first ten trials do not depend on one another
        assert [(t.settings, t.value) for t in alone.trials] == [
            (t.settings, t.value) for t in together.trials
        ]
    else:
        assert alone.metrics == together.metrics and alone.pooled == together.pooled


def test_a_failed_fold_starts_no_more_and_those_beside_it_end(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_RUNS_AT_ONCE", "2")
    storage.sweeps_dir().mkdir(parents=True)
    sweep = sweep_store.create(
        Plan(kind="cross-validation", base=executor.base(artifacts, folds=4)), "cv"
    )
    failing = executor.Executor(seconds=0.1, fails=lambda wanted: wanted.fold == 0)
    executor.work(sweep, failing)
    assert sweep.status.state == "failed" and "Fold 1 failed" in (sweep.status.error or "")
    assert [run.status.state for run in sweep.runs] == ["failed", "succeeded"]


def test_a_stop_ends_all_runs_under_way(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLASTLENS_RUNS_AT_ONCE", "3")
    storage.sweeps_dir().mkdir(parents=True)
    base = executor.base(artifacts, folds=4, epochs=500)
    sweep = sweep_store.create(Plan(kind="cross-validation", base=base), "cv")

    def stop(run: Run, epoch: int) -> None:
        if epoch == 3 and len(sweep.unfinished) == 3:
            sweep.request_stop()

    executor.work(sweep, executor.Executor(seconds=0.05, before_epoch=stop))
    assert sweep.status.state == "cancelled"
    wait_until(lambda: not sweep.unfinished, 10)
    assert [run.status.state for run in sweep.runs] == ["cancelled"] * 3
