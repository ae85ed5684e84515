"""The verdict on a case, in words."""

from core.cases.agreement import Agreement
from core.cases.verdict import Verdict
from core.reading.fields.summary import FEWEST_FOR_PERCENT
from core.report import share as share_words
from core.report.phrases import full


def share(found: Verdict) -> str:
    """The blasts of the cells that count: "12 of 58 (21%)"."""
    counts = f"{found.blasts:,} of {found.cells:,}"
    if found.share is None or found.cells < FEWEST_FOR_PERCENT:
        return counts
    return f"{counts} ({found.share:.0%})"


def sentences(found: Verdict) -> list[str]:
    """What the verdict rests on and does not say, the most important first."""
    return [text for text in (*_rests_on(found), *_corrected(found), *_refused(found)) if text]


def agreement(pair: Agreement) -> str:
    """How two raters agree: "A and B agree on 9 of 10 cells; kappa 0.80 (0.41 to 1.00)."."""
    how = "before the model's call was shown" if pair.blind else "not blind"
    return (
        f"{pair.first} and {pair.second} agree on {pair.equal} of {pair.cells} cells; Cohen's "
        f"kappa {full(pair.kappa)} ({how})."
    )


def _rests_on(found: Verdict) -> list[str]:
    decided = sum(found.decided.values())
    alone = found.model.counts.read
    words = f"It rests on {found.cells:,} cells, where at least {found.minimum:,} are asked for"
    words += "." if found.enough else ": **too few**."
    by = f"Readers decided {decided:,} cells"
    parts = [f"{count} {label}" for label, count in found.decided.items() if count]
    by += f" ({', '.join(parts)})" if parts else ""
    return [words, f"{by}; the model alone called {alone:,}."]


def _corrected(found: Verdict) -> list[str]:
    corrected = found.corrected
    if corrected.value is None:
        return [f"The share is not corrected for wrong calls, because {corrected.reason}."]
    if found.cells < FEWEST_FOR_PERCENT:
        return [f"Fewer than {FEWEST_FOR_PERCENT} cells are too few for a percentage."]
    how = "" if found.model.counts.read else " by the number of cells alone"
    none = " It is compatible with no blasts at all." if corrected.low == 0 else ""
    return [
        f"Corrected for the model's wrong calls the share is "
        f"{share_words.corrected(corrected)}{how}; errors of readers are not in the interval.{none}"
    ]


def _refused(found: Verdict) -> list[str]:
    count = sum(found.refused.values())
    if not count:
        return []
    reasons = [f"{number} times: {reason}" for reason, number in found.refused.items()]
    verb = "1 cell was" if count == 1 else f"{count} cells were"
    return [f"{verb} not read, and nobody decided: {' '.join(reasons)}"]
