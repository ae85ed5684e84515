"""Measures the classifier of a run with the engine that readings use."""

import time

import numpy as np
import pandas as pd

from core import locks, storage
from core.data import datasets
from core.data.pixel_cache import pixels
from core.data.walk import Progress
from core.errors import DataError
from core.metrics import bootstrap, calibration, classification
from core.models.engine import Engine
from core.runs import evaluations
from core.runs.calibration import Calibration
from core.runs.evaluations import Evaluation
from core.runs.metrics import PartMetrics
from core.runs.run_store import Run

COLUMNS = ["image_id", "subject", "group", "split", "label", "logit", "probability"]


def predict_parts(run: Run, parts: pd.DataFrame, logits: np.ndarray) -> dict[str, PartMetrics]:
    """Calibrates on the validation part and measures each part; returns metrics by part.

    `parts` has the cells with their split, `logits` (N,) the outputs of the classifier. Writes
    predictions.parquet and calibration.json.
    """
    validation = (parts["split"] == "validation").to_numpy()
    groups = groups_of(parts)[validation]
    labels = parts["label"].to_numpy()[validation]
    items = run.config.items
    fitted = Calibration.parse(calibration.fit(labels, logits[validation], groups, items=items))
    fitted.write(run.path / "calibration.json")
    table = parts.assign(logit=logits, probability=fitted.probability(logits))
    with storage.atomic(run.path / "predictions.parquet") as temporary:
        table[COLUMNS].to_parquet(temporary, index=False)
    return measure_parts(table, fitted)


def groups_of(rows: pd.DataFrame) -> np.ndarray:
    """The group of each cell, (N,); all cells of unknown subjects count as one group."""
    groups: np.ndarray = rows["group"].fillna("unknown").to_numpy()
    return groups


def measure_parts(predictions: pd.DataFrame, fitted: Calibration) -> dict[str, PartMetrics]:
    """Measures each part of predictions (split, label, probability, group), for metrics.json.

    Metrics are those of the two calls ALL and HEM; `calls` counts the calls of each class with the
    call review.
    """
    return {
        str(part): measure(rows, fitted.threshold).replace(calls=_calls(rows, fitted))
        for part, rows in predictions.groupby("split")
    }


def _calls(rows: pd.DataFrame, fitted: Calibration) -> dict[str, dict[str, int]]:
    called = [fitted.call(value) for value in rows["probability"]]
    names = np.where(rows["label"] == 1, "ALL", "HEM")
    return {
        name: {
            call: sum(c == call and n == name for c, n in zip(called, names, strict=True))
            for call in ("ALL", "HEM", "review")
        }
        for name in ("ALL", "HEM")
    }


def measure(rows: pd.DataFrame, threshold: float) -> PartMetrics:
    """Measures predictions (label, probability, group), with group-bootstrap intervals."""
    labels, probabilities = rows["label"].to_numpy(), rows["probability"].to_numpy()
    intervals = dict.fromkeys(classification.NAMES)  # without groups there is nothing to resample
    if rows["group"].notna().all():
        groups = rows["group"].to_numpy()
        estimates = bootstrap.intervals(labels, probabilities, groups, threshold=threshold)
        intervals |= {name: estimate.interval for name, estimate in estimates.items()}
    return PartMetrics.parse(
        {
            **classification.measure(labels, probabilities, threshold),
            "groups": int(rows["group"].nunique()),
            "intervals": intervals,
        }
    )


def evaluate_on(run: Run, dataset: str, progress: Progress | None = None) -> Evaluation:
    """Measures a finished run on the labelled cells of a data set.

    Counts the cells that the run was trained or validated on, and those of the same groups. Stores
    the evaluation in evaluations.json of the run. Raises `DataError` if no cell has a label.
    """
    index = datasets.index(datasets.resolve(dataset), progress)
    cells = index.labelled()
    if cells.empty:
        raise DataError(
            f"{index.name} has no labelled cells to measure on. Say which classes are ALL and "
            "HEM, or add the table of labels."
        )
    inputs, normaliser = run.config.inputs, run.normaliser
    array = pixels(index.root, cells, run.geometry, progress, inputs=inputs, normaliser=normaliser)
    logits = Engine(run.engine_file).logits(array)
    fitted = run.calibration
    rows = cells.assign(probability=fitted.probability(logits))
    trained_on, known = seen_by(run, cells, synthetic=index.synthetic)
    evaluation = Evaluation(
        run=run.run_id,
        dataset=dataset,
        synthetic=index.synthetic,
        subjects=None if cells["subject"].isna().any() else int(cells["subject"].nunique()),
        threshold=fitted.threshold,
        calibration=fitted.method,
        metrics=measure(rows, fitted.threshold),
        trained_on=int(trained_on.sum()),
        of_subjects_trained_on=int(known.sum()),
        leaking=bool(known.any()) or _training_unknown(run),
    )
    _store(run, evaluation.replace(dataset=index.name, fingerprint=index.fingerprint))
    return evaluation


def _training_unknown(run: Run) -> bool:
    return run.metrics is not None and run.metrics.protocol.training_unknown


def _store(run: Run, evaluation: Evaluation) -> None:
    """Stores the last evaluation on each data set, for the model card."""
    file = run.path / "evaluations.json"
    with locks.lock(file):
        others = [row for row in run.evaluations if row.fingerprint != evaluation.fingerprint]
        evaluations.write(file, [*others, evaluation.replace(at=time.time())])


def seen_by(run: Run, cells: pd.DataFrame, *, synthetic: bool) -> tuple[pd.Series, pd.Series]:
    """Which cells a run was trained or validated on, and which are of the same groups.

    Cells are matched by content. Subjects are matched by their cells, and real ones by their id of
    C-NMC too; synthetic data sets of different seeds share ids without sharing subjects.
    """
    seen = pd.read_parquet(run.path / "split.parquet").query("split != 'test'")
    trained_on = cells["sha256"].isin(seen["sha256"])
    known = trained_on
    if not synthetic and run.metrics and not run.metrics.dataset.synthetic:
        known = known | cells["subject"].isin(seen["subject"].dropna())
    return trained_on, known | cells["group"].isin(cells.loc[known, "group"].dropna())
