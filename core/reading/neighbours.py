"""The reference cells most similar to a cell, to a model, and whether it knows that very cell."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.data import datasets
from core.ood.reference import Reference
from core.runs.run_store import Run

COUNT, OF_EACH = 3, 2
LABELS = {1: "ALL", 0: "HEM"}
# Of the limit: the same picture in another file format lies within 0.002 of it, a copy with some
# changed pixels within 0.03; other cells lie from 0.14 on.
SAME = 0.1


@dataclass(frozen=True)
class Neighbour:
    """A reference cell: its label ("ALL" or "HEM"), subject and group (None if unknown).

    distance: in the model's features, 0 to 2. file: its picture, None if it is missing.
    """

    image_id: str
    label: str
    subject: str | None
    group: str | None
    distance: float
    file: Path | None

    def to_json(self) -> dict[str, object]:
        return asdict(self) | {"file": None if self.file is None else str(self.file)}


@dataclass(frozen=True)
class Seen:
    """A cell that a model knows. part: train, validation or test; image_id: the cell it is.

    exact: the files are equal byte by byte; else the pictures are practically the same.
    """

    part: str
    image_id: str
    exact: bool


def most_similar(run: Run, reference: Reference, distances: np.ndarray) -> tuple[Neighbour, ...]:
    """The three reference cells nearest to a cell, nearest first, from its distances (N,)."""
    return _neighbours(run, reference, distances, _nearest(distances, COUNT))


def nearest_of_each_class(
    run: Run, reference: Reference, distances: np.ndarray
) -> tuple[Neighbour, ...]:
    """The two reference cells of each class nearest to a cell, blasts first."""
    labels = np.array([label for _, label, _, _ in reference.records])
    rows: list[int] = []
    for label in LABELS:
        own = np.flatnonzero(labels == label)
        rows += own[_nearest(distances[own], OF_EACH)].tolist() if len(own) else []
    return _neighbours(run, reference, distances, rows)


def _nearest(distances: np.ndarray, count: int) -> np.ndarray:
    nearest = np.argpartition(distances, min(count, len(distances)) - 1)[:count]
    return nearest[np.argsort(distances[nearest], kind="stable")]


def _neighbours(
    run: Run, reference: Reference, distances: np.ndarray, rows: Iterable[int]
) -> tuple[Neighbour, ...]:
    similar = []
    for row in rows:
        image_id, label, subject, group = reference.records[row]
        similar.append(
            Neighbour(
                image_id=image_id,
                label=LABELS[label],
                subject=subject,
                group=group,
                distance=float(distances[row]),
                file=file_of(run, image_id),
            )
        )
    return tuple(similar)


def file_of(run: Run, image_id: str) -> Path | None:
    """The file of a training cell of a run; None if it is not on this machine."""
    root = datasets.found(run.config.dataset)
    file = root / image_id if root else None
    return file if file and file.is_file() else None


def files(split: pd.DataFrame) -> dict[str, Seen]:
    """The files of a run's cells (split.parquet), by their SHA-256."""
    # A cell in two parts counts as trained on.
    table = split.sort_values("split", key=lambda part: part == "train", kind="stable")
    return {
        digest: Seen(str(part), str(image_id), exact=True)
        for digest, part, image_id in zip(
            table["sha256"], table["split"], table["image_id"], strict=True
        )
    }


def seen(
    known: dict[str, Seen],
    sha256: str,
    similar: tuple[Neighbour, ...] = (),
    limit: float | None = None,
) -> Seen | None:
    """The run's cell, of `files`, that a file is, or the reference cell that it is a copy of.

    A copy is recognised by its distance, which needs the limit of `Reference`.
    """
    if sha256 in known:
        return known[sha256]
    if similar and limit is not None and similar[0].distance < SAME * limit:
        return Seen("train", similar[0].image_id, exact=False)
    return None
