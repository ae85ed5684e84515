"""What a cohort comes to: counts, refusals, copies, and the share of blasts of each patient.

Added up part by part. What stays in memory is 8 bytes a picture, and some numbers for each copy,
patient and field.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import parquet

from core import storage
from core.cohort.cohort import Cohort
from core.cohort.plan import CohortSummary
from core.cohort.rows import CELL, FIELD, FIELD_CELL, REFUSED
from core.data.layouts.labelling import natural
from core.evaluation.track_record import call_rates
from core.reading.fields.reading import BORDER
from core.reading.fields.summary import Counts, Summary, summarise_total

Values = dict[str, object]  # of a row, by column
_CALLS = {"ALL": "blasts", "HEM": "hem", "review": "review"}
_PATIENTS = pa.schema(
    [
        ("subject", pa.string()),
        *((name, pa.int64()) for name in ("pictures", "fields", "copies", "read", "ALL", "HEM")),
        *((name, pa.int64()) for name in ("review", "refused", "cut_by_border", "adapted_stain")),
        ("at_or_above_threshold", pa.int64()),
        *((name, pa.float64()) for name in ("share", "corrected_share", "low", "high")),
        ("not_corrected_because", pa.string()),
        ("share_if_review_were_blasts", pa.float64()),
        ("design_effect", pa.float64()),
        ("warning", pa.string()),
    ]
)
_COPIES = pa.schema(
    [(name, pa.string()) for name in ("sha256", "path", "subject", "copy_of", "subject_of_that")]
)


class _Group(NamedTuple):
    """Rows that are alike in all that is counted.

    field: the number of the picture, for a cell of a field, else -1. again: whether they are copies
    of pictures of the same patient.
    """

    subject: str | None
    kind: str
    call: str | None
    leaning: str | None
    gate: str | None
    adapted_stain: bool
    known_from: str | None
    field: int
    again: bool
    number: int


@dataclass
class _Patient:
    """What is counted of one patient: its pictures of one cell make one field."""

    kinds: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    fields: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, group: _Group) -> None:
        """Adds what is alike."""
        kind, call, gate, number = group.kind, group.call, group.gate, group.number
        if kind != FIELD_CELL:
            self.kinds["pictures"] += number
            self.kinds["fields"] += number if kind == FIELD else 0
            self.kinds["copies"] += number if group.again else 0
        if kind == FIELD or group.again:
            return
        self.sums["found"] += number
        if call is None and gate == BORDER.code:
            self.sums["cut"] += number
        elif call is None:
            self.refused[str(gate)] += number
        else:
            leaning = number if group.leaning == "ALL" else 0
            self.sums[_CALLS[call]] += number
            self.sums["leaning"] += leaning
            self.sums["adapted"] += number if group.adapted_stain else 0
            pair = self.fields[group.field]
            pair[0], pair[1] = pair[0] + leaning, pair[1] + number

    @property
    def counts(self) -> Counts:
        names = ("found", "cut", "blasts", "hem", "review", "leaning", "adapted")
        return Counts(refused=dict(self.refused), **{name: self.sums[name] for name in names})

    @property
    def pairs(self) -> Sequence[tuple[int, int]]:
        return [(leaning, read) for leaning, read in self.fields.values()]


class _Total:
    """What is counted of the whole cohort, copies included."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.known = self.without_subject = 0

    def add(self, group: _Group) -> None:
        """Adds what is alike."""
        number = group.number
        self.kinds[group.kind] += number
        if group.call is not None:
            self.calls[group.call] += number
        if group.gate is not None:
            self.refused[group.gate] += number
        if group.kind != FIELD_CELL:
            self.known += number if group.known_from else 0
            self.without_subject += number if group.subject is None else 0


