"""The files of a run, read once for the run doctor."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.archive import keras_file
from core.data import splits
from core.documents import Section
from core.errors import RunError
from core.jobs.job import Status
from core.models import catalog
from core.models.architecture import Architecture
from core.runs.calibration import Calibration
from core.runs.config import RunConfig, Setting
from core.runs.metrics import PartMetrics, RunMetrics
from core.runs.run_store import HISTORY_COLUMNS, STAGES, Run
from core.settings import settings
from core.untrusted import zipped


@dataclass(frozen=True)
class Evidence:
    """The evidence for a fault, advice, and the settings that repair it, if any."""

    evidence: str
    advice: str
    repair: Mapping[str, Setting] | None = None


@dataclass(frozen=True)
class Fit:
    """Cross-entropy in nats of the kept weights on two parts."""

    training: float
    validation: float


class LayerConfig(Section):
    """What a layer was made with; layers: those of a nested network."""

    name: str
    activation: Any = None
    units: int | None = None
    filters: int | None = None
    layers: tuple["KerasLayer", ...] | None = None


class KerasLayer(Section):
    """A layer, or a whole network, in config.json of model.keras."""

    class_name: str
    config: LayerConfig


@dataclass(frozen=True)
class Record:
    """A run that has ended, successfully or not.

    history has `HISTORY_COLUMNS`; predictions, calibration, metrics, parts (split.parquet) and
    network (the architecture in model.keras) are None if the run ended before writing them.
    """

    config: RunConfig
    status: Status
    history: pd.DataFrame
    predictions: pd.DataFrame | None
    calibration: Calibration | None
    metrics: RunMetrics | None
    parts: pd.DataFrame | None
    network: KerasLayer | None

    @property
    def entry(self) -> Architecture:
        """The run's architecture."""
        return catalog.architecture(self.config.architecture)

    @property
    def failed_in_numbers(self) -> bool:
        """Whether training ended because the loss was not finite."""
        not_finite = self.status.state == "failed" and "The loss became" in (
            self.status.error or ""
        )
        losses = self.history["validation_cross_entropy"].to_numpy(float)
        return not_finite or not np.isfinite(losses).all()

    def rate(self, stage: str) -> tuple[str, float]:
        """Returns the setting of the learning rate of a stage, and its initial value."""
        config = self.config
        rate = config.learning_rate or self.entry.learning_rate
        if stage == STAGES[1]:
            return "fine_tune_rate", config.fine_tune_rate or rate / 10
        return "learning_rate", rate

    @property
    def guess(self) -> float:
        """Cross-entropy, in nats, of the best constant probability.

        It is the entropy of the class shares in training, or of equal shares if classes are
        balanced in the loss or in the batches. Needs `parts`.
        """
        assert self.parts is not None
        train = self.parts[self.parts["split"] == "train"]
        share = float(train["label"].mean()) if self.config.class_balance == "none" else 0.5
        return float(-share * np.log(share) - (1 - share) * np.log(1 - share))

    @cached_property
    def fit(self) -> Fit | None:
        """From the predictions, else from the kept epoch of the history."""
        if self.predictions is not None:
            return Fit(*(_cross_entropy(self.predictions, part) for part in splits.PARTS[:2]))
        if self.history.empty:
            return None
        best = self.history["validation_cross_entropy"].argmin()
        row = self.history.iloc[best if self.config.keep == "best" else -1]
        return Fit(float(row["cross_entropy"]), float(row["validation_cross_entropy"]))

    @property
    def test(self) -> PartMetrics | None:
        """Metrics of the test part."""
        return self.metrics.test if self.metrics else None

    @property
    def beside_always_all(self) -> str:
        """Accuracy on the test part, and that of always answering ALL; "" before the test."""
        test = self.test
        if test is None:
            return ""
        return (
            f"On {test.images} test {self.config.items} its accuracy is {test.accuracy:.2f}; "
            f"always answering ALL has {test.always_all['accuracy']:.2f}."
        )

    @property
    def spread(self) -> float | None:
        """Standard deviation of the logit over all cells; None before the predictions."""
        return None if self.predictions is None else float(self.predictions["logit"].std(ddof=0))

    @property
    def logits(self) -> str:
        """The ranges of logit and probability over all cells, in words. Needs `predictions`."""
        assert self.predictions is not None
        logits, shares = self.predictions["logit"], self.predictions["probability"]
        return (
            f"logit (log-odds of ALL) runs from {logits.min():.3f} to {logits.max():.3f} with a "
            f"standard deviation of {self.spread:.3f}, the probability from {shares.min():.3f} to "
            f"{shares.max():.3f}"
        )

    @property
    def last_layers(self) -> list[KerasLayer]:
        """The layers, with those of nested networks, from last to first; [] without a network."""
        return list(reversed(_layers(self.network))) if self.network else []


def read(run: Run) -> Record:
    """Reads a run folder. Raises `RunError` if files are damaged or of another version."""
    history = run.history
    missing = set(HISTORY_COLUMNS) - set(history.columns)
    if missing:
        raise RunError(
            f"history.csv of run {run.run_id} lacks {', '.join(sorted(missing))}: damaged, or of "
            "another version. Train it again."
        )
    split_file = run.path / "split.parquet"
    return Record(
        config=run.config,
        status=run.status,
        history=history,
        predictions=run.predictions if (run.path / "predictions.parquet").exists() else None,
        calibration=run.calibration if (run.path / "calibration.json").exists() else None,
        metrics=run.metrics,
        parts=pd.read_parquet(split_file) if split_file.exists() else None,
        network=_network(run),
    )


def _network(run: Run) -> KerasLayer | None:
    file = run.path / "model.keras"
    if not file.exists():
        return None
    try:
        with zipped.opened(file, settings().max_archive_bytes, RunError) as members:
            text = members.read("config.json", keras_file.JSON_BYTES)
        return KerasLayer.parse(json.loads(text))
    except (RunError, ValueError, RecursionError):
        raise RunError(
            f"model.keras of run {run.run_id} is damaged. Train the run again."
        ) from None


def _layers(network: KerasLayer) -> list[KerasLayer]:
    """The layers of a network, including those of nested networks."""
    nested = network.config.layers
    if nested is None:
        return [network]
    return [layer for part in nested for layer in _layers(part)]


def _cross_entropy(predictions: pd.DataFrame, part: str) -> float:
    rows = predictions[predictions["split"] == part]
    signs = np.where(rows["label"] == 1, 1.0, -1.0)
    return float(np.logaddexp(0, -signs * rows["logit"]).mean())
