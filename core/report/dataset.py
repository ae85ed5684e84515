"""A split of a data set as a sentence and a table."""

import pandas as pd

from core.data.splits import PARTS, SplitAudit


def parts_table(audit: SplitAudit) -> pd.DataFrame:
    """Returns the parts of a split as a table: part, images, ALL, HEM, subjects, groups."""
    rows = [
        {
            "part": name,
            "images": part.images,
            "ALL": part.all,
            "HEM": part.hem,
            "subjects": part.subjects,
            "groups": part.groups,
        }
        for name, part in audit.parts.items()
    ]
    return pd.DataFrame(rows).set_index("part").loc[list(PARTS)].reset_index()


def split_verdict(audit: SplitAudit) -> str:
    """Returns the sentence on what the parts share."""
    sentences = []
    if audit.groups_crossing or audit.pairs_crossing:
        sentences.append(
            f"This split leaks: {audit.groups_crossing} groups of subjects, "
            f"{audit.exact_pairs_crossing} identical and {audit.near_pairs_crossing} nearly "
            "identical pairs of images stand on both sides, so its numbers are too good."
        )
    if audit.unknown_subjects:
        sentences.append(
            f"The subjects of {audit.unknown_subjects:,} cells are not known: cells of one "
            "patient may be on both sides, and the numbers may be too good."
        )
    return " ".join(sentences) or (
        "Nothing crosses: no group of subjects and no copy of an image is in two parts."
    )
