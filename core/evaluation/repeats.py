"""Runs that differ only in their seed, or only in their fold, as one entry: mean and band."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.evaluation.subgroups import with_interval
from core.evaluation.test_set import TestSet
from core.metrics import classification
from core.models import catalog


@dataclass(frozen=True)
class Repeat:
    """runs: two or more of one configuration. kind: "seeds", "folds" or "seeds and folds"."""

    runs: tuple[TestSet, ...]
    kind: str

    @property
    def name(self) -> str:
        """What it is, and over what it is summarised."""
        title = catalog.architecture(self.runs[0].run.config.architecture).title
        return f"{title}, {len(self.runs)} {self.kind}"

    @property
    def protocol(self) -> str:
        """What they were measured on; the same for all of one configuration but for a leak."""
        return ", or ".join(dict.fromkeys(run.protocol for run in self.runs))

    def figures(self) -> dict[str, dict[str, float | None]]:
        """Of each metric mean, low, high (the lowest and the highest run) and deviation.

        All None where it is undefined in a run. low to high is no confidence interval: it is how
        far a repetition went.
        """
        found = {}
        for name in classification.NAMES:
            values = [run.figures()[name] for run in self.runs]
            found[name] = _spread([v for v in values if v is not None], len(values))
        return found

    def history(self, quantity: str) -> pd.DataFrame:
        """epoch, mean, low and high of a column of history.csv, over the runs that got so far."""
        curves = [run.run.history.set_index("epoch")[quantity] for run in self.runs]
        table = pd.concat(curves, axis=1)
        frame = {"mean": table.mean(axis=1), "low": table.min(axis=1), "high": table.max(axis=1)}
        return pd.DataFrame(frame).rename_axis("epoch").reset_index()


def _spread(values: list[float], wanted: int) -> dict[str, float | None]:
    if len(values) < wanted:
        return dict.fromkeys(("mean", "low", "high", "deviation"))
    return {
        "mean": float(np.mean(values)),
        "low": min(values),
        "high": max(values),
        "deviation": float(np.std(values, ddof=1)),
    }


def find(runs: Sequence[TestSet]) -> list[Repeat]:
    """The repeats among runs: two or more of one configuration but for seed and fold."""
    alike: dict[Any, list[TestSet]] = {}
    for run in runs:
        alike.setdefault(run.run.config.replace(seed=0, fold=0), []).append(run)
    found = []
    for several in alike.values():
        seeds = {run.run.config.seed for run in several}
        folds = {run.run.config.fold for run in several}
        kinds = [k for k, there in (("seeds", seeds), ("folds", folds)) if len(there) > 1]
        if len(several) > 1 and kinds:
            found.append(Repeat(tuple(several), " and ".join(kinds)))
    return found


def shown(repeats: Sequence[Repeat]) -> pd.DataFrame:
    """One row a repeat: the mean of each metric, and in brackets its lowest and highest run."""
    rows = []
    for one in repeats:
        figures = one.figures()
        cells = {
            classification.NAMES[name]: with_interval(spread["mean"], spread["low"], spread["high"])
            for name, spread in figures.items()
        }
        rows.append({"Runs": one.name, "Measured on": one.protocol, **cells})
    return pd.DataFrame(rows)


def table(repeats: Sequence[Repeat]) -> pd.DataFrame:
    """One row a repeat and metric, to take away."""
    rows: list[dict[str, Any]] = []
    for one in repeats:
        for name, spread in one.figures().items():
            rows.append(
                {
                    "Runs": one.name,
                    "Measured on": one.protocol,
                    "Metric": classification.NAMES[name],
                    "Mean": spread["mean"],
                    "Lowest": spread["low"],
                    "Highest": spread["high"],
                    "Standard deviation": spread["deviation"],
                }
            )
    return pd.DataFrame(rows)
