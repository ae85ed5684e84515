"""Processes that score chunks of a cohort: those of this machine, or of the chosen cluster.

A pool has a `concurrent.futures.Executor`, and is opened by a function of the number of workers,
None for as many as suit. One whose worker died raises `BrokenExecutor`; a new one is opened then.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from core.runs import environment
from core.workers import worker
from core.workers.clusters import execution_engine

# One holds the engine, a field and what decodes it.
WORKER_GIB = 1.0


@dataclass(frozen=True)
class Pool:
    """Where functions are called, and by how many workers."""

    executor: Executor
    workers: int


OpenPool = Callable[[int | None], AbstractContextManager[Pool]]


def open_pool(workers: int | None) -> AbstractContextManager[Pool]:
    """The pool of the chosen engine. Raises `ConfigError` or `ClusterError` if it has none."""
    return local_pool(workers) if execution_engine.is_local() else cluster_pool(workers)


@contextmanager
def cluster_pool(workers: int | None) -> Iterator[Pool]:
    """Workers of the chosen cluster; None for one a core that it has now."""
    with execution_engine.opened() as cluster:
        executor = cluster.pool()
        try:
            yield Pool(executor, workers or cluster.cores())
        finally:
            executor.shutdown(cancel_futures=True)


def default_workers() -> int:
    """One process a core, as far as memory allows."""
    memory = environment.describe().memory_gib
    most = max(1, int(memory / WORKER_GIB)) if memory else 1
    return min(_cores(), most)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local_pool(workers: int | None) -> Iterator[Pool]:
    """Processes of this machine, which share its cores; they end with the block, whatever they do.

    They also end, within a moment, if the process that opened them is killed.
    """
    number = workers or default_workers()
    context = multiprocessing.get_context("spawn")
    # Nothing is ever sent: its end closes when this process closes it, or dies.
    ending, held = context.Pipe(duplex=False)
    given = (ending, max(1, _cores() // number))
    pool = ProcessPoolExecutor(number, context, _begin, given)
    try:
        yield Pool(pool, number)
    finally:
        held.close()
        pool.shutdown(wait=True, cancel_futures=True)
        ending.close()


def _begin(ending: Connection, cores: int) -> None:
    """Prepares a process of the pool."""
    threading.Thread(target=_end_with, args=(ending,), daemon=True).start()
    os.environ.setdefault("BLASTLENS_CORES", str(cores))
    worker.start_log()
    worker.step_back()


def _end_with(ending: Connection) -> None:
    try:
        ending.recv_bytes()
    except (EOFError, OSError):
        os._exit(0)
