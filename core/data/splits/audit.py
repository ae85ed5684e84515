"""What crosses between the parts of a split."""

from typing import ClassVar

import pandas as pd
from pydantic import Field

from core.documents import Section
from core.untrusted.fields import Count, Line


class PartCells(Section):
    """How many cells, subjects and groups a part has, and how many cells of each class."""

    images: Count
    subjects: Count
    groups: Count
    all: Count
    hem: Count


class SplitAudit(Section):
    """What crosses between the parts of a split; None where an older version did not look.

    leaking: something crosses, or cannot be known not to. groups_crossing: groups that stand in
    more than one part. exact_pairs_crossing, near_pairs_crossing, and their sum pairs_crossing:
    duplicates on both sides. unknown_subjects: cells whose subject is not known.
    """

    SPARSE: ClassVar[bool] = True

    leaking: bool
    groups_crossing: Count | None = None
    exact_pairs_crossing: Count | None = None
    near_pairs_crossing: Count | None = None
    pairs_crossing: Count | None = None
    unknown_subjects: Count | None = None
    parts: dict[Line, PartCells] = Field(default_factory=dict)


def audit(parts: pd.DataFrame, pairs: pd.DataFrame) -> SplitAudit:
    """Measures the leakage of a split (as returned by `split`)."""
    part_of = parts.set_index("image_id")["split"]
    ends = pairs.assign(a=pairs["image_a"].map(part_of), b=pairs["image_b"].map(part_of))
    ends = ends.dropna(subset=["a", "b"])
    crossing = ends.loc[ends["a"] != ends["b"], "kind"].value_counts()
    exact, near = (int(crossing.get(kind, 0)) for kind in ("exact", "near"))
    groups = int((parts.groupby("group")["split"].nunique() > 1).sum())
    unknown = int(parts["group"].isna().sum())
    return SplitAudit(
        leaking=bool(groups or exact or near or unknown),
        groups_crossing=groups,
        exact_pairs_crossing=exact,
        near_pairs_crossing=near,
        pairs_crossing=exact + near,
        unknown_subjects=unknown,
        parts={
            str(part): PartCells(
                images=len(rows),
                subjects=int(rows["subject"].nunique()),
                groups=int(rows["group"].nunique()),
                all=int(rows["label"].sum()),
                hem=int((rows["label"] == 0).sum()),
            )
            for part, rows in parts.groupby("split")
        },
    )
