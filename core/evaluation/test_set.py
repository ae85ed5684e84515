"""A finished run's test part, cell by cell, as its folder holds it: what comparisons are made of.

Everything is measured anew from the predictions, so that runs of all versions, with metrics.json
files of before a metric was added, stand side by side.
"""

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from core.errors import RunError
from core.metrics import classification
from core.metrics.bootstrap import Resampling, interval, replicates, resample, tells
from core.models import catalog
from core.runs.metrics import RunMetrics
from core.runs.run_store import Run

# The cells of a confusion matrix: what they are and what they are called.
OUTCOMES = {
    "tp": "ALL, called ALL",
    "fn": "ALL, called HEM",
    "fp": "HEM, called ALL",
    "tn": "HEM, called HEM",
}


@dataclass(frozen=True, eq=False)
class TestSet:
    """cells: the test part, in the order of image_id (image_id, sha256, subject, group, label,
    logit, probability). threshold: of the call ALL. facts: the run's metrics.json.
    """

    __test__: ClassVar[bool] = False  # pytest: this is not a class of tests

    run: Run
    cells: pd.DataFrame
    threshold: float
    facts: RunMetrics

    @classmethod
    def load(cls, run: Run) -> "TestSet":
        """The test part of a run that succeeded. Raises `RunError` with what its folder lacks."""
        state = run.status.state
        if state != "succeeded":
            raise RunError(
                f"Run {run.run_id} is {state}; only runs that succeeded can be compared."
            )
        facts = run.metrics
        if facts is None:
            raise RunError(f"Run {run.run_id} has lost its metrics.json; train it again.")
        catalog.architecture(run.config.architecture)
        try:
            predicted = run.predictions.query("split == 'test'")
            cells = predicted.merge(_contents(run), on="image_id", how="left", validate="1:1")
            columns = ["image_id", "sha256", "subject", "group", "label", "logit", "probability"]
            cells = cells[columns].sort_values("image_id", ignore_index=True)
        except (KeyError, pd.errors.MergeError) as error:
            raise RunError(
                f"Run {run.run_id} is damaged or of another version ({error}); train it again."
            ) from None
        if cells.empty or cells["sha256"].isna().any():
            raise RunError(f"Run {run.run_id} has test cells that its split lacks; train it again.")
        return cls(run, cells, run.calibration.threshold, facts)

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.run.run_id

    @property
    def labels(self) -> np.ndarray:
        """1 = ALL, 0 = HEM, int64 (N,)."""
        return self.cells["label"].to_numpy()

    @property
    def probabilities(self) -> np.ndarray:
        """P(ALL), float64 (N,)."""
        return self.cells["probability"].to_numpy()

    @property
    def calls(self) -> np.ndarray:
        """1 where ALL is called, int64 (N,)."""
        return (self.probabilities >= self.threshold).astype(int)

    @property
    def groups(self) -> np.ndarray | None:
        """Each cell's group, (N,); None where a subject is not known."""
        groups = self.cells["group"]
        return None if groups.isna().any() else groups.to_numpy(str)

    @property
    def leaking(self) -> bool:
        """Whether cells of one group, or copies, stand on both sides, or cannot be known not to."""
        return self.facts.protocol.leaking

    @property
    def synthetic(self) -> bool:
        """Whether these are drawn cells."""
        return self.facts.dataset.synthetic

    @property
    def protocol(self) -> str:
        """What it was measured on, in a few words: no number is shown without them."""
        words = {
            "subject": "held-out subjects",
            "preliminary": "preliminary test",
            "folds": "an official fold",
            "image": "split by image",
        }[self.run.config.split]
        if self.facts.protocol.unknown_subjects:
            words = "unknown subjects"
        leak = ", leaks" if self.leaking else ""
        return words + leak + (", synthetic" if self.synthetic else "")

    @property
    def where(self) -> str:
        """The same for a sentence: how many cells, and of whom."""
        whose = {
            "subject": "of held-out subjects",
            "preliminary": "of the official preliminary test",
            "folds": "of an official fold",
            "image": "drawn without regard to subjects",
        }[self.run.config.split]
        kind = "synthetic cells" if self.synthetic else "cells"
        return f"{len(self.cells):,} {kind} {whose}"

    @cached_property
    def resamples(self) -> Resampling | None:
        """The resamples of its groups; None where no interval can be had.

        They follow from the groups and a fixed seed alone: runs of the same test cells, in the
        same order, are resampled alike, which is what pairs them.
        """
        groups = self.groups
        if groups is None or not tells(self.labels, groups):
            return None
        return resample(groups)

    @cached_property
    def replicates(self) -> dict[str, np.ndarray] | None:
        """Each metric of each resample, (R,); None where no interval can be had."""
        if self.resamples is None:
            return None
        return replicates(self.resamples, self.labels, self.probabilities, self.threshold)

    def outcome(self, kind: str) -> pd.DataFrame:
        """The cells of one of `OUTCOMES`, those with the surest call first."""
        label, call = int(kind in ("tp", "fn")), int(kind in ("tp", "fp"))
        cells = self.cells[(self.labels == label) & (self.calls == call)]
        return cells.sort_values("logit", ascending=not call, kind="stable")

    def figures(self, prevalence: float | None = None) -> dict[str, Any]:
        """What `metrics.measure` gives, with groups and intervals{metric: [low, high] or None}.

        With a prevalence in (0, 1) also ppv and npv, and theirs in always_all. Raises `DataError`.
        """
        found = deepcopy(self._figures)
        if prevalence is None:
            return found
        resamples, spans = self.replicates, found["intervals"]
        for one in (found, found["always_all"]):
            rates = (_number(one["sensitivity"]), _number(one["specificity"]))
            values = classification.predictive_values(*rates, prevalence)
            one |= {n: None if np.isnan(v) else float(v) for n, v in values.items()}
        spans |= dict.fromkeys(classification.PREDICTIVE)
        if resamples:
            values = classification.predictive_values(
                resamples["sensitivity"], resamples["specificity"], prevalence
            )
            spans |= {name: interval(v) for name, v in values.items()}
        return found

    @cached_property
    def _figures(self) -> dict[str, Any]:
        resamples = self.replicates or {}
        return {
            **classification.measure(self.labels, self.probabilities, self.threshold),
            "groups": int(self.cells["group"].nunique()),
            "intervals": {n: interval(resamples.get(n, np.empty(0))) for n in classification.NAMES},
        }


def _number(value: float | None) -> np.ndarray:
    return np.array(np.nan if value is None else value)


def split_of(run: Run) -> pd.DataFrame:
    """split.parquet: image_id, subject, group, label, sha256 and split of each cell.

    Raises `RunError`.
    """
    try:
        return pd.read_parquet(run.path / "split.parquet")
    except (OSError, ValueError):
        raise RunError(f"Run {run.run_id} has no split.parquet; train it again.") from None


def _contents(run: Run) -> pd.DataFrame:
    return split_of(run)[["image_id", "sha256"]]
