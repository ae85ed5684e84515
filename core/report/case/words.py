"""The verdict, the cells and the signatures of a case's report, in words."""

import re
from collections import Counter
from math import pi, sqrt

from core.cases.agreement import MODEL, Agreement
from core.cases.case_store import SIGNED
from core.cells.scale import size
from core.data.pixel_cache import IMAGE
from core.reading.fields.summary import FEWEST_FOR_PERCENT
from core.report.case.content import (
    CaseReport,
    ReportedAgreement,
    ReportedCell,
    ReportedFigures,
    ReportedPicture,
    ReportedSignature,
)
from core.report.case.history import counted

NOTICE = (
    "For research use only. Not a medical device, never a diagnosis: every call must be checked by "
    "a haematologist."
)
DRAFT = "DRAFT, not signed"
CHECK = (
    "“blastlens cases check REPORT” finds any change of this file since it was made, without the "
    "database. It cannot tell a report that was made anew as a whole: “blastlens cases verify "
    "--head NUMBER:HASH” with the last event of the case finds whether its events are those of the "
    "database."
)
CELLS = (
    "Blasts, and cells that were reviewed or decided otherwise than called, come with pictures "
    "before others. Probabilities are of a blast, with their 95% interval. Sizes are the diameter "
    "of the disc of equal area. Times are UTC."
)
NOT_READ, NOT_KNOWN = "not read", "not known"
TOO_FEW = f"fewer than {FEWEST_FOR_PERCENT} cells are too few for a percentage"


def when(time: str) -> str:
    """A time of the database, to the minute: "2026-11-29 17:05 UTC"."""
    return f"{time[:16].replace('T', ' ')} UTC"


def state(report: CaseReport) -> str:
    """Whether it is signed, and by how many."""
    if report.draft:
        return DRAFT
    return f"{SIGNED.capitalize()} by {counted(len(report.signatures), 'person')}"


def vouched(verified: bool) -> str:
    """Whether somebody vouches for a name."""
    return "verified by the provider" if verified else "name not verified"


def how(blind: bool) -> str:
    """What two raters knew of each other."""
    return "decided blind" if blind else "in sight of the model's calls"


def agreed(pair: Agreement | ReportedAgreement) -> str:
    """On how many cells two raters agree; of a model, of those that it called."""
    called = " that it called" if pair.second == MODEL else ""
    return f"{pair.equal:,} of {counted(pair.cells, pair.item)}{called}"


def before_signing(figures: ReportedFigures) -> list[str]:
    """What a person who signs should know of what is signed, a sentence each."""
    told = [conclusion(figures)]
    if not figures.enough_cells:
        told.append(
            f"Too few cells: {figures.cells:,} count, {figures.minimum_cells:,} are asked for."
        )
    if review := figures.in_review_undecided:
        told.append(
            f"{counted(review, 'cell')} sent to review and decided by nobody: counted by their "
            "side of the threshold."
        )
    return told


def scale(picture: ReportedPicture) -> str:
    """The scale of a picture and its source."""
    if picture.um_per_px is None:
        return "Its scale is not known."
    by = f", {picture.scale_by}" if picture.scale_by else ""
    return f"{picture.um_per_px:.3g} µm a pixel{by}."


def last_event(report: CaseReport) -> str:
    """The last event of the case, as `blastlens cases verify --head` takes it."""
    return "".join(f"{event.number}:{event.hash}" for event in report.events[-1:])


def events(report: CaseReport) -> list[str]:
    """What to write down so that the report can be compared with the database later."""
    return [
        f"Last event of the case: {last_event(report)}",
        f"Last event of all cases when this was made: {report.head.number}:{report.head.hash}",
    ]


def signature(one: ReportedSignature) -> str:
    """A signature in one line."""
    return f"{one.person} ({vouched(one.verified)}), {when(one.time)}"


def conclusion(figures: ReportedFigures) -> str:
    """The verdict in one sentence, which is not a diagnosis."""
    apart = f" {whole_images(figures)}" if figures.images else ""
    if not figures.cells:
        return f"No cell counts, so there is no share of blasts.{apart}"
    return (
        f"Blasts: {figures.blasts:,} of {counted(figures.cells, 'cell')} that count"
        f"{share(figures)}, {by_whom(figures)}.{apart}"
    )


def share(figures: ReportedFigures) -> str:
    """The share of blasts in brackets; "" if the cells are too few for percentages."""
    return f" ({figures.share:.0%})" if in_percent(figures) else ""


def by_whom(figures: ReportedFigures) -> str:
    """Who says what the cells that count are."""
    if not figures.read_by_model_alone:
        return "as readers decided them"
    if figures.read_by_model_alone == figures.cells:
        return "as a model called them"
    return "as readers decided them and, where none did, as a model called them"


