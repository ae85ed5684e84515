"""Freed memory goes back to the system: glibc is asked in a process of its own."""

import ctypes
import subprocess
import sys

import pytest

from core import memory
from core.settings import PROJECT

SCRIPT = """
import numpy as np, psutil
from core import memory
memory.keep_little()
held = lambda: psutil.Process().memory_info().rss / 2**20
freed = np.ones(20 * 2**20, np.uint8)
del freed  # of itself, glibc now keeps blocks of up to 20 MiB
before = held()
blocks = [np.ones(16 * 2**20, np.uint8) for _ in range(4)]
kept = np.ones(2**17, np.uint8)
del blocks
large = held() - before
blocks = [np.ones(2**20, np.uint8) for _ in range(64)]
kept = [kept, np.ones(2**17, np.uint8)]
del blocks
memory.give_back()
print(large, held() - before)
"""


@pytest.mark.process
def test_large_blocks_go_back_at_once_and_the_others_when_asked() -> None:
    pytest.importorskip("psutil")
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("another C library")
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    large, others = map(float, said.stdout.split())
    assert large < 16 and others < 16


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory.keep_little()
    memory.give_back()
