"""Looks through the rows of a cohort: the worst, or a random sample, of what a filter leaves.

Parts are gone through one after another; of their rows only those that are shown stay in memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from core.cohort.cohort import Cohort
from core.cohort.picture_files import local_file
from core.cohort.rows import FIELD
from core.cohort.source import place_of
from core.reading.preparing.eyepiece import open_picture

REFUSED = "refused"
CALLS = ("ALL", "HEM", "review", REFUSED)
MARGIN = 0.4  # of a field's cell, that is shown around it
_COLUMNS = [
    *("picture", "path", "subject", "kind", "cell", "x", "y", "w", "h", "call", "leaning"),
    *("probability", "interval_low", "interval_high", "doubts", "gate", "reason"),
    *("distance", "distance_limit"),
]


@dataclass(frozen=True)
class RowFilter:
    """Which rows: of a call of `CALLS`, refused by a check, of a subject; None for any.

    Fields themselves are left out; their cells are shown.
    """

    call: str | None = None
    gate: str | None = None
    subject: str | None = None

    @property
    def expression(self) -> pc.Expression:
        """The filter of a dataset."""
        found = pc.field("kind") != FIELD
        if self.call == REFUSED:
            found &= pc.field("call").is_null()
        elif self.call:
            found &= pc.field("call") == self.call
        if self.gate:
            found &= pc.field("gate") == self.gate
        if self.subject:
            found &= pc.field("subject") == self.subject
        return found


class ShownRow(NamedTuple):
    """A row that is shown, as `core.cohort.rows.ScoredRow` has it."""

    picture: int
    path: str
    subject: str | None
    kind: str
    cell: int | None
    x: int | None
    y: int | None
    w: int | None
    h: int | None
    call: str | None
    leaning: str | None
    probability: float | None
    interval_low: float | None
    interval_high: float | None
    doubts: tuple[str, ...]
    gate: str | None
    reason: str | None
    distance: float | None
    distance_limit: float | None

    @property
    def name(self) -> str:
        """The name of the file, and the number of the cell in a field."""
        name = PurePosixPath(self.path).name
        return name if self.cell is None else f"{name} No. {self.cell}"

    @property
    def words(self) -> str:
        """Why it was refused, or why a person should look at it; "" if neither."""
        return self.reason or " ".join(self.doubts)


def _near(batch: pa.RecordBatch, threshold: float) -> np.ndarray:
    return np.asarray(np.abs(_numbers(batch, "probability") - threshold))


def _wide(batch: pa.RecordBatch, threshold: float) -> np.ndarray:
    return np.asarray(_numbers(batch, "interval_low") - _numbers(batch, "interval_high"))


def _far(batch: pa.RecordBatch, threshold: float) -> np.ndarray:
    return np.asarray(-_numbers(batch, "distance") / _numbers(batch, "distance_limit"))


def _high(batch: pa.RecordBatch, threshold: float) -> np.ndarray:
    return -_numbers(batch, "probability")


def _doubtful(batch: pa.RecordBatch, threshold: float) -> np.ndarray:
    number = pc.list_value_length(batch["doubts"]).to_numpy(zero_copy_only=False)
    return np.where(number > 0, _near(batch, threshold) - 1, np.nan)


# The lowest come first; a row whose rank is not a number is left out.
ORDERS: dict[str, Callable[[pa.RecordBatch, float], np.ndarray]] = {
    "nearest to the threshold": _near,
    "widest interval": _wide,
    "farthest from the training cells": _far,
    "with doubts": _doubtful,
    "most likely blasts": _high,
}
SAMPLE = "a random sample"


def look(
    cohort: Cohort, order: str, chosen: RowFilter, number: int, seed: int = 0
) -> list[ShownRow]:
    """The first `number` rows in an order of `ORDERS`, or in that of chance (`SAMPLE`).

    The same `seed` draws the same sample. A cohort that is being scored is looked through as far as
    it is.
    """
    threshold = cohort.plan.threshold
    best = pa.table({"rank": pa.array([], pa.float64())})
    for batch in cohort.batches(_COLUMNS, chosen.expression):
        if not len(batch):
            continue
        if order == SAMPLE:
            rng = np.random.default_rng([seed, batch["picture"][0].as_py()])
            rank = rng.random(len(batch))
        else:
            rank = ORDERS[order](batch, threshold)
        first = np.argsort(rank, kind="stable")[:number]
        first = first[~np.isnan(rank[first])]
        table = pa.Table.from_batches([batch]).take(first).append_column("rank", [rank[first]])
        best = pa.concat_tables([best, table], promote_options="default")
        best = best.sort_by("rank").slice(0, number)
    found = best.drop_columns(["rank"]).to_pylist()
    return [ShownRow(**row | {"doubts": tuple(row["doubts"])}) for row in found]


def table(rows: Sequence[ShownRow]) -> pd.DataFrame:
    """Rows as a table, with their doubts in one text."""
    return pd.DataFrame([row._asdict() | {"doubts": " ".join(row.doubts)} for row in rows])


def picture(cohort: Cohort, row: ShownRow) -> np.ndarray:
    """The picture of a row, or the part of its field, RGB uint8. Raises `UploadError`."""
    name = PurePosixPath(row.path).name
    with local_file(place_of(cohort.plan.source, row.path), name) as file:
        image, _ = open_picture(file, name)
    if row.x is None or row.y is None or row.w is None or row.h is None:
        return image
    margin = round(MARGIN * max(row.w, row.h))
    top, left = max(0, row.y - margin), max(0, row.x - margin)
    return image[top : row.y + row.h + margin, left : row.x + row.w + margin]


def _numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    return np.asarray(batch[name].to_numpy(zero_copy_only=False), float)
