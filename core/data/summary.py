"""A data set in figures: by phase, by fold, by subject, and as one document."""

import time

import pandas as pd

from core.data import duplicates, quality, splits
from core.data.indexing import Index
from core.data.layouts import LABELS, PHASES
from core.errors import DataError

# How each measure of `core.cells.morphology.Morphology` is called and written.
MEASURES = {
    "area_px": ("Area, pixels", "{:,.0f}"),
    "diameter_px": ("Diameter, pixels", "{:.0f}"),
    "nucleus_share": ("Nucleus, share of the cell", "{:.0%}"),
    "nucleus_cytoplasm_ratio": ("Nucleus to cytoplasm", "{:.1f}"),
    "roundness": ("Roundness (disc 1)", "{:.2f}"),
    "solidity": ("Solidity (convex 1)", "{:.2f}"),
    "elongation": ("Elongation (disc 0)", "{:.2f}"),
    "red": ("Mean red, 0 to 255", "{:.0f}"),
    "green": ("Mean green, 0 to 255", "{:.0f}"),
    "blue": ("Mean blue, 0 to 255", "{:.0f}"),
    "density": ("Stain density", "{:.2f}"),
    "texture": ("Chromatin texture", "{:.3f}"),
    "focus": ("Focus", "{:.2f}"),
    "fragment_share": ("Attached fragment, share", "{:.0%}"),
}
TYPICAL = ("diameter_px", "nucleus_share", "density", "texture", "focus")


def counts(cells: pd.DataFrame, by: str) -> pd.DataFrame:
    """Images, ALL, HEM and unlabelled cells, subjects and groups for each value of a column."""
    label = cells["label"]
    columns = {
        "images": pd.Series(1, cells.index),
        "ALL": (label == 1).fillna(False).astype(int),
        "HEM": (label == 0).fillna(False).astype(int),
        "unlabelled": label.isna().astype(int),
    }
    groups = cells[by].fillna("unknown") if by in ("subject", "group") else cells[by]
    table = pd.DataFrame(columns).groupby(groups.rename(by), sort=True).sum()
    distinct = cells.groupby(groups.rename(by))[["subject", "group"]].nunique()
    table[["subjects", "groups"]] = distinct
    return table.reset_index()


def by_phase(index: Index) -> pd.DataFrame:
    """Returns `counts` of the phases present, in their order, followed by those of the folds."""
    phases = counts(index.cells, "phase").set_index("phase")
    phases = phases.loc[[phase for phase in PHASES if phase in phases.index]]
    folds = counts(index.cells, "fold").set_index("fold").rename(index=lambda fold: f"fold_{fold}")
    return pd.concat([phases, folds]).rename_axis("part").reset_index()


def by_class(index: Index) -> pd.DataFrame:
    """Returns one row of each of the publisher's classes: class_name, counts_as, images, subjects.

    counts_as: "ALL", "HEM" or "left out". Empty where the publisher has no other classes.
    """
    counts_as = {1: "ALL", 0: "HEM", None: "left out"}
    cells = index.cells[index.cells["class_name"].notna()]
    table = cells.groupby("class_name").agg(
        images=("image_id", "size"), subjects=("subject", "nunique")
    )
    names = [name for name in index.classes if name in table.index]
    table = table.loc[names]
    table.insert(0, "counts_as", [counts_as[index.classes[name]] for name in names])
    return table.reset_index()


def by_subject(index: Index, measured: pd.DataFrame | None = None) -> pd.DataFrame:
    """Returns one row a known subject, in natural order.

    Columns: subject, group, phase, fold, class, cells, share (of all cells with a subject) and
    copies (cells that have a duplicate). With the measures of all cells, as
    `core.data.measures.measure` gives them, also flagged (cells with a quality flag) and the
    medians of `TYPICAL`.
    """
    cells = index.cells[index.cells["subject"].notna()]
    copied = set(index.pairs["image_a"]) | set(index.pairs["image_b"])
    looks: dict[str, str] = {}
    if measured is not None:
        cells = cells.join(measured.set_index("image_id"), on="image_id")
        cells = cells.assign(flagged=cells["quality"].ne("").astype(int))
        looks = {"flagged": "sum", **dict.fromkeys(TYPICAL, "median")}
    cells = cells.assign(
        copies=cells["image_id"].isin(copied).astype(int),
        label=cells["label"].map({label: name for name, label in LABELS.items()}),
        cells=1,
    )
    table = cells.groupby("subject").agg(
        {
            "group": "first",
            "phase": _only,
            "fold": _only,
            "label": _only,
            "cells": "sum",
            "copies": "sum",
            **looks,
        }
    )
    table.insert(5, "share", table["cells"] / max(len(cells), 1))
    order = sorted(table.index, key=natural)
    return table.loc[order].rename(columns={"label": "class"}).reset_index()


