"""Results by subject, official fold, quality flag and cell size."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.data import datasets, issues
from core.data.indexing import Index
from core.data.measures import measure
from core.data.walk import Progress
from core.errors import DataError
from core.evaluation.test_set import TestSet

SHOWN = ("sensitivity", "specificity", "balanced_accuracy")
SIZES = ("small", "medium", "large")
NO_FLAG = "no flag"


def by_subject(run: TestSet) -> pd.DataFrame:
    """Returns one row a subject and class, the worst first: subject, class, cells, right, share.

    share: the share of right calls, 0..1. Cells of unknown subjects are left out.
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


def by_kind(run: TestSet, index: Index, progress: Progress | None = None) -> pd.DataFrame:
    """Returns results by the publisher's class, official fold, quality flag and cell size.

    Columns: by, part, cells, groups, and value, low and high of each metric of `SHOWN` (missing if
    undefined). Sizes are thirds of the test cells by area, named with their limits; whole pictures
    have none. A cell with two flags counts in both. Cells that the index no longer has are left
    out.

    The test cells are measured if they are not yet; `progress` and what it raises are those of
    `core.data.measures.measure`.
    """
    facts = index.cells[["image_id", "sha256", "class_name", "fold"]]
    cells = run.cells.reset_index().merge(facts, on=["image_id", "sha256"]).set_index("index")
    looks = measure(index, progress, cells["image_id"]).set_index("image_id")
    cells = cells.join(looks[["quality", "area_px"]], on="image_id")
    rows = []
    for by, part, chosen in (
        *_classes(cells, index),
        *_folds(cells),
        *_flags(cells),
        *([] if issues.whole_pictures(looks) else _sizes(cells)),
    ):
        of_part = replace(run, cells=run.cells.loc[chosen].reset_index(drop=True))
        row = {
            "by": by,
            "part": part,
            "cells": of_part.metrics.images,
            "groups": of_part.metrics.groups,
        }
        for metric in SHOWN:
            estimate = of_part.estimate(metric)
            row |= {
                metric: estimate.value,
                f"{metric}_low": estimate.low,
                f"{metric}_high": estimate.high,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def to_json(run: TestSet, progress: Progress | None = None) -> list[dict[str, object]] | None:
    """Returns the rows of `by_kind` for the command line; None where the data set is not here."""
    try:
        index = datasets.index(datasets.resolve(run.run.config.dataset), progress)
    except DataError:
        return None
    table = by_kind(run, index, progress).astype(object)
    rows: list[dict[str, object]] = table.where(table.notna(), None).to_dict("records")
    return rows


def _classes(cells: pd.DataFrame, index: Index) -> list[tuple[str, str, pd.Index]]:
    """The publisher's classes, where they are finer than ALL and HEM."""
    names = [name for name, label in index.classes.items() if label is not None]
    parts = [("class", name, cells.index[cells["class_name"] == name]) for name in names]
    return [part for part in parts if len(part[2])] if len(names) > 2 else []


def _folds(cells: pd.DataFrame) -> list[tuple[str, str, pd.Index]]:
    folds = sorted(cells["fold"].dropna().unique())
    return [("official fold", f"fold {n}", cells.index[(cells["fold"] == n)]) for n in folds]


def _flags(cells: pd.DataFrame) -> list[tuple[str, str, pd.Index]]:
    named = cells["quality"].fillna("").str.split(", ")
    flags = sorted({flag for row in named for flag in row if flag})
    parts = [("quality", NO_FLAG, cells.index[cells["quality"].fillna("") == ""])]
    parts += [("quality", f, cells.index[[f in row for row in named]]) for f in flags]
    return [part for part in parts if len(part[2])]


def _sizes(cells: pd.DataFrame) -> list[tuple[str, str, pd.Index]]:
    area = cells["area_px"].dropna()
    if area.nunique() < len(SIZES):
        return []
    edges = [-np.inf, *area.quantile([1 / 3, 2 / 3]), np.inf]
    limits = (f"up to {edges[1]:,.0f}", f"to {edges[2]:,.0f}", f"over {edges[2]:,.0f}")
    parts = []
    for number, (size, limit) in enumerate(zip(SIZES, limits, strict=True)):
        inside = area.index[(area > edges[number]) & (area <= edges[number + 1])]
        parts.append(("cell size", f"{size} ({limit} pixels)", inside))
    return [part for part in parts if len(part[2])]
