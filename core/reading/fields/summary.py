"""Counts of a field's cells, and the share of blasts, as called and corrected for wrong calls.

Never a diagnosis: the share is of the cells that one model has read.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.evaluation.track_record import KnownRates
from core.metrics.estimate import NOT_MEASURED, Estimate
from core.metrics.prevalence import corrected_share

# A reference differential of blood counts 200 cells an examiner (CLSI H20), one of marrow 500
# (Lee et al., ICSH guidelines for the standardization of bone marrow specimens and reports,
# International Journal of Laboratory Hematology 30, 2008, 349-364).
BLOOD, MARROW = 200, 500
# With fewer cells the error of counting alone is larger than that of the calls of a good model, so
# counts are shown in place of percentages: see `python -m benchmarks coverage --only shares`.
FEWEST_FOR_PERCENT = 20
UNKNOWN = KnownRates(None, NOT_MEASURED)
NO_CELLS = "no cell was read"
ADAPTED = KnownRates(
    None, "colours of cells were adapted, and how often such cells are called wrongly is not known"
)


@dataclass(frozen=True)
class Counts:
    """The cells of one field. found = cut + read + refused + waiting.

    cut: by the field's border, and so not read. refused: by the code of the gate. blasts and hem:
    called ALL and HEM; review: sent to review; these three were read. leaning: of those read, how
    many lie at or above the threshold, whether called or sent to review. adapted: of those read,
    how many had their colours adapted. waiting: not read yet.
    """

    found: int
    cut: int
    refused: dict[str, int] = field(default_factory=dict)
    blasts: int = 0
    hem: int = 0
    review: int = 0
    waiting: int = 0
    leaning: int = 0
    adapted: int = 0

    @property
    def read(self) -> int:
        return self.blasts + self.hem + self.review

    @property
    def sentence(self) -> str:
        """What became of the cells, such as "3 white cells found: 1 ALL, 1 HEM, 1 refused."."""
        if not self.found:
            return "No white cell was found in it."
        parts = {
            "ALL": self.blasts,
            "HEM": self.hem,
            "review": self.review,
            "refused": sum(self.refused.values()),
            "cut by the border": self.cut,
            "not read yet": self.waiting,
        }
        said = ", ".join(f"{count} {name}" for name, count in parts.items() if count)
        colours = f" Colours were adapted of {self.adapted} of those read." if self.adapted else ""
        return f"{self.found} white cell{'' if self.found == 1 else 's'} found: {said}.{colours}"


@dataclass(frozen=True)
class Summary:
    """Counts of one field, or of several of one patient.

    share: of the cells read, those at or above the threshold; None if none was read. corrected: the
    share corrected for how often the model calls wrongly, with an interval that carries the
    uncertainty of that, the difference of this patient from others, and the number of cells.
    if_review: the share if every cell sent to review were a blast, and no other. design_effect: how
    much more than by chance the cells of one field resemble each other, at least 1. rates: what the
    correction rests on. warning: if the cells are too few.
    """

    fields: int
    counts: Counts
    share: float | None
    corrected: Estimate
    if_review: float | None
    design_effect: float
    rates: KnownRates
    warning: str | None

    @property
    def in_percent(self) -> bool:
        """Whether the cells are enough for percentages."""
        return self.counts.read >= FEWEST_FOR_PERCENT

    @property
    def perhaps_none(self) -> bool:
        """Whether the calls are compatible with no blast at all."""
        return self.corrected.low == 0

    def to_json(self) -> dict[str, object]:
        """The document that the command line prints."""
        counts, corrected = self.counts, self.corrected
        return {
            "fields": self.fields,
            "found": counts.found,
            "cut_by_border": counts.cut,
            "read": counts.read,
            "refused": sum(counts.refused.values()),
            "refused_by": counts.refused,
            "review": counts.review,
            "waiting": counts.waiting,
            "adapted_stain": counts.adapted,
            "called": {"ALL": counts.blasts, "HEM": counts.hem},
            "at_or_above_threshold": counts.leaning,
            "share_of_blasts": self.share,
            "corrected_share": corrected.value,
            "interval": None if corrected.interval is None else list(corrected.interval),
            "not_corrected_because": corrected.reason or None,
            "compatible_with_none": self.perhaps_none,
            "share_if_review_were_blasts": self.if_review,
            "design_effect": self.design_effect,
            "rests_on": counts.read,
            "warning": self.warning,
        }


def summarise(fields: Sequence[Counts], rates: KnownRates = UNKNOWN) -> Summary:
    """Adds up the counts of the fields of one patient; `rates` are those of the model."""
    refused: Counter[str] = Counter()
    for counts in fields:
        refused.update(counts.refused)
    names = ("found", "cut", "blasts", "hem", "review", "waiting", "leaning", "adapted")
    sums = {name: sum(getattr(counts, name) for counts in fields) for name in names}
    total = Counts(refused=dict(refused), **sums)
    return summarise_total(total, [(counts.leaning, counts.read) for counts in fields], rates)


def summarise_total(
    total: Counts, fields: Sequence[tuple[int, int]], rates: KnownRates = UNKNOWN
) -> Summary:
    """The summary of counts that are added up, with (leaning, read) of each field of them."""
    if total.adapted:
        rates = ADAPTED
    effect = design_effect(fields)
    share, corrected, if_review = None, Estimate(None, reason=NO_CELLS), None
    if total.read:
        share = total.leaning / total.read
        if_review = (total.blasts + total.review) / total.read
        corrected = corrected_share(total.leaning, total.read, rates.rates, effect, rates.lack)
    return Summary(
        fields=len(fields),
        counts=total,
        share=share,
        corrected=corrected,
        if_review=if_review,
        design_effect=effect,
        rates=rates,
        warning=_warning(total.read),
    )


def design_effect(fields: Sequence[tuple[int, int]]) -> float:
    """How many times the variance between fields exceeds that of independent cells, at least 1.

    Takes (blasts, cells read) of each field; 1 for a single field. After Rao and Scott, A simple
    method for the analysis of clustered binary data, Biometrics 48, 1992, 577-585.
    """
    counted = [(blasts, read) for blasts, read in fields if read]
    total = sum(read for _, read in counted)
    share = sum(blasts for blasts, _ in counted) / total if total else 0.0
    if len(counted) < 2 or share in (0, 1):
        return 1.0
    squares = sum((blasts - read * share) ** 2 for blasts, read in counted)
    between = len(counted) / (len(counted) - 1) * squares / total**2
    return max(1.0, between / (share * (1 - share) / total))


def _warning(read: int) -> str | None:
    if read >= MARROW:
        return None
    if read >= BLOOD:
        return (
            f"Enough for a differential of blood ({BLOOD} cells), too few for one of marrow "
            f"({MARROW}): there, add more fields of the same patient."
        )
    if read == 0:
        return "No cell was read, so there is no share of blasts."
    what = "percentage" if read < FEWEST_FOR_PERCENT else "reliable share"
    return (
        f"Too few cells for a {what}: a differential of blood counts {BLOOD}, one of marrow "
        f"{MARROW}. Add more fields."
    )
