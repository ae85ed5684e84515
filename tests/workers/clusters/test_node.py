"""What a node refuses, and that a worker ends with the process that holds it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.errors import ClusterError
from core.runs import config, run_store
from core.settings import version
from core.workers import launcher, queue
from core.workers.clusters import node
from core.workers.clusters.cluster import Order
from tests.conftest import PROJECT


def order(folder: Path, **changes: str) -> Order:
    said = {"version": version(), "mark": "config.json", "module": "core.workers.train"} | changes
    return Order(folder=str(folder), environment=launcher.environment(), **said)


def test_another_version_of_blastlens_is_named_with_the_one_that_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=rf"has BlastLens {version()}, .* sent by 0\.0\.9"):
        node.carry_out(order(tmp_path, version="0.0.9"))


def test_a_folder_that_the_node_does_not_see_is_named_with_both_ways_out(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"BLASTLENS_ARTIFACTS .* BLASTLENS_SHIP=1"):
        node.carry_out(order(tmp_path, mark="agent-of-another-disk"))


def test_a_worker_ends_with_the_process_of_the_cluster_that_started_it(tmp_path: Path) -> None:
    run = run_store.create(config.create("cnn-16", tmp_path / "gone", "recommended"))
    # It waits for its turn, behind a run that is being trained.
    before = run_store.create(config.create("cnn-16", tmp_path / "gone", "recommended"))

    def never() -> None:
        raise AssertionError

    with queue.turn(before, never):
        script = (
            "import sys; from core.workers.clusters import node; "
            "from tests.workers.clusters.test_node import order; from pathlib import Path; "
            "node.carry_out(order(Path(sys.argv[1])))"
        )
        command = [sys.executable, "-c", script, str(run.path)]
        process = subprocess.Popen(command, cwd=PROJECT, env=os.environ | launcher.environment())
        deadline = time.monotonic() + 60
        while not (children := psutil.Process(process.pid).children()) or not run.log_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
        process.wait()
        gone, alive = psutil.wait_procs(children, timeout=30)
    assert gone and not alive
