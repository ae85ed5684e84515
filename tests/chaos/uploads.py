"""Damaged and costly pictures through every door that opens one.

Each must end as a result or as an error of `core.errors`, within `MOST_SECONDS` of a processor and
`MOST_MIB` of memory above what the process had.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.chaos import Trial
from core.data import images
from core.errors import BlastLensError
from core.reading.picture import read_small_field
from core.reading.reader import Reader
from core.runs.run_store import Run
from core.settings import PROJECT
from tests.chaos.mutations import mutated

MOST_SECONDS, MOST_MIB = 3.0, 1024.0
HANGS = 60.0  # seconds without a word
RUN = PROJECT / "artifacts" / "runs" / "demo-cnn-16"

Door = Callable[[Path, str], str]


def doors() -> dict[str, Door]:
    """The doors by name: each takes a file and its name, and says in a word how it ended."""
    reader = Reader(Run(RUN))

    def decode(file: Path, name: str) -> str:
        images.decode(file.read_bytes(), name)
        return "decoded"

    def size_of(file: Path, name: str) -> str:
        images.size_of(file, name)
        return "sized"

    def scan(file: Path, name: str) -> str:
        with images.open_large_image(file, name) as large:
            large.read(0, 0, 1, 1)
        return "opened"

    def read(file: Path, name: str) -> str:
        reading = reader.read(file.read_bytes(), name)
        return reading.gate.code or reading.kind

    def field(file: Path, name: str) -> str:
        read_small_field(reader, file.read_bytes(), name)
        return "searched"

    return {
        "images.decode": decode,
        "images.size_of": size_of,
        "images.open_large_image": scan,
        "reader.read": read,
        "picture.read_small_field": field,
    }


def trials(seed: int, places: dict[str, Door], file: Path) -> Iterator[Trial]:
    """The file of a seed, which is written to `file`, through each of the doors."""
    chosen = mutated(seed)
    file.write_bytes(chosen.data)
    for place, door in places.items():
        before, started = _memory("VmRSS"), time.process_time()
        _forget_peak()
        held, detail = True, ""
        try:
            outcome = door(file, chosen.name)
        except BlastLensError as error:
            outcome = type(error).__name__
        except Exception as error:
            outcome, held = f"{type(error).__name__}, untyped", False
            detail = str(error)[:200]
        seconds = time.process_time() - started
        mib = _memory("VmHWM") - before
        if seconds > MOST_SECONDS or mib > MOST_MIB:
            outcome, held = f"{outcome}, too dear", False
        if not held:
            detail = f"{chosen.how}; {seconds:.1f} s, {mib:.0f} MiB. {detail}"
        yield Trial(place, outcome, held, seed, detail, seconds, mib)


def campaign(seed: int, seconds: float) -> Iterator[Trial]:
    """Trials of the files from `seed` on, in a process that is ended if it says nothing more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(theirs, seed, until - time.monotonic()), daemon=True
        )
        process.start()
        theirs.close()
        place, tried = "start", seed
        try:
            while ours.poll(HANGS):
                match ours.recv():
                    case Trial() as trial:
                        yield trial
                    case (str(place), int(tried)):
                        pass
                    case None:
                        return
            outcome = "no end"
        except EOFError:
            outcome = "process ended"
        finally:
            process.kill()
            process.join()
        yield Trial(place, outcome, False, tried)
        seed = tried + 1


def _work(pipe: Connection, seed: int, seconds: float) -> None:
    """Sends the place and the seed before each trial, the trial after it, and None at the end."""
    until = time.monotonic() + seconds

    def announced(place: str, door: Door) -> Door:
        def call(file: Path, name: str) -> str:
            pipe.send((place, seed))
            return door(file, name)

        return call

    places = {place: announced(place, door) for place, door in doors().items()}
    with tempfile.TemporaryDirectory(prefix="blastlens-chaos-") as folder:
        while time.monotonic() < until:
            for trial in trials(seed, places, Path(folder) / "upload"):
                pipe.send(trial)
            seed += 1
    pipe.send(None)


def _forget_peak() -> None:
    """Has the kernel measure this process's peak memory from now on."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _memory(key: str) -> float:
    """MiB of this process, by a line of its status; 0 where the system has none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{key}:"))
