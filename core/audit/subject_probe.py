"""The subject probe: can the patient of a cell be named from what the network sees?

A linear classifier predicts the subject of each cell from the pooled features of a run, within one
class, so that the difference of ALL and HEM cannot help. An accuracy above chance shows that the
features contain information on the patient. Source: linear probes; Alain and Bengio, Understanding
Intermediate Layers Using Linear Classifier Probes, 2017.
"""

import warnings
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from core.data import datasets
from core.data.pixel_cache import pixels
from core.data.walk import Progress
from core.documents import Choices, Document, Section
from core.errors import DataError, RunError
from core.metrics import bootstrap
from core.metrics.estimate import Estimate
from core.models.engine import Engine
from core.runs.run_store import Run
from core.untrusted.fields import Count, Share

FOLDS = 5
# So that each of the folds tests a cell of every subject.
MIN_CELLS = FOLDS
# Per class and part, spread over its subjects; takes seconds.
MAX_CELLS = 600
# The accuracy exceeds that of all 19 shuffles with a probability of 1 in 20 by chance: a
# permutation test at 5 % (Ojala and Garriga, JMLR 11, 2010).
SHUFFLES = 19
# With more dimensions a few hundred cells are linearly separable by chance.
COMPONENTS = 32
PARTS = {"unseen": ("test", "validation"), "trained": ("train",)}
FILE = "probe.json"


class Naming(Section):
    """How often a linear probe names the subject of cells that it was not fitted on.

    interval: 95% of the accuracy, over resampled subjects; None for fewer than 3. majority: the
    share of the subject with most cells. one_in: 1 / subjects. chance, highest_chance: the mean and
    the highest accuracy of the same probe on `SHUFFLES` shuffles of the subjects. recognises:
    whether the accuracy is above the highest, a test at 5 %.
    """

    cells: Count
    subjects: Count
    accuracy: Share
    interval: tuple[Share, Share] | None
    majority: Share
    one_in: Share
    chance: Share
    highest_chance: Share
    recognises: bool


class ProbeRow(Naming):
    """The result of the probe in one part of `PARTS` and one class."""

    part: Annotated[str, Choices(tuple(PARTS))]
    of_class: Annotated[str, Choices(("ALL", "HEM"))] = Field(alias="class")


class SubjectProbe(Document):
    """The result of the probe of a run, probe.json; exported_ns: that of the probed engine.

    A class with fewer than 2 subjects of `MIN_CELLS` cells has no row.
    """

    exported_ns: Annotated[int, Field(ge=0)]
    rows: Annotated[tuple[ProbeRow, ...], Field(min_length=1)]

    @property
    def unseen_rows(self) -> tuple[ProbeRow, ...]:
        """The rows of the test and validation parts; those of the training part without any."""
        return tuple(row for row in self.rows if row.part == "unseen") or self.rows

    @property
    def doubt(self) -> bool:
        """Whether subjects are recognised."""
        return any(row.recognises for row in self.unseen_rows)


def stored(run: Run) -> SubjectProbe | None:
    """Returns the stored result for the present engine of a run; None if there is none."""
    try:
        probe = SubjectProbe.read(run.path / FILE)
    except RunError:
        return None
    return probe if probe.exported_ns == run.exported_ns else None


def measure(run: Run, progress: Progress | None = None, *, seed: int = 0) -> SubjectProbe:
    """Probes a finished run and stores the result as probe.json in its folder.

    `progress` gets (done, total) of each pass over the cells. Raises `DataError` if no
    class has a row, or if files are gone or changed.
    """
    cells = _draw(run, seed)
    if cells.empty:
        raise DataError(
            f"In no part of run {run.run_id} does a class have 2 subjects with {MIN_CELLS} cells "
            "each, so there is nobody to tell apart. Train with more cells."
        )
    root = datasets.resolve(run.config.dataset)
    inputs, normaliser = run.config.inputs, run.normaliser
    array = pixels(root, cells, run.geometry, progress, inputs=inputs, normaliser=normaliser)
    embedding = _embed(Engine(run.engine_file), array, progress)
    classes = cells.groupby(["part", "label"], sort=False)
    rows = []
    for number, ((part, label), of_class) in enumerate(classes):
        subjects = of_class["subject"].to_numpy()
        naming = name_subjects(embedding[of_class.index], subjects, seed=seed)
        name = "ALL" if label else "HEM"
        rows.append({"part": part, "class": name, **naming.to_json()})
        if progress:
            progress(len(cells) * (number + 1), len(cells) * len(classes))
    probe = SubjectProbe.parse({"exported_ns": run.exported_ns, "rows": rows})
    probe.write(run.path / FILE)
    return probe


def _draw(run: Run, seed: int) -> pd.DataFrame:
    """Draws the cells of each part of `PARTS`."""
    cells = pd.read_parquet(run.path / "split.parquet")
    cells = cells[cells["subject"].notna()]
    rng = np.random.default_rng(seed)
    tables = []
    for part, names in PARTS.items():
        for label in (1, 0):
            rows = cells[cells["split"].isin(names) & (cells["label"] == label)]
            rows = rows.iloc[rng.permutation(len(rows))]
            turn = rows.groupby("subject").cumcount()
            rows = rows.iloc[np.argsort(turn.to_numpy(), kind="stable")[:MAX_CELLS]]
            counts = rows["subject"].map(rows["subject"].value_counts())
            rows = rows[counts >= MIN_CELLS]
            if rows["subject"].nunique() >= 2:
                tables.append(rows.assign(part=part))
    if not tables:
        return cells.head(0)
    return pd.concat(tables, ignore_index=True)


def _embed(engine: Engine, array: np.ndarray, progress: Progress | None) -> np.ndarray:
    """Features averaged over all positions, float32 (N, C), batch by batch."""
    parts = []
    for start in range(0, len(array), 16):
        parts.append(engine(array[start : start + 16]).features.mean(axis=(1, 2)))
        if progress:
            progress(min(start + 16, len(array)), len(array))
    return np.concatenate(parts)


def name_subjects(features: np.ndarray, subjects: np.ndarray, *, seed: int = 0) -> Naming:
    """Probes features (N, C) of cells of `subjects` (N,).

    The probe is a multinomial logistic regression on standardised principal components, over folds
    stratified by subject.
    """
    from threadpoolctl import threadpool_limits

    names, member = np.unique(subjects, return_inverse=True)
    rng = np.random.default_rng(seed)
    with threadpool_limits(1):  # more threads make such small products ten times slower
        hits = _hits(features, member, seed)
        shuffled = [_hits(features, rng.permutation(member), seed).mean() for _ in range(SHUFFLES)]
    counts = np.bincount(member)
    draws = bootstrap.draw(rng, len(names), bootstrap.RESAMPLES)
    rates = (draws @ np.bincount(member, hits)) / (draws @ counts)
    accuracy, highest = float(hits.mean()), float(np.max(shuffled))
    estimate = Estimate(accuracy)
    if len(names) >= bootstrap.MIN_GROUPS:
        estimate = bootstrap.estimate(accuracy, rates, bootstrap.reach(len(names)))
    return Naming(
        cells=len(features),
        subjects=len(names),
        accuracy=accuracy,
        interval=estimate.interval,
        majority=float(counts.max() / counts.sum()),
        one_in=1 / len(names),
        chance=float(np.mean(shuffled)),
        highest_chance=highest,
        recognises=accuracy > highest,
    )


def _hits(features: np.ndarray, member: np.ndarray, seed: int) -> np.ndarray:
    """Whether the probe of the other folds names the subject of each cell, bool (N,)."""
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    hits = np.zeros(len(member), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 steps are enough
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
