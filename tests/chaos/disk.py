"""Disks that are full, read-only, slow or broken, clocks that jump, and data sets that go.

A write of every kind is tried on each disk. It must end whole or in a sentence with file and
remedy; what was there stays as it was, nothing half-written is read as whole, and once the disk is
well the same write succeeds. The disk is a small one in memory, in a mount namespace of its own:
`python -m tests.chaos.disk SEED SECONDS` is what runs there.
"""

import dataclasses
import errno
import hashlib
import itertools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from pyarrow import parquet

from benchmarks.chaos import Trial
from core import storage
from core.archive import archive
from core.cases import case_store, database, verification
from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.cohort.scoring import score_chunk
from core.data import datasets, images, indexing, measures, pixel_cache
from core.data.geometry import Geometry
from core.data.synthetic import dataset
from core.errors import BlastLensError, DiskError, RunError
from core.jobs.job import Status
from core.reading.fields import detection_job
from core.reading.fields.detection_job import DetectionJob
from core.report.card import texts
from core.runs import about, active_model, config, run_store
from core.settings import PROJECT, settings
from core.training import checkpoint
from core.tuning import sweep_store
from core.workers import queue
from tests.factories import cases

MIB, RUN = 24, "demo-colour-bands"
CALLS = (
    (tempfile, "mkstemp"),
    (tempfile, "mkdtemp"),
    (os, "replace"),
    (os, "rename"),
    (os, "mkdir"),
)
BROKEN = (errno.EIO, errno.EDQUOT, errno.EACCES, errno.ESTALE)
PAGES = sorted(file.stem for file in (PROJECT / "pages").glob("*.py"))
INSIDE = [
    "unshare",
    "-Urm",
    "sh",
    "-c",
    'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"',
]


@dataclasses.dataclass(frozen=True)
class World:
    """What the writes work on: a data set, an archive, and folders to copy them from."""

    root: Path
    archive: Path
    template: Path

    def renew(self) -> None:
        """An artifacts folder with a run, a case, a queued run and a cohort."""
        database.forget() if (storage.cases_dir() / "cases.sqlite").exists() else None
        shutil.rmtree(settings().artifacts, ignore_errors=True)
        shutil.copytree(self.template, settings().artifacts)


def writes(world: World) -> dict[str, Callable[[], object]]:
    """A write of each kind."""
    run = run_store.get(RUN)
    waiting, cohort = run_store.get("waiting"), cohort_store.cohorts()[0]
    wanted = config.create("cnn-16", world.root, "recommended")
    numbers = [np.random.default_rng(0).random((64, 1024), np.float32)]

    def pixels() -> None:
        cells = indexing.index(world.root).cells
        pixel_cache.pixels(world.root, cells, Geometry(256, 64))

    def scan() -> None:
        little = dataclasses.replace(settings(), max_scan_pixels=10)
        with mock.patch.object(detection_job, "settings", lambda: little):
            DetectionJob.of("new").put(bytes(2**20), ".bin", None)

    return {
        "run": lambda: run_store.create(wanted, "new"),
        "status": lambda: waiting.write_status(Status(state="running", phase="training")),
        "history": lambda: waiting.append_history({"epoch": 1, "loss": 0.5}),
        "queue": lambda: queue.join(waiting),
        "checkpoint": lambda: checkpoint.save(
            checkpoint.Checkpoint(state=numbers), waiting.checkpoint_file
        ),
        "about": lambda: about.change(run, name="Ada's", note="x" * 1000),
        "card": lambda: texts.write(run, "contact", "x" * 500),
        "active model": lambda: active_model.promote(run),
        "sweep": lambda: sweep_store.create(
            sweep_store.Plan(kind="cross-validation", base=wanted.replace(folds=3)), "new"
        ),
        "data sets": lambda: datasets.add(str(world.root)),
        "index": lambda: indexing.index(world.root),
        "measures": lambda: measures.measure(indexing.index(world.root)),
        "pixels": pixels,
        "scan": scan,
        "drawn set": lambda: dataset.write_dataset(storage.demo_dir(), cells=24),
        "case": lambda: cases.make([cases.single()], name="New"),
        "case of fields": lambda: cases.make(name="New"),
        "cohort": lambda: cohort_store.create(cohort.plan, str(settings().artifacts / "new")),
        "cohort's list": lambda: cohort.list_pictures(lambda *_: None),
        "cohort's part": lambda: (
            cohort.list_pictures(lambda *_: None),
            score_chunk(str(Cohort(cohort.path).path), 0),
        ),
        "export": lambda: archive.export(run, settings().artifacts / "out.zip"),
        "import": lambda: archive.import_run(world.archive, "new"),
    }


@contextmanager
def calls(do: Callable[[], None]) -> Iterator[None]:
    """Has `do` called before each call by which files are made and put into place."""

    def after(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **more: Any) -> Any:
            do()
            return call(*args, **more)

        return called

    with ExitStack() as patches:
        for module, name in CALLS:
            patches.enter_context(mock.patch.object(module, name, after(getattr(module, name))))
        yield


