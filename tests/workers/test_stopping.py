"""Runs that are stopped, killed and resumed: they end as asked, or as if nothing had been."""

import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core import locks, storage
from core.errors import ConfigError, RunError
from core.jobs import job
from core.jobs.job import Status, Taken
from core.runs import config, environment, run_store
from core.runs.run_store import Run
from core.workers import launcher, queue, train, worker
from tests.conftest import PROJECT
from tests.factories import forked
from tests.factories.processes import (
    contents,
    crowding,
    end,
    half_written,
    kill,
    processes,
    require_same,
    stale_at_once,
    start,
    wait_for_phase,
    wait_until,
    wait_while_processes_end,
)

SECONDS_TO_STOP = 2.0
# With dropout, batches enough for a rest, and a schedule that knows how far it is.
CONFIG = {"sample": 36, "epochs": 5, "batch_size": 8, "precision": "float32", "seed": 4}


@pytest.fixture
def earlier(artifacts: Path) -> Iterator[Run]:
    """A finished run of before, which must stay as it is."""
    name = "demo-cnn-16"
    shutil.copytree(PROJECT / "artifacts" / "runs" / name, storage.runs_dir() / name)
    run = run_store.get(name)
    before = contents(run.path)
    yield run
    assert contents(run.path) == before


@pytest.fixture(scope="module")
def straight(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nobody disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path_factory.mktemp("straight")))
        run = start(demo_root, "cnn-dropout", **CONFIG)
        end(run)
    assert run.status.state == "succeeded", run.status.error
    return run


def stop(run: Run, *, alone: bool = True) -> None:
    """Stops a run: within two seconds, and, where no other one is at work, nothing half-written."""
    run.request_stop()
    seconds = end(run)
    assert run.status.state == "cancelled", run.status
    assert seconds < SECONDS_TO_STOP * crowding(), run.status
    deadline = time.monotonic() + 10
    while processes(run) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not processes(run)
    assert half_written(run) == [] or not alone
    assert run.metrics is None


