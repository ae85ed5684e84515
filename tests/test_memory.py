"""Freed memory goes back to the system, and what lasts is spared; each in a process of its own."""

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


SPARING = """
import gc, weakref
from core import memory
class Node: pass
one, other = Node(), Node()
one.other, other.other = other, one
held = weakref.ref(one)
usual, memory.SETTLED_SECONDS = memory.SETTLED_SECONDS, 0.0
memory.settle()
memory.SETTLED_SECONDS = usual
spared = gc.get_freeze_count()
most = spared > 0.9 * (spared + len(gc.get_objects()))
del one, other
gc.collect()
memory.settle()  # nothing has been loaded since
kept = held() is not None
memory.SETTLED_SECONDS = 0.0
memory.settle()
print(most, kept, held() is not None)
"""


def said_by(script: str) -> str:
    """What a new process prints."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.process
def test_large_blocks_go_back_at_once_and_the_others_when_asked() -> None:
    pytest.importorskip("psutil")
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("another C library")
    large, others = map(float, said_by(SCRIPT).split())
    assert large < 16 and others < 16


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory.keep_little()
    memory.give_back()


@pytest.mark.process
def test_what_lasts_is_spared_and_garbage_among_it_goes_next_time() -> None:
    """Of two objects that hold each other, which the collector alone frees."""
    assert said_by(SPARING) == "True True False"