@contextmanager
def full(rng: random.Random) -> Iterator[None]:
    """A disk with so much room."""
    room = rng.choice([0, 0, 1, 2, 4, 16, 64, 256]) * 4096
    ballast = settings().artifacts.parent / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(ballast, max(0, ballast.stat().st_size - room))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(_: random.Random) -> Iterator[None]:
    database.forget()  # a file that is open for writing keeps the disk writable
    mount = ["mount", "-o", "remount,bind,{}", str(settings().artifacts.parent)]
    subprocess.run([it.format("ro") for it in mount], check=True)
    try:
        yield
    finally:
        subprocess.run([it.format("rw") for it in mount], check=True)


@contextmanager
def limited(rng: random.Random) -> Iterator[None]:
    """No file may be longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (rng.choice([0, 100, 5000, 100_000]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def broken(rng: random.Random) -> Iterator[None]:
    """A disk that refuses from some call on."""
    number, left = rng.choice(BROKEN), itertools.count(-rng.randrange(6))

    def refuse() -> None:
        if next(left) >= 0:
            raise OSError(number, os.strerror(number))

    with calls(refuse):
        yield


@contextmanager
def slow(_: random.Random) -> Iterator[None]:
    with calls(lambda: time.sleep(0.005)):
        yield


@contextmanager
def jumping(rng: random.Random) -> Iterator[None]:
    """A clock that jumps an hour forth and back."""
    now = time.time
    with mock.patch.object(time, "time", lambda: now() + rng.choice([-3600, 0, 3600])):
        yield


DISKS: Mapping[str, Callable[[random.Random], AbstractContextManager[None]]] = {
    "full": full,
    "read-only": read_only,
    "limited": limited,
    "broken": broken,
    "slow": slow,
    "jumping clock": jumping,
}
MOUNTED, WELL = ("full", "read-only"), ("slow", "jumping clock")


def problem(error: Exception) -> str:
    """What is wrong with how a write ended; "" if it is a sentence with a remedy."""
    if not isinstance(error, BlastLensError):
        return f"{type(error).__name__}: {error}"
    words = str(error)
    named = not isinstance(error, DiskError) or str(settings().artifacts.parent) in words
    return "" if named and words.count(".") > 1 and words.endswith(".") else words


def whole() -> list[str]:
    """The files that a reader would take for whole, and that are not."""
    wrong = []
    for file in settings().artifacts.rglob("*"):
        seen = file.relative_to(settings().artifacts)
        if any(part.startswith(".") for part in seen.parts):
            if f"-{os.getpid()}-" in file.name:
                wrong.append(f"{seen} was left")
        elif file.suffix in READERS:
            try:
                READERS[file.suffix](file)
            except Exception as error:
                wrong.append(f"{seen}: {error}")
    return wrong


def _picture(file: Path) -> None:
    assert file.parent.parent.name != "pictures" or storage.sha256(file) == file.stem
    images.decode(file)


READERS: Mapping[str, Callable[[Path], object]] = {
    ".json": storage.read_json,
    ".parquet": parquet.read_table,
    ".npy": np.load,
    ".npz": lambda file: {name: array.shape for name, array in np.load(file).items()},
    ".zip": lambda file: zipfile.ZipFile(file).testzip(),
    ".png": _picture,
    ".bmp": images.decode,
}


def results() -> dict[str, str]:
    """The digest of every earlier result."""
    files = settings().artifacts.rglob("*")
    kept = ("cache", "cases", ".queue")
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
        and file.suffix != ".lock"
        and file.name != "status.json"
        and not any(part in kept for part in file.parts)
    }


def tried(world: World, disk: str, name: str, seed: int) -> Trial:
    """One write on one disk."""
    world.renew()
    write, before, known = writes(world)[name], results(), case_store.cases()
    started, wrong, outcome = time.monotonic(), "", "done"
    with DISKS[disk](random.Random(seed)):
        try:
            write()
        except Exception as error:
            outcome, wrong = type(error).__name__, problem(error)
    seconds = time.monotonic() - started
    details = [wrong] if wrong else []
    if outcome != "done":
        if disk in WELL:
            details.append(f"{outcome} on a disk that only is {disk}")
        after = results()
        details += [f"{path} has changed" for path in before if after.get(path) != before[path]]
        if [one for one in case_store.cases() if one.id in {case.id for case in known}] != known:
            details.append("a case has changed")
    details += whole()
    details += [f"the chain: {finding}" for finding in verification.verify().findings]
    try:
        if outcome != "done":
            writes(world)[name]()
    except Exception as error:
        details.append(f"then, on a disk that is well: {error!r}")
    return Trial(f"{disk}: {name}", outcome, not details, seed, "; ".join(details), seconds)


def gone(world: World, seed: int) -> Trial:
    """A data set that goes, or changes, while it is looked through."""
    world.renew()
    rng = random.Random(seed)
    root = Path(tempfile.mkdtemp()) / "set"
    shutil.copytree(world.root, root)
    files = sorted(root.rglob("*.bmp"))
    left = itertools.count(-rng.randrange(30))

    def rewrite() -> None:
        for file in files[::3]:
            file.write_bytes(file.read_bytes()[: rng.randrange(3000)])

    def replace() -> None:
        for file in files[::2]:
            file.unlink()
            file.mkdir()

    kinds = {"removed": lambda: shutil.rmtree(root), "rewritten": rewrite, "replaced": replace}
    kind = rng.choice(list(kinds))

    def progress(*_: object) -> None:
        if next(left) == 0:
            kinds[kind]()

    work = rng.choice(["index", "measures", "pixels"])
    outcome = "done"
    details: list[str] = []
    try:
        if work == "index":
            indexing.index(root, progress)
        else:
            index = indexing.index(root)
            progress()
            if work == "measures":
                measures.measure(index, progress)
            else:
                pixel_cache.pixels(root, index.cells, Geometry(256, 64), progress)
    except BlastLensError as error:
        outcome = type(error).__name__
    except Exception as error:
        outcome, details = type(error).__name__, [repr(error)]
    finally:
        shutil.rmtree(root.parent, ignore_errors=True)
    return Trial(
        f"data set {kind}: {work}", outcome, not details, seed, "; ".join(details + whole())
    )


def opened(world: World, disk: str, page: str, seed: int) -> Trial:
    """A page that is opened on a disk, as Streamlit's server shows it."""
    from streamlit import error_util
    from streamlit.testing.v1 import AppTest

    from pages.ui.common.text import show_error

    world.renew()
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    if page != "home":
        app.switch_page(f"pages/{page}.py")
    with (
        mock.patch.object(error_util, "invoke_script_error_handler", lambda e, _: show_error(e)),
        DISKS[disk](random.Random(seed)),
    ):
        app.run()
    details = [str(one.value) for one in app.exception] + whole()
    outcome = "told" if app.error else "shown"
    return Trial(f"{disk}: page {page}", outcome, not details, seed, "; ".join(details))