def whole_images(figures: ReportedFigures) -> str:
    """What became of pictures that were read whole, which no share of blasts has; "" if none."""
    if not figures.images:
        return ""
    said = ", ".join(f"{number:,} {standing}" for standing, number in figures.images.items())
    number = counted(sum(figures.images.values()), "whole image")
    return (
        f"Apart from cells, {number}: {said}. A call of a whole image does not say how many of its "
        "cells are blasts."
    )


def verdict(figures: ReportedFigures) -> list[tuple[str, str]]:
    """What the verdict rests on, label and value."""
    decided = [f"{number:,} {label}" for label, number in figures.decided.items() if number]
    refused = [f"{number:,}: {why}" for why, number in _alike(figures.refused).items()]
    alone = f"{figures.read_by_model_alone:,}"
    if review := figures.in_review_undecided:
        alone += f", of them {review:,} sent to review and counted by their side of the threshold"
    return [
        ("Corrected for wrong calls", _corrected(figures)),
        ("Enough cells", _enough(figures)),
        ("Decided by readers", ", ".join(decided) or "none"),
        ("Read by a model alone", alone),
        ("Not read, not decided", " ".join(refused) or "none"),
        *([("Whole images", whole_images(figures))] if figures.images else []),
    ]


def _alike(refused: dict[str, int]) -> dict[str, int]:
    """Reasons that differ by figures in brackets alone, counted together."""
    counts: Counter[str] = Counter()
    for why, number in refused.items():
        counts[re.sub(r" \([^)]*\)", "", why)] += number
    return counts


def in_percent(figures: ReportedFigures) -> bool:
    """Whether the cells are enough for percentages."""
    return figures.share is not None and figures.cells >= FEWEST_FOR_PERCENT


def _corrected(figures: ReportedFigures) -> str:
    if figures.corrected_share is None:
        return f"not known: {figures.not_corrected_because}."
    if not in_percent(figures):
        return f"{TOO_FEW}."
    if figures.interval is None:
        return f"{figures.corrected_share:.0%}, without an interval."
    low, high = figures.interval
    none = " Compatible with no blasts at all." if low == 0 else ""
    return f"{figures.corrected_share:.0%} (95% interval {low:.0%} to {high:.0%}).{none}"


def _enough(figures: ReportedFigures) -> str:
    asked = f"{figures.cells:,} count, {figures.minimum_cells:,} are asked for"
    return f"yes: {asked}." if figures.enough_cells else f"no: {asked}."


def holds(picture: ReportedPicture) -> str:
    """What was read of a picture: its cells, or all of it."""
    return "whole image" if picture.kind == IMAGE else counted(len(picture.cells), "cell")


def call(cell: ReportedCell) -> str:
    """What the model made of a cell, with the probability of a blast and its interval."""
    if cell.probability is None:
        return NOT_READ
    interval = ""
    if cell.low is not None and cell.high is not None:
        interval = f" ({cell.low:.2f} to {cell.high:.2f})"
    leaning = f", leaning {cell.leaning}" if cell.leaning and cell.leaning != cell.state else ""
    adapted = "; colours adapted" if cell.adapted else ""
    return f"{cell.state} {cell.probability:.2f}{interval}{leaning}{adapted}"


def decision(cell: ReportedCell) -> list[str]:
    """What persons decided about a cell: what holds first, then what each decided otherwise."""
    if cell.label is None:
        holds = ["not decided"]
    else:
        how = "settled by" if cell.settled else "by"
        holds = [f"{cell.label}, {how} {cell.label_by}, {when(cell.label_at or '')}"]
    for one in cell.decisions:
        if one.reader == cell.label_by and not cell.settled and one.first in (None, one.label):
            continue
        blind = f", blind {one.first}" if one.first not in (None, one.label) else ""
        holds.append(f"{one.reader}: {one.label or 'taken back'}{blind}, {when(one.time)}")
    return holds


def why(cell: ReportedCell) -> str:
    """Why it was sent to review and what its heat map is worth, or why it was refused."""
    if cell.probability is None:
        return f"{cell.reason.partition('. ')[0].removesuffix('.')}."  # without the remedy
    return f"{cell.reason} Heat map: {cell.badge.partition(':')[0]}.".strip()


def across(cell: ReportedCell, um_per_px: float | None) -> str:
    """The diameter of the disc of a cell's area; of what was not outlined it is not known."""
    if not cell.area_px:
        return "not measured"
    return size((2 * sqrt(cell.area_px / pi),), um_per_px)
