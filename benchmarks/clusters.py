"""Ray: rate against one process of this machine, overhead, kills, and folds that are the same.

A Ray of this machine has one worker a core. Files of demo cells are those of `benchmarks score`:
`--images` of them (10,000 without it).

- scoring: the cohort by one process on one core, by as many as this machine has, and by Ray. The
  limit is what the cores allow: bare loops of decoding and engine, one a core, against one alone.
  The tables must be the same, numbers to a millionth, because batches may round.
- kills: five kills of a random worker of Ray while a tenth is scored; no picture may be lost or
  doubled.
- folds: a cross-validation of five folds on Ray, one core each, and on this machine.
"""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.measure import Figures, Options, at_least, at_most, measure_parts, say
from benchmarks.score import KILLS, RUN, bare_loop, drawn_cells, lost, scored
from benchmarks.workbench import artifacts, synthetic_cells, variable
from core import storage
from core.cohort.cohort import Cohort
from core.errors import RunError
from core.runs import config
from core.settings import PROJECT
from core.tuning import sweep_store
from core.tuning.sweep_store import Plan, Sweep
from core.workers import launcher
from core.workers.clusters import execution_engine

IMAGES, FOLDS, FOLD_CELLS = 10_000, 5, 120
KILL_EVERY_SECONDS = 2.0
OF_CORES = at_least("rate of Ray over one process, of what bare loops gain by the cores", 0.85)
DIFFERENT = at_most("rows that differ between Ray and this machine", 0)
LOST = at_most("pictures lost or doubled by {} kills", 0)
APART = at_most("folds that differ between Ray and this machine", 0)


def measure(options: Options) -> Figures:
    """Figures of all parts, or of `options.only`; see the module."""
    return measure_parts(PARTS, options.only, options)


@contextmanager
def _ray() -> Iterator[None]:
    """A Ray of this machine, which jobs that are started in the block use."""
    with variable(execution_engine.VARIABLE, execution_engine.RAY), execution_engine.opened():
        yield


@contextmanager
def _cohorts(options: Options) -> Iterator[dict[str, Path]]:
    """Folders of drawn cells, and artifacts with the run that scores them."""
    with drawn_cells(options.tree, options.images or IMAGES) as folders, artifacts():
        target = storage.runs_dir() / RUN
        target.parent.mkdir(parents=True)
        target.symlink_to(PROJECT / "artifacts" / "runs" / RUN, target_is_directory=True)
        yield folders


def scoring(options: Options) -> Figures:
    """Cells a second, and what Ray adds to 1,000 cells."""
    cores = os.cpu_count() or 1
    with _cohorts(options) as folders:
        with _on_core(0):
            alone_before = bare_loop(folders["tenth"])
            one, one_seconds = scored(folders["all"], 1)
            alone_after = bare_loop(folders["tenth"])
        together = _bare_loops(folders["tenth"], cores)
        here, here_seconds = scored(folders["all"], cores)
        started = time.monotonic()
        with _ray():
            start_seconds = time.monotonic() - started
            there, there_seconds = scored(folders["all"], cores)
        alone = (alone_before + alone_after) / 2
        pictures = one.manifest.pictures
        gained, allowed = one_seconds / there_seconds, together / alone
        return {
            "pictures": pictures,
            "cores": cores,
            "bare_loop_a_second": alone,
            "bare_loops_side_by_side_gain": allowed,
            "one_process_a_second": pictures / one_seconds,
            "processes_of_this_machine_gain": one_seconds / here_seconds,
            "ray_starts_in_seconds": start_seconds,
            "ray_a_second": pictures / there_seconds,
            "ray_gain": gained,
            "ray_of_what_cores_allow": OF_CORES(gained / allowed),
            "ray_overhead_seconds_per_1000": (there_seconds - here_seconds) / pictures * 1000,
            "ray_differs": DIFFERENT(_differing(one, there)),
            "processes_differ": DIFFERENT(_differing(one, here)),
        }


