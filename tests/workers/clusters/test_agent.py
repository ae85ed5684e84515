"""The agent of a job, on a cluster of a few lines: it waits, stops, and submits again."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.errors import ClusterError
from core.jobs.job import Status
from core.runs import config, run_store
from core.runs.run_store import Run
from core.workers.clusters import agent
from core.workers.clusters.cluster import Order

MODULE = "core.workers.train"


@dataclass
class FakeTask:
    """A task that has ended if `error` or `lost` says so, or when it is cancelled."""

    ended: bool = True
    error: str | None = None
    lost: bool = False
    place: str = "waiting for nodes"

    def cancel(self) -> None:
        self.ended = True


@dataclass
class FakeCluster:
    """Answers each order with the next task, after doing what a worker would do."""

    tasks: list[FakeTask]
    act: Callable[[int], None] = lambda number: None
    standing: bool = True
    orders: list[Order] = field(default_factory=list)

    def submit(self, order: Order, job: Run) -> FakeTask:
        assert (Path(order.folder) / order.mark).exists()
        self.orders.append(order)
        self.act(len(self.orders))
        return self.tasks[len(self.orders) - 1]


@pytest.fixture
def run() -> Run:
    return run_store.create(config.create("cnn-16", Path("data"), "recommended"), "first")


def test_a_worker_that_ends_its_job_is_left_alone(run: Run) -> None:
    cluster = FakeCluster([FakeTask()], lambda number: run.finish("succeeded") and None)
    agent.tend(run, MODULE, cluster)
    assert run.status.state == "succeeded" and len(cluster.orders) == 1
    assert {file.name for file in run.path.iterdir()} == {"config.json", "status.json"}


def test_a_node_has_the_settings_of_here_but_starts_nothing_on_the_cluster(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLASTLENS_ENGINE", "ray")
    monkeypatch.setenv("UNRELATED", "1")
    for standing in (True, False):
        cluster = FakeCluster([FakeTask()], lambda n: run.finish("failed") and None, standing)
        agent.tend(run, MODULE, cluster)
        passed = cluster.orders[0].environment
        assert passed["BLASTLENS_ENGINE"] == "local" and "UNRELATED" not in passed
        assert passed["BLASTLENS_ARTIFACTS"] == str(run.path.parent.parent)
        # In a cluster of this process alone, runs of others wait in this machine's queue.
        assert passed["BLASTLENS_SCHEDULED"] == str(int(standing))
        run.write_status(Status())


def test_a_lost_worker_is_submitted_again_and_its_run_waits_meanwhile(run: Run) -> None:
    states = []

    def work(number: int) -> None:
        states.append(run.written_status.state)
        running = run.written_status.replace(state="running")
        run.write_status(running)
        if number == 3:
            run.finish("succeeded")
        else:  # its heart stood still long ago
            run.write_status(running.replace(heartbeat=time.time() - 3600))

    lost = FakeTask(lost=True, error="The node died.")
    agent.tend(run, MODULE, FakeCluster([lost, lost, FakeTask()], work))
    assert states == ["queued"] * 3
    assert run.status.state == "succeeded"


def test_a_job_queued_again_while_its_task_ends_is_left_to_the_next_agent(run: Run) -> None:
    def work(number: int) -> None:
        run.finish("cancelled")
        run.requeue()

    agent.tend(run, MODULE, FakeCluster([FakeTask(error="ended late")], work))
    assert run.status.state == "queued" and run.status.error is None


def test_a_worker_lost_again_and_again_fails_with_the_reason(run: Run) -> None:
    tasks = [FakeTask(lost=True, error="The node has no memory left.")] * agent.MOST_LOSSES
    with pytest.raises(ClusterError, match=r"no memory left\. Resume it"):
        agent.tend(run, MODULE, FakeCluster(tasks))


def test_what_a_node_refuses_is_not_tried_again(run: Run) -> None:
    cluster = FakeCluster([FakeTask(error="Node a has BlastLens 0.1.")])
    with pytest.raises(ClusterError, match=r"Node a has BlastLens 0\.1"):
        agent.tend(run, MODULE, cluster)


def test_a_queued_job_shows_what_it_waits_for_stays_alive_and_can_be_stopped(run: Run) -> None:
    run.write_status(Status(heartbeat=time.time() - 39))
    task = FakeTask(ended=False)
    tending = threading.Thread(target=agent.tend, args=(run, MODULE, FakeCluster([task])))
    tending.start()
    deadline = time.monotonic() + 10
    while run.status.phase != "waiting for nodes" and time.monotonic() < deadline:
        time.sleep(0.01)
    status = run.status
    assert (status.state, status.phase) == ("queued", "waiting for nodes")
    assert time.time() - status.heartbeat < 5
    run.request_stop()
    tending.join(5)
    assert not tending.is_alive() and task.ended
    assert run.status.state == "cancelled"


def test_a_run_that_another_worker_has_is_waited_for(run: Run) -> None:
    """As after the agent of a batch job was killed, and the run resumed."""
    run.write_status(Status(state="running"))
    ending = threading.Timer(0.6, run.finish, ["succeeded"])
    ending.start()
    agent.tend(run, MODULE, FakeCluster([FakeTask()]))
    assert run.status.state == "succeeded"
