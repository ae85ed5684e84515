"""Disks that are full, read-only, slow or broken, clocks that jump, and data sets that go.

A write of every kind is tried on each disk. It must end whole or in a sentence with file and
remedy; what was there stays as it was, nothing half-written is read as whole, and once the disk is
well the same write succeeds. The disk is a small one in memory, in a mount namespace of its own:
`python -m tests.chaos.disk SEED SECONDS` is what runs there.
"""

import dataclasses
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from unittest import mock

import numpy as np
from pyarrow import parquet

from benchmarks.chaos import Trial
from core import storage
from core.cases import case_store, verification
from core.data import images, indexing, measures, pixel_cache
from core.data.geometry import Geometry
from core.errors import BlastLensError, DiskError, RunError
from core.settings import PROJECT, settings
from tests.chaos.disks import DISKS, MOUNTED, WELL
from tests.chaos.writes import World, made, writes

MIB = 24
PAGES = sorted(file.stem for file in (PROJECT / "pages").glob("*.py"))
INSIDE = [
    "unshare",
    "-Urm",
    "sh",
    "-c",
    'mount -t tmpfs -o size="$0" tmpfs "$1" && shift && exec "$@"',
]


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
