"""What scored pictures came to so far, added up part by part while a cohort is scored."""

from collections import Counter
from typing import NamedTuple

import pyarrow as pa
from pyarrow import compute as pc

from core.cohort.rows import UNREADABLE

REFUSED, FAILED = "refused", "failed"
COLUMNS = ["call", "gate"]  # of a part, which an outcome depends on


class ScoredChunk(NamedTuple):
    """The pictures of a chunk that has its part, and how many of its rows have each outcome."""

    pictures: int
    outcomes: Counter[str]


def outcomes(rows: pa.Table | pa.RecordBatch) -> Counter[str]:
    """How many rows have each outcome: their call, refused, or failed: the file cannot be read.

    A field has none, its cells have. `rows` have `COLUMNS`.
    """
    unread = pc.if_else(pc.equal(rows["gate"], UNREADABLE), FAILED, REFUSED)
    found = pc.value_counts(pc.coalesce(rows["call"], unread).drop_null())
    return Counter({one["values"]: one["counts"] for one in found.to_pylist()})
