"""The rates of `benchmarks.scale_model`, measured on one core of this machine.

A shipped model scores drawn cells (450 x 450, BMP) with `core.cohort.scoring.score_chunk`, as the
processes of a cohort do: in chunks of two sizes, whose difference tells the cost of a picture from
that of a chunk. The process is kept on one core, where the system can. Times are those of the
processor, which others on the machine do not lengthen; the spread of chunks, the start of a worker,
listing and the way through a pool are as the clock has them.
"""

import os
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.measure import say, timed
from benchmarks.scale_model import Rates
from benchmarks.workbench import run_python, synthetic_cells, temporary_folder, variable
from core import storage
from core.cohort import cohort_store, plan
from core.cohort.cohort import Cohort
from core.cohort.plan import Manifest, write_manifest
from core.cohort.scoring import score_chunk
from core.cohort.source import Source
from core.cohort.tally import ScoredChunk
from core.data.geometry import fit
from core.data.images import decode_noted, read_file
from core.jobs.reporter import Reporter
from core.models.engine import AT_ONCE, Engine
from core.runs.run_store import Run
from core.settings import PROJECT
from core.workers import score
from core.workers.pools import Pool

MODEL = "demo-colour-bands"  # the shipped default
CELLS, SUBJECTS = 256, 16
LARGE = 128  # pictures of a large chunk; a small one has `plan.SMALL`
LARGE_CHUNKS = 12
FILES = 20_000  # empty ones, for listing and the manifest
_FIRST = """
import sys
from core.cohort.scoring import score_chunk
score_chunk(sys.argv[1], int(sys.argv[2]))
"""


def measure() -> Rates:
    """Measures all rates, in a minute or two."""
    with synthetic_cells(CELLS, SUBJECTS) as root, one_core():
        shutil.copytree(PROJECT / "artifacts" / "runs" / MODEL, storage.runs_dir() / MODEL)
        run, files = Run(storage.runs_dir() / MODEL), sorted(root.rglob("*.bmp"))
        picture, chunk, spread, start = _scored(run, root, files)
        read, decode, engine = _stages(run, files)
        size = files[0].stat().st_size
    with temporary_folder() as folder, variable("BLASTLENS_ARTIFACTS", folder / "artifacts"):
        listing, row_group, open_group = _listed(folder)
        dispatch = _dispatched(folder) + _through_a_pool()
    return Rates(
        read=read,
        decode=decode,
        engine=engine,
        rest=max(0.0, picture - read - decode - engine),
        chunk=chunk,
        row_group=row_group,
        open_group=open_group,
        start=start,
        dispatch=dispatch,
        listing=listing,
        picture_bytes=float(size),
        spread=spread,
    )


