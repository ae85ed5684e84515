"""The subject probe: can the patient of a cell be named from what the network sees?

A linear classifier on a run's pooled features tries to name the subject of each cell, within one
class, so that telling ALL from HEM cannot help it. What it gets right beyond chance is knowledge of
the patient that the features carry. Source: linear probes; Alain and Bengio, Understanding
Intermediate Layers Using Linear Classifier Probes, 2017.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from core import storage
from core.data import datasets
from core.data.pixel_cache import pixels
from core.data.walk import Progress
from core.errors import DataError
from core.metrics import bootstrap
from core.models.engine import Engine
from core.runs.run_store import Run

FOLDS = 5
# So that each of the folds tests a cell of every subject.
MIN_CELLS = FOLDS
# Of a class and part, dealt over its subjects: enough to tell, and done in seconds.
MAX_CELLS = 600
# With 19 shuffles, the true subjects being ahead of all of them has a probability of 1 in 20 by
# chance: a permutation test at 5 % (Ojala and Garriga, JMLR 11, 2010).
SHUFFLES = 19
# Linear too; with more dimensions than this a few hundred cells are separable by accident.
COMPONENTS = 32
PARTS = {"unseen": ("test", "validation"), "trained": ("train",)}
FILE = "probe.json"


def kept(run: Run) -> dict[str, Any] | None:
    """What an earlier `measure` found for the run's present engine; None if there is nothing."""
    try:
        found = storage.read_json(run.path / FILE)
    except (OSError, ValueError):
        return None
    fits = isinstance(found, dict) and found.get("exported_ns") == run.exported_ns
    return found if fits else None


def measure(run: Run, progress: Progress | None = None, *, seed: int = 0) -> dict[str, Any]:
    """Probes a finished run and keeps the result as probe.json in its folder.

    Returns exported_ns (of the engine probed) and rows: of each part of `PARTS` and class what
    `name_subjects` gives, with part and class. A class with fewer than 2 subjects of `MIN_CELLS`
    cells has no row. `progress` gets (done, total) of each of its passes over the cells. Raises
    `DataError` if no class has a row, or if files are gone or changed.
    """
    drawn = _draw(run, seed)
    if drawn.empty:
        raise DataError(
            f"In no part of run {run.run_id} does a class have 2 subjects with {MIN_CELLS} cells "
            "each, so there is nobody to tell apart. Train with more cells."
        )
    root = datasets.resolve(run.config.dataset)
    array = pixels(root, drawn, run.geometry, progress, inputs=run.config.inputs)
    embedding = _embed(Engine(run.engine_file), array, progress)
    asked = drawn.groupby(["part", "label"], sort=False)
    rows = []
    for number, ((part, label), cells) in enumerate(asked):
        named = name_subjects(embedding[cells.index], cells["subject"].to_numpy(), seed=seed)
        rows.append({"part": part, "class": "ALL" if label else "HEM", **named})
        if progress:
            progress(len(drawn) * (number + 1), len(drawn) * len(asked))
    found = {"exported_ns": run.exported_ns, "rows": rows}
    storage.write_json(run.path / FILE, found)
    return found


def _draw(run: Run, seed: int) -> pd.DataFrame:
    """The cells to probe with, and the part of `PARTS` they are for."""
    cells = pd.read_parquet(run.path / "split.parquet")
    cells = cells[cells["subject"].notna()]
    rng = np.random.default_rng(seed)
    chosen = []
    for part, names in PARTS.items():
        for label in (1, 0):
            rows = cells[cells["split"].isin(names) & (cells["label"] == label)]
            rows = rows.iloc[rng.permutation(len(rows))]
            turn = rows.groupby("subject").cumcount()
            rows = rows.iloc[np.argsort(turn.to_numpy(), kind="stable")[:MAX_CELLS]]
            counts = rows["subject"].map(rows["subject"].value_counts())
            rows = rows[counts >= MIN_CELLS]
            if rows["subject"].nunique() >= 2:
                chosen.append(rows.assign(part=part))
    if not chosen:
        return cells.head(0)
    return pd.concat(chosen, ignore_index=True)


