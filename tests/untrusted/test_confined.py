"""A confined process gets no more memory than it may have, and ends with its caller."""

import subprocess
import sys
import time

import psutil
import pytest

from core.settings import PROJECT

pytestmark = pytest.mark.process
HOARDS = """
from core.untrusted import confined
confined.enter(64 * 2**20)
try:
    bytearray(256 * 2**20)
except MemoryError:
    print("no more")
"""
CALLS = """
import subprocess, sys
script = "from core.untrusted import confined; confined.enter(2**30); print(flush=True); input()"
with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as child:
    print(child.pid, flush=True)
    input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of data on this system")
def test_more_memory_than_allowed_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOARDS], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.stdout == "no more\n", done.stderr


def test_it_ends_with_its_caller() -> None:
    command = [sys.executable, "-c", CALLS]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as caller:
        assert caller.stdout is not None
        said = [caller.stdout.readline().strip() for _ in range(2)]
        confined = psutil.Process(int(next(filter(None, said))))
        caller.kill()
    deadline = time.monotonic() + 30
    while confined.is_running() and confined.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