def trials(seed: int, seconds: float, folder: Path, disks: tuple[str, ...]) -> Iterator[Trial]:
    """Every write on every disk, and data sets that go, until the time is over."""
    deadline = time.monotonic() + seconds
    world = made(folder)
    world.renew()
    rounds = list(itertools.product(writes(world), disks))
    random.Random(seed).shuffle(rounds)
    for number, (name, disk) in enumerate(itertools.cycle(rounds), start=seed):
        yield tried(world, disk, name, number)
        if number % 10 == 0:
            yield gone(world, number)
        if number % 10 == 5:
            page = PAGES[number // 10 % len(PAGES)]
            if disk not in WELL:  # Streamlit's test looks at the clock itself
                yield opened(world, disk, page, number)
        if time.monotonic() > deadline:
            return


def made(folder: Path) -> World:
    """The world of the trials, beside the disk that they break."""
    world = World(folder / "set", folder / "run.zip", folder / "template")
    shutil.copytree(PROJECT / "artifacts" / "runs" / RUN, storage.runs_dir() / RUN)
    dataset.write_dataset(world.root, cells=12, subjects=6)
    run = run_store.get(RUN)
    archive.export(run, world.archive)
    run_store.create(config.create("cnn-16", world.root, "recommended"), "waiting")
    active_model.promote(run)
    cases.make([cases.single()])
    cohort_store.create(cohort_store.planned(run, str(world.root)))
    database.forget()
    shutil.copytree(settings().artifacts, world.template)
    return world


def campaign(seed: int, seconds: float) -> Iterator[Trial]:
    """The trials of a process with a disk of its own; without one, those that need none."""
    with tempfile.TemporaryDirectory() as place:
        disk = Path(place) / "disk"
        disk.mkdir()
        script = [sys.executable, "-m", "tests.chaos.disk", str(seed), str(seconds), place]
        inside = [*INSIDE, f"{MIB}m", str(disk)]
        mounted = False
        with suppress(OSError):
            mounted = not subprocess.run([*inside, "true"], capture_output=True).returncode
        disks = [disk for disk in DISKS if mounted or disk not in MOUNTED]
        environment = os.environ | {
            "BLASTLENS_ARTIFACTS": str(disk / "artifacts"),
            "STREAMLIT_LOGGER_LEVEL": "error",
        }
        command = [*(inside if mounted else ()), *script, *disks]
        with subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield Trial(**json.loads(line))
        if process.returncode:
            raise RunError(f"The campaign ended with exit status {process.returncode}.")


if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    first, length, beside, *chosen = sys.argv[1:]
    for trial in trials(int(first), float(length), Path(beside), tuple(chosen)):
        print(json.dumps(dataclasses.asdict(trial)), flush=True)