def _bare_loops(folder: Path, number: int) -> float:
    """Cells a second of bare loops side by side, each on a core of its own."""

    def loop(core: int) -> float:
        with _on_core(core):
            return bare_loop(folder)

    with ThreadPoolExecutor(number) as threads:
        return sum(threads.map(loop, range(number)))


@contextmanager
def _on_core(number: int) -> Iterator[None]:
    """Keeps this thread, and the processes that it starts, to one of the machine's cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _differing(one: Cohort, other: Cohort) -> int:
    """How many rows of two cohorts differ, or are in one alone."""
    tables = [cohort.rows().to_table().to_pandas() for cohort in (one, other)]
    first, second = (
        table.sort_values(["path", "cell"], ignore_index=True).drop(columns="part", errors="ignore")
        for table in tables
    )
    if len(first) != len(second):
        return abs(len(first) - len(second))
    same = np.ones(len(first), dtype=bool)
    for name in first.columns:
        a, b = first[name], second[name]
        if pd.api.types.is_float_dtype(a):
            same &= np.isclose(a, b, rtol=1e-6, atol=1e-6, equal_nan=True)
        else:
            same &= (a.fillna("").astype(str) == b.fillna("").astype(str)).to_numpy()
    return int((~same).sum())


def kills(options: Options) -> Figures:
    """Random kills of Ray's workers while a tenth is scored."""
    chance, killed, last = random.Random(0), 0, time.monotonic()

    def watch(cohort: Cohort) -> None:
        nonlocal killed, last
        workers = [
            process
            for process in psutil.process_iter(["cmdline"])
            if "ray::score_chunk" in " ".join(process.info["cmdline"] or [])
        ]
        if killed < KILLS and workers and time.monotonic() - last > KILL_EVERY_SECONDS:
            chance.choice(workers).kill()
            killed, last = killed + 1, time.monotonic()
            say(f"kill {killed} of {KILLS} at {cohort.status.done:,} pictures")

    with _cohorts(options) as folders, _ray():
        cohort, seconds = scored(folders["tenth"], os.cpu_count(), watch)
        return {
            "pictures": cohort.manifest.pictures,
            "seconds": seconds,
            "kills": killed,
            "lost_or_doubled": LOST(lost(cohort, folders["tenth"]), killed),
        }


def folds(options: Options) -> Figures:
    """Five folds on Ray, side by side, and on this machine, one after another."""
    with synthetic_cells(FOLD_CELLS, 12) as root, variable("BLASTLENS_CPUS_PER_RUN", "1"):
        settings = {"epochs": 1, "folds": FOLDS, "batch_size": 16, "precision": "float32"}
        plan = Plan(
            kind="cross-validation", base=config.create("cnn-16", root, "recommended", **settings)
        )
        here, here_seconds = _swept(plan, "here")
        with _ray():
            there, there_seconds = _swept(plan, "there")
        apart = [
            float(np.abs(one.predictions["logit"] - other.predictions["logit"]).max())
            for one, other in zip(here.runs, there.runs, strict=True)
        ]
        return {
            "folds": len(apart),
            "here_seconds": here_seconds,
            "ray_seconds": there_seconds,
            "largest_difference_of_a_logit": max(apart),
            "folds_apart": APART(sum(difference > 1e-5 for difference in apart)),
        }


def _swept(plan: Plan, name: str) -> tuple[Sweep, float]:
    """A sweep that has succeeded, and the seconds it took."""
    sweep = sweep_store.create(plan, name)
    launcher.launch(sweep)
    status = launcher.follow(sweep)
    if status.state != "succeeded" or status.started is None or status.finished is None:
        raise RunError(f"{sweep.title} {status.state}: {status.error}")
    return sweep, status.finished - status.started


PARTS = {"scoring": scoring, "kills": kills, "folds": folds}
