"""What a run has at its end, whether it was trained here or adopted: split, metrics, reference."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from core import storage
from core.cells.detection.red_cells import RED_CELL_UM
from core.data import indexing, measures, splits
from core.data.geometry import Geometry
from core.data.images import PIXELS
from core.evaluation import staining
from core.evaluation.evaluate import predict_parts
from core.jobs.reporter import Reporter
from core.models.engine import Engine
from core.ood import reference
from core.runs import environment
from core.runs.metrics import DatasetFacts, Protocol, RunMetrics, Training
from core.runs.run_store import Run


def choose(index: indexing.Index, run: Run) -> pd.DataFrame:
    """Samples and splits the cells of a run, as its config says."""
    config = run.config
    return splits.draw(
        index,
        config.split,
        seed=config.seed,
        sample_of=config.sample,
        balance=config.balance,
        folds=config.folds,
        fold=config.fold,
    )


def save_split(run: Run, parts: pd.DataFrame) -> None:
    """Writes split.parquet: image_id, subject, group, label, sha256 and split of each cell."""
    columns = ["image_id", "subject", "group", "label", "sha256", "split"]
    with storage.atomic(run.path / "split.parquet") as temporary:
        parts[columns].to_parquet(temporary, index=False)


def write(
    run: Run,
    index: indexing.Index,
    parts: pd.DataFrame,
    geometry: Geometry,
    logits: np.ndarray,
    features: np.ndarray,
    training: Training,
    engine: Engine,
    reporter: Reporter,
) -> None:
    """Writes reference.npz, calibration.json, predictions.parquet, metrics.json, and into the file
    of the run's stain what adapting cells to it costs.

    `parts` has the cells with their split; logits (N,) and features (N, C), averaged over the
    feature map, are those of each; `engine` is the exported one.
    """
    cells = parts.loc[parts["split"] == "train", "image_id"]
    reporter.phase("measuring the training cells", len(cells))
    looks = measures.measure(index, reporter.progress, cells)
    reporter.phase("measuring")
    red_cell = RED_CELL_UM / index.um_per_px if index.um_per_px else None
    reference.write(run, parts.merge(looks, on="image_id", how="left"), features, red_cell)
    RunMetrics(
        dataset=_facts(index),
        protocol=_protocol(run, index, parts),
        preprocessing={**asdict(geometry), "pixels": PIXELS},
        parts=predict_parts(run, parts, logits),
        training=training,
        environment=environment.describe(),
    ).write(run.path / "metrics.json")
    if (stain := run.stain) is not None and not run.config.sees_whole_images:
        reporter.phase("measuring what adapting stain costs", staining.STAINS)
        staining.measure_cost(run, stain, index.root, parts, engine, reporter.progress)


def _protocol(run: Run, index: indexing.Index, parts: pd.DataFrame) -> Protocol:
    test = parts.loc[parts["split"] == "test", "sha256"]
    protocol = Protocol(
        split=run.config.split,
        test_cells=indexing.digest(sorted(test)),
        **dict(splits.audit(parts, index.pairs)),
    )
    unknown = run.adoption is not None and run.adoption.statement is None
    return protocol.with_training_unknown() if unknown else protocol


def _facts(index: indexing.Index) -> DatasetFacts:
    return DatasetFacts.parse(
        {
            "name": index.name,
            "synthetic": index.synthetic,
            "fingerprint": index.fingerprint,
            "layout": index.layout,
            "classes": index.classes or None,
            "images": len(index.cells),
            "unlabelled": int(index.cells["label"].isna().sum()),
            "phases": {str(k): int(n) for k, n in index.cells["phase"].value_counts().items()},
            "rejected": len(index.rejected),
            "duplicate_pairs": len(index.pairs),
            "linked_subjects": index.linked_subjects(),
        }
    )
