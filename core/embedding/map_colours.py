"""What the colours of a map say of each cell: one word a cell."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.evaluation.test_set import OUTCOMES, TestSet
from core.runs.run_store import Run

NO_FLAG, SEVERAL_FLAGS = "no flag", "several flags"
OTHERS = "other subjects"
NOT_TESTED = "not in its test part"


def by_class(cells: pd.DataFrame) -> pd.Series:
    """ALL, HEM or unlabelled."""
    names = {1: "ALL", 0: "HEM"}
    return pd.Series([names.get(label, "unlabelled") for label in cells["label"]], cells.index)


def by_subject(cells: pd.DataFrame, chosen: Sequence[str]) -> pd.Series:
    """The name of each of the chosen subjects; the others share one word."""
    known = cells["subject"].map({subject: f"subject {subject}" for subject in chosen})
    return known.astype(object).where(known.notna(), OTHERS)


def by_flag(cells: pd.DataFrame, measured: pd.DataFrame) -> pd.Series:
    """The quality flag of each cell, from the measures of all cells."""
    flags = cells["image_id"].map(measured.set_index("image_id")["quality"]).fillna("")
    several = flags.str.contains(", ", regex=False)
    return flags.mask(several, SEVERAL_FLAGS).mask(flags == "", NO_FLAG)


def by_outcome(cells: pd.DataFrame, run: Run) -> pd.Series:
    """What each cell is and was called, one of `OUTCOMES`, by its sha256.

    Only of the test part: a network is seldom wrong on what it was trained on. Raises `RunError`
    if the run cannot be compared.
    """
    test = TestSet.load(run)
    of_test = np.select(
        [(test.labels == 1) & (test.calls == 1), test.labels == 1, test.calls == 1],
        [OUTCOMES["tp"], OUTCOMES["fn"], OUTCOMES["fp"]],
        OUTCOMES["tn"],
    )
    known = pd.Series(of_test, test.cells["sha256"])
    return cells["sha256"].map(known[~known.index.duplicated()]).fillna(NOT_TESTED)


def largest_subjects(cells: pd.DataFrame, count: int) -> list[str]:
    """The subjects with most cells, most first."""
    names: list[str] = cells["subject"].value_counts().index[:count].tolist()
    return names
