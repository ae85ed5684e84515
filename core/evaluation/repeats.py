"""Summarises runs that differ only in seed or fold: mean and range."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.evaluation.test_set import TestSet
from core.metrics import classification
from core.models import catalog


@dataclass(frozen=True)
class Spread:
    """Mean, lowest and highest run, and standard deviation of a metric over repeats.

    All are None if the metric is undefined in a run. low to high is the range over the runs, not a
    confidence interval.
    """

    mean: float | None
    low: float | None
    high: float | None
    deviation: float | None


@dataclass(frozen=True)
class Repeat:
    """runs: two or more of one configuration. kind: "seeds", "folds" or "seeds and folds"."""

    runs: tuple[TestSet, ...]
    kind: str

    @property
    def name(self) -> str:
        """The architecture, and how many seeds or folds."""
        title = catalog.architecture(self.runs[0].run.config.architecture).title
        return f"{title}, {len(self.runs)} {self.kind}"

    @cached_property
    def spreads(self) -> dict[str, Spread]:
        """The spread of each metric over the runs."""
        return {
            name: _spread([run.estimate(name).value for run in self.runs])
            for name in classification.NAMES
        }

    def history(self, quantity: str) -> pd.DataFrame:
        """epoch, mean, low and high of a column of history.csv, over the runs with that epoch."""
        curves = [run.run.history.set_index("epoch")[quantity] for run in self.runs]
        table = pd.concat(curves, axis=1)
        frame = {"mean": table.mean(axis=1), "low": table.min(axis=1), "high": table.max(axis=1)}
        return pd.DataFrame(frame).rename_axis("epoch").reset_index()


def _spread(values: list[float | None]) -> Spread:
    defined = [value for value in values if value is not None]
    if len(defined) < len(values):
        return Spread(None, None, None, None)
    deviation = float(np.std(defined, ddof=1))
    return Spread(float(np.mean(defined)), min(defined), max(defined), deviation)


def find(runs: Sequence[TestSet]) -> list[Repeat]:
    """Finds the sets of two or more runs whose configurations differ only in seed and fold."""
    by_config: dict[Any, list[TestSet]] = {}
    for run in runs:
        if run.run.adoption:
            continue  # of the training of another model nothing is known
        by_config.setdefault(run.run.config.replace(seed=0, fold=0), []).append(run)
    repeats = []
    for members in by_config.values():
        varied = {
            "seeds": {run.run.config.seed for run in members},
            "folds": {run.run.config.fold for run in members},
        }
        kinds = [kind for kind, values in varied.items() if len(values) > 1]
        if kinds:
            repeats.append(Repeat(tuple(members), " and ".join(kinds)))
    return repeats
