"""The runs that the benchmark of the model measures, and values of several seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.measure import say
from benchmarks.workbench import train
from core.runs.config import EPOCHS
from core.runs.run_store import Run

Row = dict[str, float]


@dataclass(frozen=True)
class Bench:
    """The architecture, the demo set, the folder of real cells if any, and the number of seeds."""

    architecture: str
    demo: Path
    real: Path | None
    seeds: int

    @cached_property
    def runs(self) -> list[Run]:
        """A run of the architecture on the demo set for each seed."""
        return self.trained(self.architecture, [self.demo] * self.seeds)

    def trained(self, architecture: str, roots: Sequence[Path], **settings: int) -> list[Run]:
        """A run of the recommended recipe for each seed, on the data set of that seed."""
        runs = []
        for seed, root in enumerate(roots):
            say(f"training: {architecture} on {root.name}, seed {seed}")
            runs.append(train(architecture, root, epochs=EPOCHS, seed=seed, **settings))
        return runs


def means(rows: Sequence[Row]) -> Row:
    """The mean of each value over the rows."""
    return {name: statistics.mean(row[name] for row in rows) for name in rows[0]}


def by_seed(rows: Sequence[Row]) -> dict[str, Row]:
    """The rows by the name of their seed."""
    return {f"seed_{number}": row for number, row in enumerate(rows)}
