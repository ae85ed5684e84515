"""A cohort in words and tables: how far it has come, what was refused, and its patients."""

import pandas as pd

from core.cohort.plan import CohortSummary
from core.cohort.tally import FAILED, REFUSED
from core.data.pixel_cache import IMAGE
from core.jobs.job import Status
from core.reading.fields.summary import FEWEST_FOR_PERCENT
from core.report.phrases import duration

# The codes of the checks, as a reader says them.
REFUSALS = {
    "unreadable": "The file cannot be read",
    "too small": "It has too few pixels for a cell",
    "not black": "It is black",
    "stained": "It shows no stained cell",
    "field": "It shows several cells and cannot be read as a field",
    "natural background": "The cell cannot be cut out of its background",
    "channels": "Red and blue are swapped",
    "scale": "The cell is larger or smaller than any training cell",
    "sharp": "The cell is blurred or cut off",
    "appearance": "Colour, light or contrast are unlike those of training cells",
    "known": "The model has seen nothing like it",
    "border": "A cell of a field that its edge cuts off",
    "smudge": "A smudge cell",
}


# How an outcome is said, in the order in which it is.
_OUTCOMES = {"ALL": "ALL", "HEM": "HEM", "review": "review", REFUSED: "refused"}
_OUTCOMES |= {FAILED: "cannot be read"}


def progress(status: Status) -> str:
    """What a cohort's worker does, how much is done, how fast, and how long is left."""
    parts = [status.phase]
    if status.total:
        parts.append(f"{status.done:,} of {status.total:,} pictures")
    elif status.done:
        parts.append(f"{status.done:,} so far")
    if status.seconds_left is not None and status.images_per_second:
        parts.append(f"{status.images_per_second:,.0f} a second")
        parts.append(f"{duration(status.seconds_left)} left")
    return " · ".join(parts)


def so_far_in_words(status: Status) -> str:
    """How many cells have each call by now, were refused or cannot be read; "" before the first."""
    found = status.outcomes
    if not found:
        return ""
    return ", ".join(f"{found.get(code, 0):,} {name}" for code, name in _OUTCOMES.items())


def sentence(summary: CohortSummary) -> str:
    """What became of the pictures, in a sentence or two."""
    how = "whole" if summary.item == IMAGE else "as one cell"
    text = f"{summary.pictures:,} pictures: {summary.cells:,} read {how}"
    if summary.fields:
        fields = "a field" if summary.fields == 1 else f"{summary.fields:,} fields"
        text += f", {fields} with {summary.field_cells:,} white cells"
    text += f", {summary.refused:,} refused."
    if summary.copies:
        text += f" {summary.copies:,} are copies of others; of one patient they count once."
    if summary.known:
        text += f" {summary.known:,} are {summary.item}s that the model was trained or tested on."
    if summary.without_subject:
        text += f" The patient of {summary.without_subject:,} is not known."
    return text


def refusals(summary: CohortSummary) -> pd.DataFrame:
    """How many pictures and cells of fields each check refused, the most first."""
    found = summary.refused_by
    return pd.DataFrame(
        {
            "Reason": [
                REFUSALS.get(code, code).replace("training cells", f"training {summary.item}s")
                for code in found
            ],
            "Check": list(found),
            "Refused": list(found.values()),
        }
    )


def patients(table: pd.DataFrame, item: str) -> pd.DataFrame:
    """The patients of patients.parquet as a page shows them; shares of too few cells are left out.

    `item` is what the model reads, `CohortSummary.item`.

    The corrected share is given however few cells there are, since its interval says how few.
    "As called" and "Why not corrected" are left out where they are empty for all.
    """
    enough = table["read"] >= FEWEST_FOR_PERCENT
    shown = pd.DataFrame(
        {
            "Patient": table["subject"],
            "Pictures": table["pictures"],
            f"{item.capitalize()}s read": table["read"],
            "ALL": table["ALL"],
            "HEM": table["HEM"],
            "Review": table["review"],
            "Refused": table["refused"],
            "As called": table["share"].where(enough).round(2),
            "Corrected": table["corrected_share"].round(2),
            "From": table["low"].round(2),
            "To": table["high"].round(2),
            "Why not corrected": table["not_corrected_because"].fillna(""),
        }
    )
    empty = {"As called": not enough.any(), "Why not corrected": not shown.iloc[:, -1].any()}
    return shown.drop(columns=[name for name, left_out in empty.items() if left_out])
