"""The test part of a finished run, cell by cell, for comparisons.

Metrics are computed anew from the predictions, so that runs whose metrics.json is of an older
version can be compared.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd

from core.errors import RunError
from core.metrics import bootstrap, classification
from core.metrics.bootstrap import Resampling
from core.metrics.estimate import TOO_FEW_GROUPS, UNKNOWN_SUBJECTS, Estimate
from core.models import catalog
from core.runs.metrics import PartMetrics, RunMetrics
from core.runs.run_store import Run

# The cells of a confusion matrix: the label and the call.
OUTCOMES = {
    "tp": "ALL, called ALL",
    "fn": "ALL, called HEM",
    "fp": "HEM, called ALL",
    "tn": "HEM, called HEM",
}


@dataclass(frozen=True, eq=False)
class TestSet:
    """The test part of a run.

    cells: image_id, sha256, subject, group, label, logit and probability, in the order of image_id.
    threshold: of the call ALL. facts: the metrics.json of the run.
    """

    __test__: ClassVar[bool] = False  # pytest must not collect it

    run: Run
    cells: pd.DataFrame
    threshold: float
    facts: RunMetrics

    @classmethod
    def load(cls, run: Run) -> "TestSet":
        """Loads the test part of a run. Raises `RunError` if it has not succeeded or is damaged."""
        run.require_succeeded("be compared")
        facts = metrics_of(run)
        catalog.architecture(run.config.architecture)
        try:
            predicted = run.predictions.query("split == 'test'")
            contents = split_of(run)[["image_id", "sha256"]]
            cells = predicted.merge(contents, on="image_id", how="left", validate="1:1")
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
        labels: np.ndarray = self.cells["label"].to_numpy()
        return labels

    @property
    def probabilities(self) -> np.ndarray:
        """P(ALL), float64 (N,)."""
        probabilities: np.ndarray = self.cells["probability"].to_numpy()
        return probabilities

    @property
    def calls(self) -> np.ndarray:
        """1 where ALL is called, int64 (N,)."""
        return (self.probabilities >= self.threshold).astype(int)

    @property
    def groups(self) -> np.ndarray | None:
        """The group of each cell, (N,); None if a subject is unknown."""
        groups = self.cells["group"]
        return None if groups.isna().any() else groups.to_numpy(str)

    @property
    def leaking(self) -> bool:
        """Whether training and test share groups or copies, or subjects are unknown."""
        return self.facts.protocol.leaking

    @property
    def synthetic(self) -> bool:
        return self.facts.dataset.synthetic

    @cached_property
    def content(self) -> pd.DataFrame:
        """sha256, label and group of the cells, sorted: what was tested, wherever it lay."""
        columns = ["sha256", "label", "group"]
        return self.cells[columns].sort_values(columns, ignore_index=True)

    @cached_property
    def resamples(self) -> Resampling | None:
        """Resamples of the groups; None if no interval is available.

        They depend on the groups and a fixed seed only, so that runs on the same test cells, in the
        same order, have the same resamples, and can be paired.
        """
        groups = self.groups
        if groups is None or not bootstrap.tells(self.labels, groups):
            return None
        return bootstrap.resample(self.labels, groups)

    @cached_property
    def replicates(self) -> dict[str, np.ndarray] | None:
        """Each metric of each resample, float64 (R,); None if no interval is available."""
        if self.resamples is None:
            return None
        return bootstrap.replicates(self.resamples, self.labels, self.probabilities, self.threshold)

    @cached_property
    def metrics(self) -> PartMetrics:
        """The metrics, computed from the cells."""
        return PartMetrics.parse(
            {
                **classification.measure(self.labels, self.probabilities, self.threshold),
                "groups": int(self.cells["group"].nunique()),
                "intervals": {name: item.interval for name, item in self._estimates.items()},
            }
        )

    @cached_property
    def _estimates(self) -> dict[str, Estimate]:
        values = classification.metrics(self.labels, self.probabilities, self.threshold)
        return bootstrap.estimates(values, self.resamples, self.replicates, self.lack)

    @property
    def lack(self) -> str:
        """Why there are no resamples, where there are none."""
        return UNKNOWN_SUBJECTS if self.groups is None else TOO_FEW_GROUPS

    def estimate(self, metric: str) -> Estimate:
        """A metric of `classification.NAMES` with its interval."""
        return self._estimates[metric]

    def predictive_values(self, prevalence: float) -> dict[str, Estimate]:
        """PPV and NPV with their intervals, at a prevalence of ALL.

        Raises `DataError` if the prevalence is not between 0 and 1.
        """
        rates = (_number(self.metrics.sensitivity), _number(self.metrics.specificity))
        values = classification.predictive_values(*rates, prevalence)
        replicates = self.replicates and classification.predictive_values(
            self.replicates["sensitivity"], self.replicates["specificity"], prevalence
        )
        known = {n: None if np.isnan(value) else float(value) for n, value in values.items()}
        return bootstrap.estimates(known, self.resamples, replicates, self.lack)

    def outcome(self, kind: str) -> pd.DataFrame:
        """The cells of one of `OUTCOMES`, the most confident call first."""
        label, call = int(kind in ("tp", "fn")), int(kind in ("tp", "fp"))
        cells = self.cells[(self.labels == label) & (self.calls == call)]
        return cells.sort_values("logit", ascending=not call, kind="stable")


def _number(value: float | None) -> np.ndarray:
    return np.array(np.nan if value is None else value)


def split_of(run: Run) -> pd.DataFrame:
    """Reads split.parquet: image_id, subject, group, label, sha256 and split of each cell.

    Raises `RunError` if it is missing or damaged.
    """
    try:
        return pd.read_parquet(run.path / "split.parquet")
    except (OSError, ValueError):
        raise RunError(f"Run {run.run_id} has no split.parquet; train it again.") from None


def metrics_of(run: Run) -> RunMetrics:
    """Reads the measurements of a run that succeeded. Raises `RunError` if they are missing."""
    if (metrics := run.metrics) is None:
        raise RunError(f"Run {run.run_id} has lost its metrics.json; train it again.")
    return metrics
