"""Finished runs written by hand: predictions, split and metrics.json, without any training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core import storage
from core.evaluation.test_set import TestSet
from core.jobs.job import Status
from core.runs import run_store
from core.runs.config import RunConfig
from core.runs.metrics import RunMetrics
from core.runs.run_store import Run


def cells(groups: int = 12, each: int = 8) -> pd.DataFrame:
    """Test cells of that many groups, a subject each, ALL and HEM by turns."""
    group = np.arange(groups).repeat(each)
    return pd.DataFrame(
        {
            "image_id": [f"{n:05d}.bmp" for n in range(len(group))],
            "sha256": [f"{n:064x}" for n in range(len(group))],
            "subject": [f"{g}" for g in group],
            "group": [f"{g}" for g in group],
            "label": group % 2,
        }
    )


def write_split(folder: Path) -> None:
    """Writes a split of 300 cells into the folder of a run: 100 a part, of four groups each."""
    parts = np.repeat(["train", "validation", "test"], 100)
    table = pd.DataFrame({"image_id": np.arange(300).astype(str), "split": parts})
    table["label"] = np.arange(300) % 2
    table["group"] = [f"{part}{number % 4}" for number, part in enumerate(parts)]
    table["subject"] = table["group"]
    table.to_parquet(folder / "split.parquet")


def logits(table: pd.DataFrame, skill: float, seed: int = 0, spread: float = 1.0) -> np.ndarray:
    """What a classifier of some skill might say; cells of a group err together."""
    rng = np.random.default_rng(seed)
    group = table["group"].astype(int).to_numpy()
    hard = rng.normal(0, spread, group.max() + 1)[group]
    return skill * (2 * table["label"].to_numpy() - 1) + hard + rng.normal(0, 1, len(table))


def run(
    run_id: str,
    test: pd.DataFrame,
    said: Sequence[float] | np.ndarray,
    *,
    leaking: bool = False,
    synthetic: bool = False,
    others: pd.DataFrame | None = None,
    threshold: float = 0.5,
    protocol: dict[str, Any] | None = None,
    **settings: Any,
) -> TestSet:
    """A run whose test part is `test` and whose training part is `others`."""
    settings = {"split": "image" if leaking else "subject"} | settings
    made = run_store.create(_config(settings), run_id)
    values = np.asarray(said, float)
    table = test.assign(split="test", logit=values, probability=1 / (1 + np.exp(-values)))
    table.drop(columns="sha256").to_parquet(made.path / "predictions.parquet", index=False)
    parts = [test.assign(split="test")]
    if others is not None:
        parts.append(others.assign(split="train"))
    pd.concat(parts).to_parquet(made.path / "split.parquet", index=False)
    storage.write_json(
        made.path / "calibration.json",
        {"method": "none", "temperature": 1.0, "threshold": threshold, "reason": "by hand"},
    )
    facts = {
        "dataset": {"name": "by hand", "synthetic": synthetic, "fingerprint": "0"},
        "protocol": {
            "leaking": leaking,
            "test_cells": str(len(test)),
            "near_pairs_crossing": 0,
            "unknown_subjects": 0,
        }
        | (protocol or {}),
        "parts": {},
        "training": {"parameters": 10, "seconds": 3.0, "epochs": 2},
    }
    storage.write_json(made.path / "metrics.json", facts)
    made.write_status(Status(state="succeeded"))
    return TestSet.load(run_store.get(run_id))


def in_memory(run_id: str, test: pd.DataFrame, said: np.ndarray) -> TestSet:
    """The same without a folder, for what looks at predictions alone."""
    table = test.assign(logit=said, probability=1 / (1 + np.exp(-said)))
    facts = RunMetrics.parse(
        {
            "protocol": {"leaking": False},
            "dataset": {"name": "by hand", "synthetic": False},
            "parts": {},
            "training": {},
        }
    )
    return TestSet(Run(Path(run_id)), table, 0.5, facts)


def _config(settings: dict[str, Any]) -> RunConfig:
    return RunConfig(**({"architecture": "cnn-16", "dataset": "gone"} | settings))
