"""Issues of a data set in words: the first thing the Dataset page shows."""

from dataclasses import dataclass

import pandas as pd

from core.data import duplicates, quality, summary
from core.data.indexing import Index

_IMBALANCE = 0.6
_MANY = 0.25
# 0.6745 (x - median) / MAD, Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993. Their
# 3.5 would name a subject in half of all sets that have no outlier.
_OUTLYING = 5
_MIN_CELLS = 5
_MIN_SUBJECTS = 10  # of a class
_NAMED = 6
_LOOKS = {
    "diameter_px": "size",
    "density": "stain",
    "texture": "chromatin",
    "focus": "sharpness",
}


@dataclass(frozen=True)
class DatasetIssue:
    """One sentence; `serious` if ignoring it would make a measured number misleading.

    shows: what can be looked at, "copies" of different subjects or "flagged" cells; "" for nothing.
    """

    text: str
    serious: bool
    shows: str = ""


def findings(index: Index, measured: pd.DataFrame | None = None) -> list[DatasetIssue]:
    """Lists the issues of a data set, serious ones first.

    `measured` has the measures of all cells, as `core.data.measures.measure` gives them; without
    them nothing is said of how the cells look.
    """
    issues = [
        *_classes(index),
        *_published(index),
        *_leaks(index),
        *_unknown(index),
        *_rejections(index),
        *_balance(index),
        *_share(index),
    ]
    if measured is not None:
        issues += [*_outliers(index, measured), *_quality(measured)]
    return sorted(issues, key=lambda finding: not finding.serious)


def _classes(index: Index) -> list[DatasetIssue]:
    table = summary.by_class(index)
    if table.empty or {name.upper() for name in table["class_name"]} == {"ALL", "HEM"}:
        return []
    named = {label: ", ".join(rows["class_name"]) for label, rows in table.groupby("counts_as")}
    several = (table["counts_as"] == "ALL").sum() > 1
    text = (
        f"{named.get('ALL', 'No class')} {'count' if several else 'counts'} as ALL, the positive "
    )
    text += "class; "
    text += f"{named.get('HEM', 'no class')} as HEM."
    if "left out" in named:
        text += f" Left out: {named['left out']}."
    return [DatasetIssue(text, serious=False)]


def _published(index: Index) -> list[DatasetIssue]:
    text = summary.published_split(index)
    return [DatasetIssue(text, serious=True)] if text else []


def _leaks(index: Index) -> list[DatasetIssue]:
    pairs, linked = index.pairs, index.linked_subjects()
    if not linked:
        if index.cells["subject"].isna().all():
            return []
        return [DatasetIssue("No image occurs under two subjects.", serious=False)]
    across = duplicates.across_subjects(pairs)
    fold = index.cells.set_index("image_id")["fold"]
    ends = pd.DataFrame({end: across[f"image_{end}"].map(fold) for end in "ab"}).dropna()
    between_folds = int((ends["a"] != ends["b"]).sum())
    names = "; ".join(" and ".join(group) for group in linked)
    text = (
        f"{_count(len(across), 'pair')} of copies carry different subject ids: {names}; such "
        "subjects count as one."
    )
    if between_folds:
        text += f" {between_folds} of the pairs stand in two official folds, which therefore leak."
    return [DatasetIssue(text, serious=True, shows="copies")]


def _unknown(index: Index) -> list[DatasetIssue]:
    cells, issues = index.cells, []
    unlabelled = cells["label"].isna()
    listless = int((unlabelled & (cells["phase"] == "preliminary")).sum())
    if listless:
        issues.append(
            DatasetIssue(
                f"{_count(listless, 'image')} of the preliminary test phase have no label: their "
                "labels CSV is not in the folder, or lacks them.",
                serious=True,
            )
        )
    nameless = int((~unlabelled & cells["subject"].isna()).sum())
    if nameless:
        issues.append(
            DatasetIssue(
                f"The subjects of {_count(nameless, 'labelled image')} are not known. No patient "
                "can be held out, so every number measured on them may be too good.",
                serious=True,
            )
        )
    final = int((unlabelled & (cells["phase"] == "final")).sum())
    if final:
        text = f"{_count(final, 'image')} of the final test phase carry no label: for viewing only."
        issues.append(DatasetIssue(text, serious=False))
    return issues


