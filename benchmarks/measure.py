"""What every benchmark shares: its options, limits, timings, and the document it prints.

A benchmark is a module with `measure(options)`, which returns its figures. A figure that a limit
must hold stands among them as a `Bar`: `OVER_WALK = at_most("second look over a bare walk", 2.0)`
declares the limit, and `OVER_WALK(ratio)` is the figure. The module's `PARTS`, if it has any, name
what `--only` can choose.
"""

import operator
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path

import numpy as np
import psutil

from core.runs import environment

# Numbers, text, bars, dataclasses of them, and mappings and lists of all these.
Figures = Mapping[str, object]


@dataclass(frozen=True)
class Options:
    """What the command line asks for; None leaves it to the benchmark."""

    tree: Path | None = None
    images: int | None = None
    rounds: int | None = None
    seconds: int | None = None
    seed: int | None = None
    only: str | None = None


@dataclass(frozen=True)
class Bar:
    """A figure beside its limit: the value, the target, and whether the value holds it."""

    name: str
    value: float
    target: float
    holds: bool


@dataclass(frozen=True)
class Limit:
    """A limit that a figure must hold. `name`, with its unit, may have places for words."""

    name: str
    target: float
    holds: Callable[[float, float], bool]

    def __call__(self, value: float, *words: object) -> Bar:
        """`value` beside this limit; `words` fill the places in the name."""
        name = self.name.format(*words)
        return Bar(name, float(value), self.target, bool(self.holds(value, self.target)))


def at_most(name: str, target: float) -> Limit:
    """A limit that a value holds unless it exceeds `target`."""
    return Limit(name, target, operator.le)


def at_least(name: str, target: float) -> Limit:
    """A limit that a value holds unless it falls short of `target`."""
    return Limit(name, target, operator.ge)


def above(name: str, target: float) -> Limit:
    """A limit that a value holds only if it exceeds `target`."""
    return Limit(name, target, operator.gt)


def measure_parts(
    parts: Mapping[str, Callable[..., Figures]], only: str | None, *arguments: object
) -> Figures:
    """The figures of each part, or of `only` that, called with `arguments`."""
    figures = {}
    for name in [only] if only else parts:
        say(f"measuring: {name}")
        figures[name] = parts[name](*arguments)
        say(f"{name}: {plain(figures[name])}")
    return figures


def bars_of(figure: object) -> list[Bar]:
    """The bars among figures, in their order."""
    if isinstance(figure, Bar):
        return [figure]
    if isinstance(figure, Mapping):
        return [bar for value in figure.values() for bar in bars_of(value)]
    return []


def plain(figure: object) -> object:
    """A figure as JSON has it: a bar as its value, and numbers to five significant digits."""
    if isinstance(figure, Bar):
        return plain(figure.value)
    if is_dataclass(figure) and not isinstance(figure, type):
        return plain(asdict(figure))
    if isinstance(figure, Mapping):
        return {name: plain(value) for name, value in figure.items()}
    if isinstance(figure, list | tuple):
        return [plain(value) for value in figure]
    if isinstance(figure, float | np.floating):
        return float(f"{figure:.5g}")
    return figure.item() if isinstance(figure, np.generic) else figure


@dataclass(frozen=True)
class Rounds:
    """What the rounds of one measurement gave."""

    median: float
    minimum: float
    maximum: float
    rounds: int

    @classmethod
    def of(cls, values: list[float]) -> "Rounds":
        """The summary of the values measured."""
        return cls(statistics.median(values), min(values), max(values), len(values))


def timed(action: Callable[..., object], *arguments: object) -> float:
    """The seconds of one call."""
    started = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - started


def alternate(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    before: Callable[[], object] = lambda: None,
) -> dict[str, Rounds]:
    """The seconds of each contender, called once a round: a slow minute then meets them all.

    `before` is called ahead of each, untimed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, action in contenders.items():
            before()
            seconds[name].append(timed(action))
        say(f"round {turn + 1} of {rounds}")
    return {name: Rounds.of(values) for name, values in seconds.items()}


def medians(values: Mapping[str, Iterable[float]]) -> dict[str, float]:
    """The median of each contender's values."""
    return {name: statistics.median(several) for name, several in values.items()}


def percentile_95(values: list[float]) -> float:
    """What 95 % of the values do not exceed."""
    return float(np.percentile(values, 95))


def machine() -> Figures:
    """The machine that measures: processor, cores, memory, Python and the load on it now."""
    facts = environment.describe().to_json()
    names = ("processor", "cores", "memory_gib", "system", "python")
    load = [round(average, 2) for average in psutil.getloadavg()]
    return {name: facts[name] for name in names} | {"load_average": load}


def say(text: str) -> None:
    """Prints a line of progress on standard error; standard output is for the result alone."""
    print(text, file=sys.stderr)