def links(index: Index) -> pd.DataFrame:
    """Returns the evidence that links subjects: group, subjects, numbers of pairs, an example."""
    pairs = duplicates.across_subjects(index.pairs)
    group = index.cells.drop_duplicates("subject").set_index("subject")["group"]
    rows = [
        {
            "group": group[a],
            "subject_a": a,
            "subject_b": b,
            "identical": int((shared["kind"] == "exact").sum()),
            "near": int((shared["kind"] == "near").sum()),
            "image_a": shared["image_a"].iat[0],
            "image_b": shared["image_b"].iat[0],
        }
        for (a, b), shared in pairs.groupby(["subject_a", "subject_b"])
    ]
    return pd.DataFrame(rows).sort_values("group", ignore_index=True) if rows else pd.DataFrame()


def measures_of(cell: pd.Series, measured: pd.DataFrame | None) -> pd.DataFrame:
    """One cell's measures beside those of all: measure, cell, median, middle_half (texts).

    `cell` is a row of `core.data.measures.measure`, `measured` all its rows; without them the
    texts of median and middle_half are empty.
    """
    rows = []
    for column, (name, form) in MEASURES.items():
        value = "not visible" if pd.isna(cell[column]) else form.format(cell[column])
        median = middle = ""
        if measured is not None and measured[column].notna().any():
            low, half, high = measured[column].quantile([0.25, 0.5, 0.75])
            median, middle = form.format(half), f"{form.format(low)} to {form.format(high)}"
        rows.append((name, value, median, middle))
    return pd.DataFrame(rows, columns=["measure", "cell", "median", "middle_half"])


def flagged(measured: pd.DataFrame, flag: str) -> int:
    """How many cells carry a quality flag."""
    return sum(flag in flags.split(", ") for flags in measured["quality"])


def natural(subject: str) -> tuple[str, int, str]:
    """A key that sorts 2 before 10, and C-NMC's H subjects after the others."""
    digits = subject.lstrip("Hh")
    prefix = subject[: len(subject) - len(digits)].upper()
    return (prefix, int(digits), "") if digits.isdecimal() else ("\uffff", 0, subject)


def _only(values: pd.Series) -> str:
    """The one value of a column, or all of them."""
    return ", ".join(str(value) for value in sorted(set(values.dropna())))


def published_split(index: Index) -> str | None:
    """One sentence on the publisher's own parts and what crosses; None where there are none."""
    cells = index.labelled().dropna(subset="part")
    counts = cells["part"].value_counts()
    if len(counts) < 2:
        return None
    counted = [f"{part} ({counts[part]:,})" for part in splits.PARTS if part in counts]
    leak = splits.audit(cells.rename(columns={"part": "split"}), index.pairs)
    crossing = (
        f"{leak.groups_crossing:,} groups of subjects and {leak.pairs_crossing:,} pairs of copies "
        "stand in more than one of them"
        if leak.groups_crossing or leak.pairs_crossing
        else "no known subject and no copy stands in two of them"
    )
    unknown = "; the subjects are not known" if cells["group"].isna().all() else ""
    return (
        f"The publisher's parts are {', '.join(counted)}: {crossing}{unknown}. The split "
        "'published' keeps them; the default split draws others by subject."
    )


def summarise(
    index: Index, started: float, measured: pd.DataFrame | None = None
) -> dict[str, object]:
    """Returns the facts of an index as the command line prints them.

    `started` is `time.perf_counter()` before the indexing began. `splits` counts the images of
    each part under the default split (subject-disjoint, seed 0). `quality` counts the cells with
    each flag, if `measured` has the measures of all cells; else it is None.
    """
    cells, pairs = index.cells, index.pairs
    try:
        parts = splits.split(index, "subject", seed=0)["split"].value_counts()
        sizes = {part: int(parts.get(part, 0)) for part in splits.PARTS}
    except DataError:
        sizes = None  # too few groups of a class for three parts; training says so in full
    return {
        "dataset": str(index.root),
        "name": index.name,
        "synthetic": index.synthetic,
        "layout": index.layout,
        "classes": by_class(index).set_index("class_name").to_dict("index") or None,
        "published_split": published_split(index),
        "fingerprint": index.fingerprint,
        "images": len(cells),
        "rejected": index.rejected.to_dict("records"),
        "splits": sizes,
        "labels": {name: int((cells["label"] == label).sum()) for name, label in LABELS.items()}
        | {"unlabelled": int(cells["label"].isna().sum())},
        "phases": by_phase(index).set_index("part").to_dict("index"),
        "subjects": int(cells["subject"].nunique()),
        "groups": int(cells["group"].nunique()),
        "quality": None
        if measured is None
        else {flag: flagged(measured, flag) for flag in quality.FLAGS},
        "duplicates": {
            "exact_pairs": int((pairs["kind"] == "exact").sum()),
            "near_pairs": int((pairs["kind"] == "near").sum()),
            "cross_subject_pairs": len(duplicates.across_subjects(pairs)),
        },
        "linked_subjects": index.linked_subjects(),
        "seconds": round(time.perf_counter() - started, 3),
    }
