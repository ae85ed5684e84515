"""Runs on a real Ray of this machine."""

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from core.errors import ClusterError
from core.runs import config, run_store
from core.runs.run_store import Run
from core.workers import launcher
from core.workers.clusters import execution_engine
from tests.conftest import PROJECT
from tests.factories import ray_server
from tests.factories.processes import wait_until
from tests.workers.test_stopping import require_same


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with ray_server.serve() as environment:
        yield environment


@pytest.fixture
def on_ray(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(execution_engine.VARIABLE, "ray")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT / "tests" / "factories" / "on_nodes"))


def supervisor(run: Run) -> psutil.Process:
    """The process of Ray that started the worker of a run."""
    (worker,) = (
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[2:4] == ["core.workers.train", str(run.path)]
    )
    return worker.parent()


def test_a_run_whose_node_is_lost_goes_on_and_ends_as_on_this_machine(
    workspace: object, finished_run: Run, on_ray: None
) -> None:
    run = run_store.create(finished_run.config)
    launcher.launch(run)
    wait_until(run, lambda: run.checkpoint_file.exists())
    os.kill(supervisor(run).pid, signal.SIGKILL)
    status = launcher.follow(run)
    assert status.state == "succeeded", (status.error, run.log_file.read_text())
    assert "was lost for the 1. time" in run.log_file.read_text()
    require_same(run, finished_run)
    deadline = time.monotonic() + 10
    while any(run.path.glob("agent-*")):  # its agent ends a moment later
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_run_is_sent_to_nodes_without_a_shared_disk_and_stopped_there(
    workspace: object, finished_run: Run, on_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_SHIP", "1")
    wanted = config.change(finished_run.config, {"epochs": 200})  # it is stopped long before
    run = run_store.create(wanted)
    launcher.launch(run)
    wait_until(run, lambda: run.status.state == "running" and bool(run.status.epoch))
    run.request_stop()
    asked = time.monotonic()
    assert launcher.follow(run).state == "cancelled"
    assert time.monotonic() - asked < 10
    assert "training" in run.log_file.read_text()
    assert run.config == wanted


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ray://127.0.0.1:1", "No Ray answers at ray://127.0.0.1:1"),
        ("ray://127.0.0.1", "must end with :PORT"),
        ("ray://127.0.0.1:99999999", "No Ray answers"),
    ],
)
def test_a_wrong_address_is_a_sentence_at_once(
    address: str, said: str, on_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(execution_engine.VARIABLE, address)
    with pytest.raises(ClusterError, match=said), execution_engine.opened():
        pass
