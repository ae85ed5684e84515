"""For whom does it fail: results by subject, official fold, quality flag and cell size."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.data.indexing import Index
from core.evaluation.test_set import TestSet
from core.metrics import classification

SHOWN = ("sensitivity", "specificity", "balanced_accuracy")
SIZES = ("small", "medium", "large")
NO_FLAG = "no flag"


def by_subject(run: TestSet) -> pd.DataFrame:
    """One row a subject and class, the worst first: subject, class, cells, right, share.

    share: of its cells called rightly, 0..1. Cells of unknown subjects are left out.
    """
    cells = run.cells.assign(right=run.calls == run.labels).dropna(subset="subject")
    table = cells.groupby(["subject", "label"], as_index=False).agg(
        cells=("right", "size"), right=("right", "sum"), share=("right", "mean")
    )
    table["class"] = np.where(table["label"] == 1, "ALL", "HEM")
    columns = ["subject", "class", "cells", "right", "share"]
    return table.sort_values(["share", "cells"], ascending=[True, False], ignore_index=True)[
        columns
    ]


def worst(table: pd.DataFrame) -> dict[str, Any] | None:
    """The first row of `by_subject` as a dictionary; None for an empty one."""
    return None if table.empty else dict(table.iloc[0])


def worst_sentence(name: str, table: pd.DataFrame) -> str:
    """Who fares worst with a run, in a sentence."""
    one = worst(table)
    if one is None:
        return f"{name}: the subjects of its test cells are not known."
    return (
        f"{name}: worst for subject {one['subject']} ({one['class']}), of whose {one['cells']} "
        f"cells it calls {one['right']} rightly ({one['share']:.0%})."
    )


def by_kind(run: TestSet, found: Index) -> pd.DataFrame:
    """Results by official fold, quality flag and cell size, as the index of the data set has them.

    Columns: by, part, cells, groups, and of each metric of `SHOWN` itself, low and high (missing
    where undefined). Sizes are thirds of the test cells by area, named with their limits. A cell
    with two flags counts in both. Cells that the index no longer has are left out.
    """
    facts = found.cells[["image_id", "sha256", "fold", "quality", "area_px"]]
    cells = run.cells.reset_index().merge(facts, on=["image_id", "sha256"]).set_index("index")
    rows = []
    for by, part, chosen in (*_folds(cells), *_flags(cells), *_sizes(cells)):
        some = replace(run, cells=run.cells.loc[chosen].reset_index(drop=True))
        figures = some.figures()
        row = {"by": by, "part": part, "cells": figures["images"], "groups": figures["groups"]}
        for metric in SHOWN:
            low, high = figures["intervals"][metric] or (None, None)
            row |= {metric: figures[metric], f"{metric}_low": low, f"{metric}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def _folds(cells: pd.DataFrame) -> list[tuple[str, str, pd.Index]]:
    folds = sorted(cells["fold"].dropna().unique())
    return [("official fold", f"fold {n}", cells.index[(cells["fold"] == n)]) for n in folds]


def _flags(cells: pd.DataFrame) -> list[tuple[str, str, pd.Index]]:
    named = cells["quality"].fillna("").str.split(", ")
    flags = sorted({flag for row in named for flag in row if flag})
    found = [("quality", NO_FLAG, cells.index[cells["quality"].fillna("") == ""])]
    found += [("quality", f, cells.index[[f in row for row in named]]) for f in flags]
    return [one for one in found if len(one[2])]


def _sizes(cells: pd.DataFrame) -> list[tuple[str, str, pd.Index]]:
    area = cells["area_px"].dropna()
    if area.nunique() < len(SIZES):
        return []
    edges = [-np.inf, *area.quantile([1 / 3, 2 / 3]), np.inf]
    limits = (f"up to {edges[1]:,.0f}", f"to {edges[2]:,.0f}", f"over {edges[2]:,.0f}")
    found = []
    for number, (size, limit) in enumerate(zip(SIZES, limits, strict=True)):
        inside = area.index[(area > edges[number]) & (area <= edges[number + 1])]
        found.append(("cell size", f"{size} ({limit} pixels)", inside))
    return [one for one in found if len(one[2])]


def kinds_table(table: pd.DataFrame) -> pd.DataFrame:
    """`by_kind` for people: each metric with its interval as text."""
    shown = table[["by", "part", "cells", "groups"]].rename(columns=str.capitalize)
    for metric in SHOWN:
        rows = zip(table[metric], table[f"{metric}_low"], table[f"{metric}_high"], strict=True)
        shown[classification.NAMES[metric]] = [with_interval(*row) for row in rows]
    return shown


def with_interval(
    value: float | None, low: float | None, high: float | None, digits: int = 2
) -> str:
    """A figure as "0.62 (0.54–0.73)", alone without an interval, or a dash where undefined."""
    if value is None or np.isnan(value):
        return "–"
    if low is None or high is None or np.isnan(low):
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"
