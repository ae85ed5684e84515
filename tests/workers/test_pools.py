"""Processes that score on this machine: the pool as it is, which other tests have forks in."""

import os
import time

import pytest

from core.workers import pools


def test_processes_of_a_pool_know_their_share_of_the_cores_and_end_with_it() -> None:
    psutil = pytest.importorskip("psutil")
    with pools.local_pool(1) as pool:
        process = psutil.Process(pool.executor.submit(os.getpid).result())
        assert process.ppid() == os.getpid()
        share = pool.executor.submit(os.getenv, "BLASTLENS_CORES").result()
        assert 1 <= int(share) <= (os.cpu_count() or 1)
    deadline = time.monotonic() + 10
    while process.is_running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not process.is_running()
