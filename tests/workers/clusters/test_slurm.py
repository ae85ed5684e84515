"""Runs on a real SLURM of one node."""

import math
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import storage
from core.errors import ClusterError
from core.runs import config, run_store
from core.workers import launcher
from core.workers.clusters import execution_engine
from tests.factories import slurm
from tests.factories.processes import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("submitit", reason="submitit is not installed; install it to test on it")
    with slurm.serve() as configuration:
        yield configuration


@pytest.fixture(autouse=True)
def _on_slurm(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", server)
    monkeypatch.setenv(execution_engine.VARIABLE, "slurm")


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def queued() -> str:
    listed = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True)
    return listed.stdout


def test_a_worker_runs_as_a_batch_job_and_says_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_CPUS_PER_RUN", "1")
    run = run_store.create(config.create("cnn-16", tmp_path / "gone", "recommended"))
    launcher.launch(run)
    status = launcher.follow(run)
    assert status.state == "failed" and "is not a folder" in (status.error or "")
    assert "running: starting" in run.log_file.read_text()
    wait_for(lambda: not (run.path / "slurm").exists())


def test_a_run_that_waits_says_why_and_leaves_the_queue_when_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_CPUS_PER_RUN", "64")  # more than the node has
    run = run_store.create(config.create("cnn-16", tmp_path / "gone", "recommended"))
    launcher.launch(run)
    wait_until(run, lambda: "pending (" in run.status.phase and bool(queued()))
    run.request_stop()
    assert launcher.follow(run).state == "cancelled"
    wait_for(lambda: not queued())


def test_options_that_slurm_does_not_take_are_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_CPUS_PER_RUN", "1")
    for options, said in (
        ("partition=nowhere", "invalid partition"),
        ("partition", "NAME=VALUE"),
        ("colour=red", "colour"),
    ):
        monkeypatch.setenv("BLASTLENS_SLURM", options)
        run = run_store.create(config.create("cnn-16", tmp_path / "gone", "recommended"))
        launcher.launch(run)
        status = launcher.follow(run)
        assert status.state == "failed" and said in (status.error or ""), status


def test_functions_are_called_as_batch_jobs_and_those_left_are_cancelled(artifacts: Path) -> None:
    with execution_engine.opened() as cluster:
        assert cluster.cores() == 2
        pool = cluster.pool()
        answered, wrong = pool.submit(math.gcd, 12, 18), pool.submit(math.sqrt, -1)
        assert answered.result(60) == 6
        with pytest.raises(ClusterError, match=r"domain|nonnegative"):
            wrong.result(60)
        pool.submit(time.sleep, 300)
        wait_for(lambda: bool(queued()))
        pool.shutdown(cancel_futures=True)
        wait_for(lambda: not queued())
    assert not list(storage.slurm_dir().iterdir())
