"""Processes that use the database of a test: forks of one that has imported what they need."""

import multiprocessing
import os
from typing import Any

import pytest

CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()
need_forks = pytest.mark.skipif(not CAN_FORK, reason="this system cannot fork")
PROCESSES: Any = multiprocessing.get_context("forkserver" if CAN_FORK else "spawn")
if CAN_FORK:  # the process that forks has no connection
    PROCESSES.set_forkserver_preload(
        ["benchmarks.cases", "core.cases.signing", "tests.factories.cases", "scipy.stats"]
    )


def place() -> dict[str, str]:
    """Where this test's database is; a fork of the server has the environment of another test."""
    names = ("BLASTLENS_ARTIFACTS", "BLASTLENS_DATABASE_URL")
    return {name: os.environ.get(name, "") for name in names}
