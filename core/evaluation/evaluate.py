"""Measures a run's classifier, through the same engine that readings use."""

import time

import numpy as np
import pandas as pd

from core import storage
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
    """Calibrates on the validation part of a run's split and measures each part.

    `parts` has the cells with their split, `logits` (N,) what the classifier says of each. Writes
    predictions.parquet and calibration.json; returns metrics by part.
    """
    chosen = (parts["split"] == "validation").to_numpy()
    groups = clusters(parts)[chosen]
    fitted = calibration.fit(parts["label"].to_numpy()[chosen], logits[chosen], groups)
    contract = Calibration.parse(fitted)
    contract.write(run.path / "calibration.json")
    table = parts.assign(logit=logits, probability=contract.probability(logits))
    with storage.atomic(run.path / "predictions.parquet") as temporary:
        table[COLUMNS].to_parquet(temporary, index=False)
    return measure_parts(table, contract)


def clusters(rows: pd.DataFrame) -> np.ndarray:
    """The group of each cell, (N,); cells of unknown subjects, who may be one, count as one."""
    groups: np.ndarray = rows["group"].fillna("unknown").to_numpy()
    return groups


def measure_parts(table: pd.DataFrame, contract: Calibration) -> dict[str, PartMetrics]:
    """Metrics of each part of predictions (split, label, probability, group), as metrics.json has.

    All are of the two calls that the threshold makes; calls adds how many cells of each class are
    called what, review among them.
    """
    return {
        str(part): measure(rows, contract.threshold).replace(calls=_calls(rows, contract))
        for part, rows in table.groupby("split")
    }


def _calls(rows: pd.DataFrame, contract: Calibration) -> dict[str, dict[str, int]]:
    called = [contract.call(value) for value in rows["probability"]]
    names = np.where(rows["label"] == 1, "ALL", "HEM")
    return {
        name: {
            call: sum(c == call and n == name for c, n in zip(called, names, strict=True))
            for call in ("ALL", "HEM", "review")
        }
        for name in ("ALL", "HEM")
    }


def measure(rows: pd.DataFrame, threshold: float) -> PartMetrics:
    """Metrics with group-bootstrap intervals of predictions (label, probability, group)."""
    labels, probabilities = rows["label"].to_numpy(), rows["probability"].to_numpy()
    intervals = dict.fromkeys(classification.NAMES)  # without groups there is nothing to resample
    if rows["group"].notna().all():
        groups = rows["group"].to_numpy()
        estimates = bootstrap.estimates(labels, probabilities, groups, threshold=threshold)
        intervals |= {name: estimate.interval for name, estimate in estimates.items()}
    return PartMetrics.parse(
        {
            **classification.measure(labels, probabilities, threshold),
            "groups": int(rows["group"].nunique()),
            "intervals": intervals,
        }
    )


def evaluate_on(run: Run, dataset: str, progress: Progress | None = None) -> Evaluation:
    """Measures a finished run on the labelled cells of a data set, and says which it has seen.

    Returns run, dataset, metrics, trained_on (cells of it that were in the run's training or
    validation part, by content), of_subjects_trained_on (cells of the same subjects' groups) and
    leaking (whether there are any), and adds that to the run's evaluations.json. Raises `DataError`
    where no cell has a label.
    """
    found = datasets.index(datasets.resolve(dataset), progress)
    cells = found.labelled()
    if cells.empty:
        raise DataError(f"{found.name} has no labelled cells to measure on.")
    array = pixels(found.root, cells, run.geometry, progress, inputs=run.config.inputs)
    logits = Engine(run.engine_file).logits(array)
    contract = run.calibration
    rows = cells.assign(probability=contract.probability(logits))
    trained_on, known = _known_to(run, cells, synthetic=found.synthetic)
    evaluation = Evaluation(
        run=run.run_id,
        dataset=dataset,
        metrics=measure(rows, contract.threshold),
        trained_on=int(trained_on.sum()),
        of_subjects_trained_on=int(known.sum()),
        leaking=bool(known.any()),
    )
    _remember(run, evaluation.replace(dataset=found.name, fingerprint=found.fingerprint))
    return evaluation


def _remember(run: Run, evaluation: Evaluation) -> None:
    """Keeps the last evaluation on each data set, for the model card."""
    file = run.path / "evaluations.json"
    with storage.lock(file):
        others = [row for row in run.evaluations if row.fingerprint != evaluation.fingerprint]
        evaluations.write(file, [*others, evaluation.replace(at=time.time())])


def _known_to(run: Run, cells: pd.DataFrame, *, synthetic: bool) -> tuple[pd.Series, pd.Series]:
    """Which cells a run was trained or validated on, and which are of the same subjects' groups.

    Cells are known by content. So are subjects, and real ones by their id too, which is C-NMC's;
    synthetic sets of different seeds share ids without sharing subjects.
    """
    seen = pd.read_parquet(run.path / "split.parquet").query("split != 'test'")
    trained_on = cells["sha256"].isin(seen["sha256"])
    known = trained_on
    if not synthetic and run.metrics and not run.metrics.dataset.synthetic:
        known = known | cells["subject"].isin(seen["subject"].dropna())
    return trained_on, known | cells["group"].isin(cells.loc[known, "group"].dropna())