def _embed(engine: Engine, array: np.ndarray, progress: Progress | None) -> np.ndarray:
    """Features averaged over all positions, float32 (N, C), batch by batch."""
    parts = []
    for start in range(0, len(array), 16):
        parts.append(engine(array[start : start + 16]).features.mean(axis=(1, 2)))
        if progress:
            progress(min(start + 16, len(array)), len(array))
    return np.concatenate(parts)


def name_subjects(features: np.ndarray, subjects: np.ndarray, *, seed: int = 0) -> dict[str, Any]:
    """How often a linear probe names the subject of a cell that it was not fitted on.

    features (N, C), subjects (N,). The probe is a multinomial logistic regression on standardised
    principal components, over folds that each hold a part of every subject's cells. Returns cells,
    subjects, accuracy, interval (95 %, over resampled subjects; None for fewer than 3), majority
    (the share of the subject with most cells), one_in (1 / subjects), chance (the mean accuracy of
    the same probe on shuffled subjects), highest_chance (the highest of `SHUFFLES`) and recognises
    (whether the accuracy is above it: a test at 5 %).
    """
    names, member = np.unique(subjects, return_inverse=True)
    rng = np.random.default_rng(seed)
    hits = _hits(features, member, seed)
    shuffled = [_hits(features, rng.permutation(member), seed).mean() for _ in range(SHUFFLES)]
    counts = np.bincount(member)
    draws = rng.multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=bootstrap.RESAMPLES
    )
    rates = (draws @ np.bincount(member, hits)) / (draws @ counts)
    accuracy, highest = float(hits.mean()), float(np.max(shuffled))
    return {
        "cells": len(features),
        "subjects": len(names),
        "accuracy": accuracy,
        "interval": bootstrap.interval(rates) if len(names) >= bootstrap.MIN_GROUPS else None,
        "majority": float(counts.max() / counts.sum()),
        "one_in": 1 / len(names),
        "chance": float(np.mean(shuffled)),
        "highest_chance": highest,
        "recognises": accuracy > highest,
    }


def _hits(features: np.ndarray, member: np.ndarray, seed: int) -> np.ndarray:
    """Whether each cell's subject is named right by the probe of the other folds, bool (N,)."""
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    hits = np.zeros(len(member), bool)
    # With more threads than one, such small products take ten times as long.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many steps are near enough
        for fitted, held_out in folds.split(features, member):
            components = min(COMPONENTS, features.shape[1], len(fitted) - 1)
            probe = make_pipeline(
                StandardScaler(),
                PCA(components, random_state=seed),
                LogisticRegression(max_iter=100, tol=1e-3),
            )
            probe.fit(features[fitted], member[fitted])
            hits[held_out] = probe.predict(features[held_out]) == member[held_out]
    return hits


def told(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that the sentence is about: those of the test and validation parts, if any."""
    return [row for row in found["rows"] if row["part"] == "unseen"] or found["rows"]


def sentence(found: dict[str, Any]) -> str:
    """What the probe says, in words."""
    rows = told(found)
    said = [
        f"the subject of {'an ALL' if row['class'] == 'ALL' else 'a HEM'} cell can be named in "
        f"{row['accuracy']:.0%} of cases (chance {row['chance']:.0%}, {row['subjects']} subjects)"
        for row in rows
    ]
    known = [row["class"] for row in rows if row["recognises"]]
    if not known:
        end = "That is no more than shuffled subjects give: no recognition is shown."
    elif len(known) < len(rows):
        end = f"Only for {known[0]} is that more than shuffled subjects give."
    else:
        end = "That is more than shuffled subjects give: the features carry who the patient is."
    where = "" if rows[0]["part"] == "unseen" else " of its training part"
    return f"From what the network sees{where}, {', and '.join(said)}. {end}"


def table(found: dict[str, Any]) -> pd.DataFrame:
    """One row a part and class, with readable columns."""
    words = {"unseen": "never trained on", "trained": "trained on"}
    return pd.DataFrame(
        [
            {
                "Subjects": words[row["part"]],
                "Class": row["class"],
                "How many": row["subjects"],
                "Cells": row["cells"],
                "Named right": row["accuracy"],
                "95% interval": _span(row["interval"]),
                "Shuffled": row["chance"],
                "Largest subject": row["majority"],
            }
            for row in found["rows"]
        ]
    )


def _span(interval: list[float] | None) -> str:
    return "none" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
