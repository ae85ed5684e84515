"""Cohorts: rate of one process and of all, against a bare loop; memory; and kills.

Files of demo cells are scored by the shipped default run: `--images` of them (10,000 without it),
each a drawn cell with other pixels, so that no two files are alike. A tenth is scored first.

- limit: one process that decodes each file, fits it and calls the engine once, with one core, and
  nothing else: no check, no measure, no row.
- rate: one worker on a tenth and on all of them, and as many workers as the machine allows. Start
  of the processes included; the rate of all must be that of a tenth, within 10 %.
- memory: the most that one worker holds after a fifth of its chunks, and at the end.
- kills: five kills of a random worker while a tenth is scored; no picture may be lost or doubled.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil

from benchmarks.measure import Figures, Options, at_least, at_most, measure_parts, say
from benchmarks.workbench import artifacts, run_python, temporary_folder
from core import storage
from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.data.images import encode
from core.data.synthetic.white_cell import draw_cell
from core.errors import RunError
from core.runs.run_store import Run
from core.settings import PROJECT
from core.workers import launcher, pools

RUN = "demo-colour-bands"
IMAGES, DRAWN, LIMIT_OF = 10_000, 60, 500
KILLS, KILL_EVERY_SECONDS = 5, 12.0
LINEAR = at_least("rate on all, of the rate on a tenth, each of the bare loop's", 0.9)
OF_LIMIT = at_least("rate of one worker, of a bare decode and engine", 0.25)
GROWTH = at_most("growth of a worker after a fifth of its work, MiB", 40)
LOST = at_most("pictures lost or doubled by {} kills", 0)

Folders = dict[str, Path]


def measure(options: Options) -> Figures:
    """Figures of all parts, or of `options.only`; see the module."""
    number = options.images or IMAGES
    with drawn_cells(options.tree, number) as folders, artifacts():
        target = storage.runs_dir() / RUN
        target.parent.mkdir(parents=True)
        target.symlink_to(PROJECT / "artifacts" / "runs" / RUN, target_is_directory=True)
        return measure_parts(PARTS, options.only, folders)


@contextmanager
def drawn_cells(tree: Path | None, number: int) -> Iterator[Folders]:
    """A folder of so many cells, and one of a tenth of them, which are the same files."""
    with temporary_folder() as temporary:
        root = tree or temporary
        folders = {"all": root / f"all-{number}", "tenth": root / f"tenth-{number}"}
        if not folders["all"].exists():
            say(f"drawing {DRAWN} cells and writing {number:,} files")
            drawn = [
                draw_cell(subject=str(one % 9), cell=one, label=one % 2) for one in range(DRAWN)
            ]
            unfinished = root / "unfinished"
            for name in ("all", "tenth"):
                (unfinished / name).mkdir(parents=True)
            for one in range(number):
                image = drawn[one % DRAWN].copy()
                # Beside the cell, too dark to be seen: only the bytes differ.
                image[0, :4, 0] = np.frombuffer(one.to_bytes(4), np.uint8) % 8
                image[1, :4, 0] = np.frombuffer(one.to_bytes(4), np.uint8) // 8 % 8
                image[2, :4, 0] = np.frombuffer(one.to_bytes(4), np.uint8) // 64
                label = "all" if one % DRAWN % 2 else "hem"
                file = unfinished / "all" / f"UID_{one % DRAWN % 9}_1_{one}_{label}.bmp"
                file.write_bytes(encode(image, "BMP"))
                if one < number // 10:
                    (unfinished / "tenth" / file.name).hardlink_to(file)
            for name, folder in folders.items():
                (unfinished / name).rename(folder)
        yield folders


def scored(
    folder: Path, workers: int | None, watch: Callable[[Cohort], object] = lambda _: None
) -> tuple[Cohort, float]:
    """The cohort of a folder and the seconds that scoring took; `watch` is called meanwhile."""
    plan = cohort_store.planned(Run(storage.runs_dir() / RUN), str(folder), workers=workers)
    cohort = cohort_store.create(plan)
    over = threading.Event()

    def watching() -> None:
        while not over.wait(0.5):
            with suppress(psutil.Error, OSError):
                watch(cohort)

    watcher = threading.Thread(target=watching)
    launcher.launch(cohort)
    watcher.start()
    try:
        status = launcher.follow(cohort)
    finally:
        over.set()
        watcher.join()
    if status.state != "succeeded" or status.started is None or status.finished is None:
        raise RunError(f"{cohort.title} {status.state}: {status.error}")
    return cohort, status.finished - status.started


def _workers(cohort: Cohort) -> list[psutil.Process]:
    """The processes that read a cohort."""
    for process in psutil.process_iter(["cmdline"]):
        if {"core.workers.score", str(cohort.path)} <= set(process.info["cmdline"] or []):
            children = process.children(recursive=True)
            return [one for one in children if "spawn_main" in " ".join(one.cmdline())]
    return []


BARE_LOOP = """
import sys, time
from pathlib import Path
from core.data.geometry import fit
from core.data.images import decode
from core.models.engine import Engine
from core.runs.run_store import Run
run, files = Run(Path(sys.argv[1])), sorted(Path(sys.argv[2]).iterdir())[: int(sys.argv[3])]
engine, geometry = Engine(run.engine_file), run.geometry
engine(fit(decode(files[0]), geometry)[None])
started = time.perf_counter()
for file in files:
    engine(fit(decode(file), geometry)[None])
