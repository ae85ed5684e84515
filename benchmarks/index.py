"""First and second look at a data set, against a bare read and a bare walk over its files.

The first look reads, hashes and decodes every file and finds the duplicates; its peer reads and
hashes the same files, by one thread a core, of which it may take six times the time. What it puts
off, measuring every cell, is timed beside it. The second look, at an unchanged data set, loads the
kept index; its limit is `os.walk` with `os.stat` of each file, of which it may take twice the
time. The files are in the system's page cache; the first look is also measured once without that.

The part "duplicates" measures the search for copies by itself, on images drawn for it.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks import copies
from benchmarks.measure import Figures, Options, alternate, at_most, timed
from benchmarks.tree import tree
from benchmarks.workbench import artifacts, on_all_cores
from core.data import indexing, measures

FIRST_LOOK = at_most("first look over read and hash", 6.0)
SECOND_LOOK = at_most("second look over a bare walk", 2.0)
PARTS = ("looks", "duplicates")
FIRST_ROUNDS, SECOND_ROUNDS = 1, 25


def measure(options: Options) -> Figures:
    """Figures in seconds. `options.rounds` counts the warm rounds of the first look."""
    looks = {} if options.only == "duplicates" else _looks(options)
    searched = {} if options.only == "looks" else {"duplicates": copies.measure(options.images)}
    return looks | searched


def _looks(options: Options) -> dict[str, object]:
    with tree(options.tree, options.images) as drawn, artifacts() as kept:

        def index_anew() -> None:
            shutil.rmtree(kept, ignore_errors=True)
            indexing.index(drawn.root)

        first: dict[str, Callable[[], object]] = {
            "index": index_anew,
            "read_and_hash": lambda: read_and_hash(drawn.paths),
        }
        cold = alternate(first, 1, before=lambda: evict(drawn.paths)) if can_evict() else None
        read_and_hash(drawn.paths)
        warm = alternate(first, options.rounds or FIRST_ROUNDS)
        index = indexing.index(drawn.root)
        measuring = timed(measures.measure, index)
        second = alternate(
            {"index": lambda: indexing.index(drawn.root), "walk": lambda: walk(drawn.root)},
            SECOND_ROUNDS,
        )
    seconds = warm["index"].median
    return {
        "files": len(drawn.files),
        "bytes": int(drawn.files["bytes"].sum()),
        "cells": len(index.cells),
        "rejected": len(index.rejected),
        "exact_pairs": int((index.pairs["kind"] == "exact").sum()),
        "near_pairs": int((index.pairs["kind"] == "near").sum()),
        "first_look_cold_cache": cold,
        "first_look_warm_cache": warm,
        "first_look_cells_per_second": len(index.cells) / seconds,
        "first_look_over_read_and_hash": FIRST_LOOK(seconds / warm["read_and_hash"].median),
        "measuring_seconds": measuring,
        "measured_cells_per_second": len(index.cells) / measuring,
        "second_look": second,
        "second_look_over_walk": SECOND_LOOK(second["index"].median / second["walk"].median),
    }


def read_and_hash(paths: list[str]) -> list[str]:
    """The peer of the first look: SHA-256 of every file, on all cores."""

    return on_all_cores(lambda path: hashlib.sha256(read(path)).hexdigest(), paths)


def read(path: str) -> bytes:
    """The bytes of a file, by the plainest way there is."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def walk(root: Path) -> int:
    """The limit of the second look: the size of all files below `root`."""
    total = 0
    for folder, _, names in os.walk(root):
        for name in names:
            total += os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118
    return total


def can_evict() -> bool:
    """Whether this system lets a process drop its files from the page cache."""
    return hasattr(os, "posix_fadvise")


def evict(paths: list[str]) -> None:
    """Drops the files from the page cache (a disk, or the host of a virtual one, may keep them)."""
    os.sync()
    for path in paths:
        file = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)
