"""The subjects and the splits of a data set, as sentences and tables."""

from typing import Any

import pandas as pd

from core.data.layouts.described import Described
from core.data.splits import PARTS, SplitAudit

_NAMED = 3  # subjects, as examples


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
        groups = "1 group" if audit.groups_crossing == 1 else f"{audit.groups_crossing} groups"
        sentences.append(
            f"This split leaks: {groups} of subjects, "
            f"{audit.exact_pairs_crossing} identical and {audit.near_pairs_crossing} nearly "
            "identical pairs of images stand on both sides, so its numbers are too good."
        )
    if audit.unknown_subjects:
        sentences.append(
            f"The subjects of {audit.unknown_subjects:,} images are not known: images of one "
            "patient may be on both sides, and the numbers may be too good."
        )
    return " ".join(sentences) or (
        "Nothing crosses: no group of subjects and no copy is in two parts."
    )


def subjects_and_parts(found: Described) -> str:
    """Says which subjects and publisher's parts the images of a data set to be added are of."""
    parts = ", ".join(f"{name} ({images:,})" for name, images in found.parts.items())
    text = f" The publisher's parts: {parts}." if parts else ""
    if not found.subjects:
        return (
            "No subject is known, so images of one patient may be on both sides of a split. If a "
            f"folder, the file names or a column give the subjects, say where.{text}"
        )
    names = ", ".join(list(found.subjects)[:_NAMED])
    more = ", …" if len(found.subjects) > _NAMED else ""
    return f"Subjects: {len(found.subjects):,} ({names}{more}).{text}"


def what_follows(a: Any, b: Any) -> list[str]:
    """Sentences on two rows of an index that are copies of one image: what is done about it.

    The rows have subject, group, label, fold, part and phase, as `core.data.indexing.Index` does.
    """
    sentences = []
    if pd.isna(a.subject) or pd.isna(b.subject):
        sentences.append(
            "A subject is not known, so nothing keeps the two out of training and test at once."
        )
    elif a.subject == b.subject:
        sentences.append(f"Both are of subject {a.subject}, whose images are never split apart.")
    else:
        sentences.append(
            f"Subjects {a.subject} and {b.subject} are treated as one, the group {a.group}: the "
            "default split never puts it on both sides."
        )
    if pd.isna(a.label) != pd.isna(b.label):
        sentences.append("Only one of the two has a label.")
    elif not pd.isna(a.label) and a.label != b.label:
        sentences.append(
            "The labels disagree: one says ALL, the other HEM. One of them is wrong; until it is "
            "mended, leave both out."
        )
    for column, name in (("fold", "official fold"), ("part", "publisher's part")):
        one, other = getattr(a, column), getattr(b, column)
        if not pd.isna(one) and not pd.isna(other) and one != other:
            sentences.append(f"They are in {name} {one} and {other}, which therefore leak.")
    return sentences
