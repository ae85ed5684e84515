"""Real fetching processes: they finish, stop, resume, give way, and fail in words."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.data.fetch_job import Fetch
from core.jobs import job
from core.jobs.job import Status
from core.settings import PROJECT, settings
from core.workers import launcher
from tests.cli.test_command_line import document, run
from tests.factories.kaggle_server import FILES, Kaggle, isolate, serving
from tests.factories.processes import crowding


@pytest.fixture(autouse=True)
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    with serving() as server:
        isolate(monkeypatch, tmp_path, server.address)
        yield server
        for process in workers():
            process.kill()
            process.wait(5)


def workers() -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if {"core.workers.fetch", str(Fetch().path)} <= set(process.info["cmdline"] or [])
    ]


def wait_until(true: Callable[[Status], bool], seconds: float = 60) -> Status:
    deadline = time.monotonic() + seconds
    while not true(Fetch().status):
        assert time.monotonic() < deadline, Fetch().status
        time.sleep(0.02)
    return Fetch().status


def half_way(status: Status) -> bool:
    return status.phase == "downloading" and status.done >= 2**20


def test_a_fetch_that_is_cut_says_so_and_the_next_one_resumes_and_finishes(kaggle: Kaggle) -> None:
    kaggle.cut_after = len(kaggle.content) // 2
    launcher.start(Fetch())
    status = launcher.follow(Fetch())
    assert status.state == "failed" and "broke" in (status.error or ""), status
    kaggle.cut_after = None
    launcher.start(Fetch())
    status = launcher.follow(Fetch())
    assert status.state == "succeeded" and status.error is None, status
    assert kaggle.ranges[0] is None and (kaggle.ranges[-1] or "").startswith("bytes=")
    assert status.root is not None
    assert all((status.root.parent / name).read_bytes() == c for name, c in FILES.items())
    asked = len(kaggle.ranges)
    assert launcher.start(Fetch()) == status and not workers()
    assert len(kaggle.ranges) == asked


def test_a_second_process_gives_way_and_a_stop_keeps_what_was_had(kaggle: Kaggle) -> None:
    kaggle.hold_after = 5 * 2**19
    launcher.start(Fetch())
    wait_until(half_way)
    assert launcher.start(Fetch()).state == "running" and len(workers()) == 1
    second = [sys.executable, "-m", "core.workers.fetch"]
    said = subprocess.run(
        second, cwd=PROJECT, env=launcher.environment(), capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0 and "Another process is fetching" in said.stdout, said
    assert Fetch().status.state == "running"
    asked = time.monotonic()
    Fetch().request_stop()
    status = launcher.follow(Fetch())
    assert status.state == "cancelled" and status.done >= 2**20
    assert time.monotonic() - asked < 3 * crowding()
    kaggle.hold_after = None
    launcher.start(Fetch())  # at once, while the first may still be ending
    assert launcher.follow(Fetch()).state == "succeeded"
    assert (kaggle.ranges[-1] or "").startswith("bytes=")


def test_a_killed_worker_reads_as_interrupted_and_the_next_one_resumes(
    kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    kaggle.hold_after = 5 * 2**19
    launcher.start(Fetch())
    wait_until(half_way)
    (worker,) = workers()
    worker.kill()
    worker.wait(5)
    with monkeypatch.context() as patch:
        impatient = replace(settings(), heartbeat_stale_seconds=0.0)
        patch.setattr(job, "settings", lambda: impatient)
        time.sleep(0.01)
        status = Fetch().status
        assert status.state == "interrupted" and "Try again" in (status.error or "")
        kaggle.hold_after = None
        launcher.start(Fetch())
    assert launcher.follow(Fetch()).state == "succeeded"
    assert (kaggle.ranges[-1] or "").startswith("bytes=")


@pytest.mark.parametrize("network", ["refused", "unknown name"])
def test_without_a_network_it_fails_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
    isolate(monkeypatch, tmp_path, closed if network == "refused" else "http://nowhere.invalid:9")
    launcher.start(Fetch())
    status = launcher.follow(Fetch())
    assert status.state == "failed"
    assert status.error is not None
    assert status.error.startswith("Kaggle cannot be reached. Check the network connection")
    assert "by hand and give its folder" in status.error


def test_the_verb_fetches_and_says_where_it_is_or_why_not(kaggle: Kaggle) -> None:
    kaggle.cut_after = len(kaggle.content) // 2
    assert "broke" in run("fetch", status=2).stderr
    kaggle.cut_after = None
    told = document("fetch")
    assert told["status"] == "succeeded" and Path(told["dataset"]).is_dir()