def core_seconds(action: Callable[..., object], *arguments: object) -> float:
    """The seconds of the processor that one call takes, all threads together."""
    started = time.process_time()
    action(*arguments)
    return time.process_time() - started


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process, and what it starts, on one core, as a worker of a full machine is."""
    with variable("BLASTLENS_CORES", 1):
        if not hasattr(os, "sched_setaffinity"):
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(before)})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


def _cohort(run: Run, table: Path) -> Cohort:
    cohort = cohort_store.create(cohort_store.planned(run, str(table)))
    cohort.list_pictures(lambda *_: None)
    return cohort


def _scored(
    run: Run, root: Path, files: list[Path]
) -> tuple[float, float, tuple[float, ...], float]:
    """Seconds of a picture, and of a chunk besides; the spread of chunks; the start of a worker."""
    small = plan.SMALL * plan.SMALL_CHUNKS
    listed = [files[place % len(files)] for place in range(small + LARGE * LARGE_CHUNKS)]
    table = root.parent / "cells.csv"
    table.write_text("file\n" + "\n".join(map(str, listed)), encoding="utf-8")
    cohort = _cohort(run, table)
    score_chunk(str(cohort.path), 0)  # compiles
    taken, clock = {}, {}
    for number in range(1, cohort.manifest.chunks):
        started = time.perf_counter()
        taken[number] = core_seconds(score_chunk, str(cohort.path), number)
        clock[number] = time.perf_counter() - started
        say(f"chunk {number} of {cohort.manifest.chunks}: {taken[number]:.2f} s of a core")
    sizes = {number: cohort.manifest.size(number) for number in taken}
    few, many = (
        statistics.median(taken[number] for number in taken if sizes[number] == size)
        for size in (plan.SMALL, LARGE)
    )
    picture = (many - few) / (LARGE - plan.SMALL)
    chunk = max(0.0, few - plan.SMALL * picture)
    large = [clock[number] for number in clock if sizes[number] == LARGE]
    spread = tuple(seconds / statistics.mean(large) for seconds in large)
    again = _cohort(run, table)
    fresh = timed(run_python, "A first chunk", "-c", _FIRST, again.path, 1)
    return picture, chunk, spread, max(0.0, fresh - few)


def _stages(run: Run, files: list[Path]) -> tuple[float, float, float]:
    """Seconds of a picture: reading the file, decoding it, and the engine, two together."""
    data = [read_file(file, file.name) for file in files]
    read = core_seconds(lambda: [read_file(file, file.name) for file in files])
    images = [decode_noted(one, "cell.bmp")[0] for one in data]
    decode = core_seconds(lambda: [decode_noted(one, "cell.bmp") for one in data])
    engine, pixels = Engine(run.engine_file), [fit(image, run.geometry) for image in images]
    pairs = [np.stack(pixels[at : at + AT_ONCE]) for at in range(0, len(pixels), AT_ONCE)]
    with engine.many_at_once():
        engine(pairs[0])
        computed = core_seconds(lambda: [engine(pair) for pair in pairs])
    return read / len(files), decode / len(files), computed / len(files)


def _listed(folder: Path) -> tuple[float, float, float]:
    """Seconds of a listed file; of a chunk before the one that is looked up, and at opening."""
    (folder / "many").mkdir()
    for number in range(FILES):
        (folder / "many" / f"{number}.bmp").touch()
    source, file = Source(place=str(folder / "many")), folder / "manifest.parquet"
    listing = timed(write_manifest, file, source, LARGE, lambda *_: None) / FILES
    write_manifest(file, source, 1, lambda *_: None)
    opened = core_seconds(Manifest, file)
    manifest = Manifest(file)
    first, last = (
        statistics.median(core_seconds(manifest.read, chunk) for _ in range(5))
        for chunk in (0, manifest.chunks - 1)
    )
    return listing, max(0.0, last - first) / FILES, opened / FILES


class _Instant(Executor):
    """A pool whose chunks are scored as they are given out."""

    def submit(self, *_: object, **__: object) -> Future[ScoredChunk]:  # type: ignore[override]
        """A future that is done."""
        done = Future[ScoredChunk]()
        done.set_result(ScoredChunk(1, Counter(HEM=1)))
        return done


def _dispatched(folder: Path) -> float:
    """Seconds of the coordinator for a chunk: giving it out, and taking note that it is scored."""
    run = Run(storage.runs_dir() / MODEL)
    shutil.copytree(PROJECT / "artifacts" / "runs" / MODEL, run.path)
    cohort = cohort_store.create(cohort_store.planned(run, str(folder / "many"), workers=256))
    write_manifest(cohort.manifest_file, cohort.plan.source, 1, lambda *_: None)

    @contextmanager
    def instant(workers: int | None) -> Iterator[Pool]:
        yield Pool(_Instant(), 256)

    with Reporter(cohort) as reporter:
        reporter.begin()
        scoring = score._Scoring(cohort, reporter, instant)
        return core_seconds(scoring.run) / FILES


def _nothing(number: int) -> int:
    return number


def _through_a_pool() -> float:
    """Seconds of a chunk on its way to a process and back."""
    with ProcessPoolExecutor(1) as pool:
        list(pool.map(_nothing, range(10)))
        return timed(lambda: list(pool.map(_nothing, range(2000)))) / 2000