def write(cohort: Cohort, progress: Callable[[int, int], object] = lambda *_: None) -> None:
    """Adds up all parts and writes summary.json, patients.parquet and copies.parquet.

    `progress` gets the pictures added up, and all.
    """
    repeated, copies = _copies(cohort)
    total, patients = _Total(), defaultdict[str, _Patient](_Patient)
    for batch in cohort.batches(["picture", "cell", *_Group._fields[:7]]):
        for group in _groups(batch, repeated):
            total.add(group)
            if group.subject is not None:
                patients[group.subject].add(group)
        kinds = total.kinds
        progress(kinds[CELL] + kinds[FIELD] + kinds[REFUSED], cohort.manifest.pictures)
    model = cohort.plan.model()
    rates = call_rates(model)
    rows = [
        _row(subject, one, summarise_total(one.counts, one.pairs, rates))
        for subject, one in sorted(patients.items(), key=lambda item: natural(item[0]))
    ]
    _write(cohort.patients_file, rows, _PATIENTS)
    _write(cohort.copies_file, copies, _COPIES)
    CohortSummary(
        pictures=kinds[CELL] + kinds[FIELD] + kinds[REFUSED],
        cells=kinds[CELL],
        fields=kinds[FIELD],
        refused=kinds[REFUSED],
        field_cells=kinds[FIELD_CELL],
        calls={call: total.calls[call] for call in _CALLS},
        refused_by=dict(total.refused.most_common()),
        copies=len(copies),
        known=total.known,
        patients=len(rows),
        without_subject=total.without_subject,
        item=model.config.item,
    ).write(cohort.summary_file)


def _groups(batch: pa.RecordBatch, repeated: np.ndarray) -> Iterator[_Group]:
    """Rows that are alike, put together."""
    own = pc.equal(batch["kind"], FIELD_CELL)
    field = pc.if_else(own, batch["picture"], -1)
    again = np.isin(batch["picture"].to_numpy(), repeated)
    keys = {name: batch[name] for name in _Group._fields[:7]} | {"field": field, "again": again}
    counted = pa.table(keys).group_by(list(keys)).aggregate([([], "count_all")])
    for values in zip(*(column.to_pylist() for column in counted.itercolumns()), strict=True):
        yield _Group(*values)


def _copies(cohort: Cohort) -> tuple[np.ndarray, list[Values]]:
    """The pictures that are copies of one of the same patient, and all copies."""
    marks = [_marks(batch["sha256"].drop_null()) for batch in _pictures(cohort, ["sha256"])]
    values, counts = np.unique(np.concatenate(marks), return_counts=True)
    several = values[counts > 1]
    del marks, values, counts
    first: dict[str, Values] = {}
    seen: set[tuple[str, str | None]] = set()
    repeated, copies = [], []
    for batch in _pictures(cohort, ["picture", "sha256", "path", "subject"]):
        digests = batch["sha256"].fill_null("0" * 16)
        for row in batch.filter(np.isin(_marks(digests), several)).to_pylist():
            if row["sha256"] is None:
                continue
            digest, subject = row["sha256"], row["subject"]
            if (digest, subject) in seen:
                repeated.append(row["picture"])
            seen.add((digest, subject))
            if (one := first.setdefault(digest, row)) is not row:
                copies.append(row | {"copy_of": one["path"], "subject_of_that": one["subject"]})
    return np.array(repeated, np.int64), copies


def _pictures(cohort: Cohort, columns: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in cohort.batches([*columns, "cell"]):
        yield batch.filter(batch["cell"].is_null())


def _marks(digests: pa.Array) -> np.ndarray:
    """The first 64 bits of SHA-256s, uint64."""
    return np.fromiter((int(one[:16], 16) for one in digests.to_pylist()), np.uint64)


def _row(subject: str, one: _Patient, summed: Summary) -> Values:
    counts, corrected = summed.counts, summed.corrected
    return {
        "subject": subject,
        **{name: one.kinds[name] for name in ("pictures", "fields", "copies")},
        "read": counts.read,
        "ALL": counts.blasts,
        "HEM": counts.hem,
        "review": counts.review,
        "refused": sum(counts.refused.values()),
        "cut_by_border": counts.cut,
        "adapted_stain": counts.adapted,
        "at_or_above_threshold": counts.leaning,
        "share": summed.share,
        "corrected_share": corrected.value,
        "low": corrected.low,
        "high": corrected.high,
        "not_corrected_because": corrected.reason or None,
        "share_if_review_were_blasts": summed.if_review,
        "design_effect": summed.design_effect,
        "warning": summed.warning,
    }


def _write(file: Path, rows: list[Values], schema: pa.Schema) -> None:
    with storage.atomic(file) as temporary:
        parquet.write_table(pa.Table.from_pylist(rows, schema), temporary)
