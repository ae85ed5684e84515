"""What stands out in a data set, in words: the first thing the Dataset page says."""

from dataclasses import dataclass

from core.data.manifest import Index

_IMBALANCE = 0.6


@dataclass(frozen=True)
class Finding:
    """One sentence; `serious` if a number measured without heeding it would mislead."""

    text: str
    serious: bool


def findings(found: Index) -> list[Finding]:
    """The serious ones first."""
    return sorted(
        [*_leaks(found), *_rejections(found), *_balance(found)], key=lambda f: not f.serious
    )


def _leaks(found: Index) -> list[Finding]:
    linked = found.linked_subjects()
    if not linked:
        return [Finding("No image occurs under two subjects.", serious=False)]
    pairs = found.pairs
    across = pairs[pairs["subject_a"] != pairs["subject_b"]]
    fold = found.cells.set_index("image_id")["fold"]
    between_folds = int((across["image_a"].map(fold) != across["image_b"].map(fold)).sum())
    names = "; ".join(" = ".join(group) for group in linked)
    text = (
        f"{len(across)} pairs of identical or nearly identical images carry different subject "
        f"ids: {names}. BlastLens treats such subjects as one."
    )
    if between_folds:
        text += f" {between_folds} of the pairs cross the official folds, which therefore leak."
    return [Finding(text, serious=True)]


def _rejections(found: Index) -> list[Finding]:
    number = len(found.rejected)
    if not number:
        return []
    reason, count = next(iter(found.rejected["reason"].value_counts().items()))
    return [
        Finding(
            f"{number} files are not used; the most common reason ({count}): {reason}.",
            serious=number > len(found.cells) / 100,
        )
    ]


def _balance(found: Index) -> list[Finding]:
    share = float(found.cells["label"].mean())
    name, larger = ("ALL", share) if share >= 0.5 else ("HEM", 1 - share)
    if larger < _IMBALANCE:
        return [Finding(f"The classes are near balance: {share:.0%} ALL.", serious=False)]
    return [
        Finding(
            f"{larger:.0%} of the cells are {name}: a model that always answers {name} has that "
            "accuracy, so read balanced accuracy.",
            serious=False,
        )
    ]
