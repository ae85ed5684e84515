"""What the benchmarks share: bars, timing in alternating rounds, facts about the machine."""

import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True)
class Bar:
    """A bar to clear: the value measured, the target, and whether the value holds it."""

    name: str
    value: float
    target: float
    holds: bool


# What a benchmark returns: its figures by name, and its bars.
Measured = tuple[dict[str, Any], list[Bar]]


def measure_parts(
    parts: Mapping[str, Callable[..., Measured]], only: str | None, *arguments: Any
) -> Measured:
    """Runs the parts of a benchmark with the same `arguments`, or the part `only` alone."""
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    for name in [only] if only else parts:
        say(f"measuring: {name}")
        figures[name], part_bars = parts[name](*arguments)
        bars += part_bars
    return figures, bars


def at_most(name: str, value: float, target: float) -> Bar:
    """A bar that holds while `value` does not exceed `target`."""
    return Bar(name, round(float(value), 4), target, bool(value <= target))


def at_least(name: str, value: float, target: float) -> Bar:
    """A bar that holds while `value` does not fall short of `target`."""
    return Bar(name, round(float(value), 4), target, bool(value >= target))


@dataclass(frozen=True)
class Timing:
    """Seconds over all rounds of one contender."""

    median: float
    minimum: float
    maximum: float
    rounds: int

    @classmethod
    def of(cls, seconds: list[float]) -> "Timing":
        """The summary of a list of measured seconds."""
        return cls(statistics.median(seconds), min(seconds), max(seconds), len(seconds))

    def figures(self) -> dict[str, float]:
        """As it stands in a benchmark's figures: seconds, rounded to a tenth of a millisecond."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def alternate(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    before: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """Times each contender once a round, so that a slow minute of the machine meets them all.

    `before` is called ahead of each, untimed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, action in contenders.items():
            before()
            started = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - started)
        say(f"round {turn + 1} of {rounds}")
    return {name: Timing.of(measured) for name, measured in seconds.items()}


@contextmanager
def artifacts(folder: Path | None = None) -> Iterator[Path]:
    """Has the app keep its artifacts in `folder`; without one, in a folder that is removed."""
    before = os.environ.get("BLASTLENS_ARTIFACTS")
    used = folder or Path(tempfile.mkdtemp(prefix="blastlens-artifacts-"))
    os.environ["BLASTLENS_ARTIFACTS"] = str(used)
    try:
        yield used
    finally:
        del os.environ["BLASTLENS_ARTIFACTS"]
        if before is not None:
            os.environ["BLASTLENS_ARTIFACTS"] = before
        if not folder:
            shutil.rmtree(used)


def machine() -> dict[str, object]:
    """The machine that measured: processor, cores, memory, Python and the load on it now."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in psutil.getloadavg()],
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def say(text: str) -> None:
    """A line of progress, on standard error: standard output is for the result alone."""
    print(text, file=sys.stderr)