def test_a_run_stops_within_two_seconds_in_every_phase_and_can_be_resumed(
    demo_root: Path, earlier: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = CONFIG | {"sample": 108}  # or decoding would be over before it is seen
    run = start(demo_root, "compact", **more)
    behind = start(demo_root, "compact", **more)
    wait_for_phase(run, "indexing the data set")
    wait_until(behind, lambda: (behind.path / "worker.lock").exists())
    time.sleep(1)  # its worker has seen that it must wait
    assert behind.status.state == "queued"
    stop(behind, alone=False)
    stop(run)
    assert behind.history.empty and behind.status.started is None
    # A quick machine has decoded before it is stopped; then there would be nothing to see.
    shutil.rmtree(storage.pixels_dir("any").parent, ignore_errors=True)
    for phase in ("decoding images", "loading TensorFlow", "training", "exporting"):
        with monkeypatch.context() as patch:
            if phase == "loading TensorFlow":  # a fork has it already
                patch.setattr(forked, "OURS", ())
            launcher.resume(run)
        wait_for_phase(run, phase)
        if phase == "training":
            wait_until(run, lambda: len(run.history) >= 1)
        stop(run)
    assert len(run.history) == CONFIG["epochs"]
    assert run.checkpoint_file.exists()
    restarted = (
        "from core.runs import run_store; print(*(r.status.state for r in run_store.runs()))"
    )
    app = [sys.executable, "-c", restarted]
    found = subprocess.run(app, cwd=PROJECT, capture_output=True, text=True).stdout.split()
    assert sorted(found) == ["cancelled", "cancelled", "succeeded"]


def test_a_run_killed_at_random_points_and_resumed_ends_like_one_left_alone(
    demo_root: Path, earlier: Run, straight: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(20)
    run = start(demo_root, "cnn-dropout", **CONFIG)
    finished: list[dict[str, object]] = []
    for epochs, phase in ((1, "training"), (chance.randint(2, 3), "training"), (5, "exporting")):
        wait_until(run, lambda n=epochs, p=phase: len(run.history) >= n and run.status.phase == p)
        # The worker has no such folder: nobody would remove it if the worker were killed last.
        assert len([*run.path.glob(".temporary*")]) <= 1
        time.sleep(chance.uniform(0, 0.15))
        if kill(run, "core.workers.trainer"):
            end(run)
        if run.status.state != "succeeded":  # it may have been faster
            assert run.status.state == "failed" and "memory" in (run.status.error or "")
            assert "Resume it to " in (run.status.error or "")
            wait_while_processes_end(run)
            assert half_written(run) == []
            rows = run.history.to_dict("records")
            # An epoch's row stands before its checkpoint does; nothing else is trained twice.
            assert rows[: max(len(finished) - 1, 0)] == finished[: max(len(finished) - 1, 0)]
            finished = rows
            launcher.resume(run)
    assert len(finished) == 5
    last = {"building the network", "training", "exporting"}
    wait_until(run, lambda: run.status.phase in last, what=last)
    kill(run, "core.workers.train")
    wait_while_processes_end(run)  # the trainer notices
    assert half_written(run) == []
    with monkeypatch.context() as patch:
        patch.setattr("core.jobs.job.settings", stale_at_once)
        time.sleep(0.01)
        assert run.status.state == "interrupted"
        assert "Resume it" in (run.status.error or "")
        launcher.resume(run)
    end(run)
    assert run.status.state == "succeeded", run.status.error
    require_same(run, straight)
    assert not run.checkpoint_file.exists()


def test_first_come_first_served_and_one_at_a_time(tmp_path: Path) -> None:
    """With runs that fail at once, for their data set is not there."""
    chosen = config.create("cnn-16", tmp_path / "gone", "recommended")
    runs = [run_store.create(chosen) for _ in range(3)]
    for run in runs:
        queue.join(run)
    for run in reversed(runs):  # the first to be queued is the last to have a process
        launcher.launch(run)
    for run in runs:
        assert launcher.follow(run).state == "failed"
    times = [(run.status.started or 0, run.status.finished or 0) for run in runs]
    assert times == sorted(times)
    for (_, finished), (started, _) in itertools.pairwise(times):
        assert finished <= started
    wait_while_processes_end(runs[-1])
    assert list((storage.runs_dir() / ".queue").iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "cores", "gib", "runs"),
    [
        ("1", 64, 64, 1),
        ("5", 2, 4, 5),
        ("auto", 2, 64, 1),
        ("auto", 64, 8, 2),
        ("auto", 8, 64, 4),
        ("auto", 1, 1, 1),
    ],
)
def test_how_many_runs_go_side_by_side_follows_from_cores_and_memory(
    setting: str, cores: int, gib: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_RUNS_AT_ONCE", setting)
    machine = environment.describe().replace(cores=cores, memory_gib=gib)
    monkeypatch.setattr(environment, "describe", lambda: machine)
    assert queue.runs_at_once() == runs


@pytest.mark.parametrize("setting", ["0", "-1", "1.5", "many"])
def test_a_setting_that_is_no_number_of_runs_is_refused(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_RUNS_AT_ONCE", setting)
    with pytest.raises(ConfigError, match="auto or a whole number of at least 1"):
        queue.runs_at_once()


def test_as_many_runs_have_their_turn_as_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_RUNS_AT_ONCE", "2")
    chosen = config.create("cnn-16", tmp_path, "recommended")
    first, second, third = (run_store.create(chosen) for _ in range(3))
    for run in (first, second, third):
        queue.join(run)

    def give_up() -> None:
        raise TimeoutError

    with queue.turn(second, give_up), pytest.raises(TimeoutError), queue.turn(third, give_up):
        pass
    with ExitStack() as turns:
        turns.enter_context(queue.turn(second, give_up))
        turns.enter_context(queue.turn(first, give_up))
        queue.join(third)
        with pytest.raises(TimeoutError), queue.turn(third, give_up):
            pass


def test_places_of_the_dead_are_passed_over_and_a_resumed_run_waits_for_none_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = config.create("cnn-16", tmp_path / "gone", "recommended")
    dead, deleted, resumed = (run_store.create(chosen) for _ in range(3))
    old = [queue.join(run) for run in (dead, deleted, resumed)]
    dead.write_status(Status(queued=dead.status.queued, heartbeat=time.time() - 3600))
    shutil.rmtree(deleted.path)
    resumed.write_status(Status(state="failed", queued=resumed.status.queued))
    resumed.requeue()
    launcher.launch(resumed)
    end(resumed, seconds=60)
    assert "is not a folder" in (resumed.status.error or "")
    assert not any(ticket.exists() for ticket in old)


def test_a_resumed_run_goes_to_the_end_of_the_queue(tmp_path: Path) -> None:
    chosen = config.create("cnn-16", tmp_path / "gone", "recommended")
    first, second = (run_store.create(chosen) for _ in range(2))
    places = [queue.join(first)]
    first.write_status(Status(state="cancelled", queued=first.status.queued))
    places.append(queue.join(second))
    first.request_stop()
    first.requeue()
    assert not first.stop_requested
    places.append(queue.join(first))
    assert sorted(place.name for place in places) == [place.name for place in places]
    assert queue._before(places[2]) == 1
    second.write_status(Status(state="succeeded", queued=second.status.queued))
    assert queue._before(places[2]) == 0


def test_a_run_resumed_while_its_worker_still_ends_is_left_to_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_store.create(config.create("cnn-16", tmp_path, "recommended"))
    kept = run.path / f".status.json{storage.mark(os.getppid())}0"  # as another process writes it

    def stopped_and_resumed(run: Run) -> int:
        assert run.finish("cancelled")  # as its trainer does
        run.requeue()
        kept.touch()
        return 0

    monkeypatch.setattr(train, "watch_trainer", stopped_and_resumed)
    worker.carry_out(run, train.work)
    assert run.status.state == "queued" and run.status.started is None and kept.exists()
    worker.carry_out(run, lambda run, reporter: None)
    assert run.status.state == "succeeded"


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
def test_only_a_run_that_ended_before_its_time_can_be_resumed(state: str, tmp_path: Path) -> None:
    run = run_store.create(config.create("cnn-16", tmp_path, "recommended"))
    run.write_status(Status(state=state))
    with pytest.raises(RunError, match=f"is {state}; there is nothing to resume"):
        launcher.resume(run)


def test_a_second_worker_of_a_run_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that wakes up shows its runs as interrupted, though their workers go on."""
    monkeypatch.setattr(job, "ENDING_SECONDS", 0.3)
    run = run_store.create(config.create("cnn-16", tmp_path / "gone", "recommended"))
    with locks.lock(run.path / "worker"), pytest.raises(Taken):
        worker.perform(run, train.work)
    assert run.status.state == "queued"
    worker.perform(run, train.work)
    assert run.status.state == "failed"
    shutil.rmtree(run.path)
    worker.perform(run, train.work)
    assert not run.path.exists()