print((time.perf_counter() - started) / len(files))
"""


def bare_loop(folder: Path) -> float:
    """Cells a second that a bare loop decodes and calls the engine on, with one core."""
    run = storage.runs_dir() / RUN
    return 1 / float(run_python("The bare loop", "-c", BARE_LOOP, run, folder, LIMIT_OF))


def rate(folders: Folders) -> Figures:
    """Cells a second, one worker's memory, and what many files cost more than few."""
    held: list[tuple[int, int]] = []

    def watch(cohort: Cohort) -> None:
        for worker in _workers(cohort):
            held.append((cohort.status.done, worker.memory_info().rss))

    limits = [bare_loop(folders["tenth"])]
    few, few_seconds = scored(folders["tenth"], 1)
    limits.append(bare_loop(folders["tenth"]))
    many, many_seconds = scored(folders["all"], 1, watch)
    limits.append(bare_loop(folders["tenth"]))
    # Of the minutes in which each was scored: the machine may do other things as well.
    few_limit, limit = float(np.mean(limits[:2])), float(np.mean(limits[1:]))
    few_rate = few.manifest.pictures / few_seconds
    many_rate = many.manifest.pictures / many_seconds
    early = max(rss for done, rss in held if done <= many.manifest.pictures / 5)
    peak = max(rss for _, rss in held)
    return {
        "pictures": many.manifest.pictures,
        "bare_loop_a_second": limit,
        "one_worker_on_a_tenth_a_second": few_rate,
        "one_worker_a_second": many_rate,
        "linear": LINEAR(many_rate / limit / (few_rate / few_limit)),
        "of_limit": OF_LIMIT(many_rate / limit),
        "worker_peak_mib": peak / 2**20,
        "worker_growth_mib": GROWTH((peak - early) / 2**20),
    }


def workers(folders: Folders) -> Figures:
    """Cells a second of as many workers as the machine allows."""
    cohort, seconds = scored(folders["all"], None)
    return {
        "workers": pools.default_workers(),
        "a_second": cohort.manifest.pictures / seconds,
        "a_million_hours": 1e6 * seconds / cohort.manifest.pictures / 3600,
    }


def kills(folders: Folders) -> Figures:
    """Random kills while a tenth is scored."""
    chance, killed = random.Random(0), 0
    last = time.monotonic()

    def watch(cohort: Cohort) -> None:
        nonlocal killed, last
        found, reading = _workers(cohort), any((cohort.path / "attempts").glob("*.json"))
        due = killed < KILLS and time.monotonic() - last > KILL_EVERY_SECONDS
        if due and reading and found:
            chance.choice(found).kill()
            killed, last = killed + 1, time.monotonic()
            say(f"kill {killed} of {KILLS} at {cohort.status.done:,} pictures")

    cohort, seconds = scored(folders["tenth"], 2, watch)
    gates = cohort.rows().to_table(columns=["gate"]).to_pandas()["gate"]
    return {
        "pictures": cohort.manifest.pictures,
        "seconds": seconds,
        "kills": killed,
        "refused_as_unreadable": int((gates == "unreadable").sum()),
        "lost_or_doubled": LOST(lost(cohort, folders["tenth"]), killed),
    }


def lost(cohort: Cohort, folder: Path) -> int:
    """How many files of a folder have no row in a cohort, or more than one."""
    paths = cohort.rows().to_table(columns=["path", "cell"]).to_pandas()
    found = paths[paths["cell"].isna()]["path"].value_counts()
    expected = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    return len(expected - set(found.index)) + int((found > 1).sum())


PARTS = {"rate": rate, "workers": workers, "kills": kills}