def _rejections(index: Index) -> list[DatasetIssue]:
    number = len(index.rejected)
    if not number:
        return []
    reason, count = next(iter(index.rejected["reason"].value_counts().items()))
    return [
        DatasetIssue(
            f"{_count(number, 'file')} not used; the most common reason ({count}): {reason}.",
            serious=number > len(index.cells) / 100,
        )
    ]


def _balance(index: Index) -> list[DatasetIssue]:
    labels = index.labelled()["label"]
    if labels.empty:
        return [DatasetIssue("No cell has a label: there is nothing to train on.", serious=True)]
    share = float(labels.mean())
    name, larger = ("ALL", share) if share >= 0.5 else ("HEM", 1 - share)
    if larger < _IMBALANCE:
        return [DatasetIssue(f"The classes are near balance: {share:.0%} ALL.", serious=False)]
    return [
        DatasetIssue(
            f"{larger:.0%} of the labelled cells are {name}: always answering {name} has that "
            "accuracy, so read balanced accuracy.",
            serious=False,
        )
    ]


def _share(index: Index) -> list[DatasetIssue]:
    """Subjects that make up a large part of a class, and so dominate its figures."""
    cells = index.labelled()
    issues = []
    for label, name in ((1, "ALL"), (0, "HEM")):
        groups = cells.loc[cells["label"] == label, "group"].value_counts(normalize=True)
        if len(groups) and groups.iloc[0] >= max(_MANY, 2 / len(groups)):
            text = (
                f"Subject {groups.index[0]} alone gives {groups.iloc[0]:.0%} of the {name} cells."
            )
            issues.append(DatasetIssue(text, serious=False))
    return issues


def _outliers(index: Index, measured: pd.DataFrame) -> list[DatasetIssue]:
    """Subjects whose typical cell differs from that of the other subjects of their class."""
    table = summary.by_subject(index, measured)
    table = table[table["cells"] >= _MIN_CELLS].set_index("subject")
    table = table[table.groupby("class")["cells"].transform("size") >= _MIN_SUBJECTS]
    odd: dict[str, list[str]] = {}
    for column, word in _LOOKS.items():
        away = table[column] - table.groupby("class")[column].transform("median")
        spread = away.abs().groupby(table["class"]).transform("median")
        for subject in table.index[0.6745 * away.abs() > _OUTLYING * spread]:
            odd.setdefault(subject, []).append(word)
    if not odd:
        return []
    names = [f"{subject} ({', '.join(words)})" for subject, words in odd.items()]
    text = f"The typical cell of these subjects is unlike their class: {'; '.join(names[:_NAMED])}"
    text += f"; and {len(names) - _NAMED} more." if len(names) > _NAMED else "."
    return [DatasetIssue(text, serious=False)]


def _quality(measured: pd.DataFrame) -> list[DatasetIssue]:
    flagged = int((measured["quality"] != "").sum())
    if not flagged:
        return []
    counts = {flag: summary.flagged(measured, flag) for flag in quality.FLAGS}
    if text := whole_pictures(measured):
        text += (
            " What is measured on them means little. Train on whole images (What the network sees, "
            "in the settings of the Train page, or --set inputs=image), or cut the cells out first."
        )
        return [DatasetIssue(text, serious=True)]
    names = ", ".join(f"{flag} {number:,}" for flag, number in counts.items() if number)
    text = f"{_count(flagged, 'cell')} with a quality flag: {names}."
    return [DatasetIssue(text, serious=flagged > len(measured) / 4, shows="flagged")]


def whole_pictures(measured: pd.DataFrame) -> str:
    """That most images of a set are whole pictures, in a sentence; "" where they are not."""
    reaching = summary.flagged(measured, "touches the border")
    if reaching <= len(measured) / 2:
        return ""
    return (
        f"{reaching:,} of {len(measured):,} images are filled to their border, so they are no "
        "single cells on black."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
