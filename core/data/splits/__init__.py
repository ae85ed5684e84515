"""Splits of a data set into training, validation and test parts, and what crosses between them."""

from core.data.splits.audit import PartCells, SplitAudit, audit
from core.data.splits.methods import (
    FOLDED,
    FRACTIONS,
    METHODS,
    PARTS,
    cross_validation,
    pool,
    split,
)
from core.data.splits.sampling import BALANCES, draw, sample

__all__ = [
    "BALANCES",
    "FOLDED",
    "FRACTIONS",
    "METHODS",
    "PARTS",
    "PartCells",
    "SplitAudit",
    "audit",
    "cross_validation",
    "draw",
    "pool",
    "sample",
    "split",
]
