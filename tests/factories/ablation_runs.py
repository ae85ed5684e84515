"""Finished companion runs on disk whose predictions a test decides."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from core import storage
from core.evaluation.evaluate import COLUMNS
from core.jobs.job import Status
from core.runs import config, environment, run_store
from core.runs.config import RunConfig
from core.runs.run_store import Run

GROUPS, CELLS = 12, 10
Scores = Callable[[pd.DataFrame, np.random.Generator], np.ndarray]


def cells() -> pd.DataFrame:
    """120 cells of 12 subjects, each of one class."""
    subject = np.repeat(np.arange(GROUPS), CELLS)
    return pd.DataFrame(
        {
            "image_id": [f"{n:04}.bmp" for n in range(len(subject))],
            "subject": [f"s{number}" for number in subject],
            "group": [f"s{number}" for number in subject],
            "label": subject % 2,
            "sha256": [f"{n:064x}" for n in range(len(subject))],
        }
    )


def base() -> RunConfig:
    return config.create("compact", Path("/nowhere"), "recommended", epochs=3)


def parts(wanted: RunConfig) -> pd.DataFrame:
    """The cells with a split of that config's kind."""
    table, folds = cells(), max(wanted.folds, 1)
    number = np.arange(len(table)) if wanted.split == "image" else np.arange(len(table)) // CELLS
    return table.assign(split=np.where(number // 2 % folds == wanted.fold, "test", "train"))


def finish(
    wanted: RunConfig,
    scores: Scores,
    *,
    contents: str = "as it is",
    table: pd.DataFrame | None = None,
) -> Run:
    """A succeeded run of that config; `scores` gives the logits of its cells.

    `table` has the cells with their split (default: those of `parts`), `contents` is their data
    set's fingerprint.
    """
    run = run_store.create(wanted)
    table = (parts(wanted) if table is None else table).copy()
    table.to_parquet(run.path / "split.parquet")
    table["logit"] = scores(table, np.random.default_rng(wanted.fold))
    table["probability"] = 1 / (1 + np.exp(-table["logit"]))
    table[COLUMNS].to_parquet(run.path / "predictions.parquet")
    calibration = {"temperature": 1.0, "threshold": 0.5, "reason": "given"}
    storage.write_json(run.path / "calibration.json", calibration)
    measured = {
        "dataset": {"name": "nowhere", "synthetic": True, "fingerprint": contents},
        "protocol": {"leaking": False},
        "parts": {},
        "training": {"images_per_second": 100.0, "epochs": 3},
        "environment": environment.describe().to_json(),
    }
    storage.write_json(run.path / "metrics.json", measured)
    run.write_status(Status(state="succeeded", finished=1.0))
    return run


def skilled(skill: float) -> Scores:
    """Logits that stand `skill` standard deviations off zero, on the side of the label."""

    def scores(table: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
        return skill * (2 * table["label"].to_numpy() - 1) + rng.normal(size=len(table))

    return scores


def audited(wanted: RunConfig, sides: dict[str, Scores]) -> Run:
    """A finished run and, for each of the sides, all its companions."""
    from core.audit import ablations

    for audit, of_audit in ablations.AUDITS.items():
        if set(of_audit) <= set(sides):
            for side in of_audit:
                for one in ablations.configs(wanted, audit, side):
                    finish(one, sides[side])
    return finish(wanted.replace(folds=0, fold=0), skilled(1))
