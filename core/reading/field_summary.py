"""Counts of a field's cells, and the share of blasts with its interval.

Never a diagnosis: the share is of the cells that one model has read.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

# A reference differential of blood counts 200 cells an examiner (CLSI H20), one of marrow 500
# (Lee et al., ICSH guidelines for the standardization of bone marrow specimens and reports,
# International Journal of Laboratory Hematology 30, 2008, 349-364).
BLOOD, MARROW = 200, 500
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Counts:
    """The cells of one field. found = cut + read + refused + waiting.

    cut: by the field's border, and so not read. refused: by the code of the gate. blasts and hem:
    called ALL and HEM; review: sent to review; these three were read. waiting: not read yet.
    """

    found: int
    cut: int
    refused: dict[str, int] = field(default_factory=dict)
    blasts: int = 0
    hem: int = 0
    review: int = 0
    waiting: int = 0

    @property
    def read(self) -> int:
        return self.blasts + self.hem + self.review


@dataclass(frozen=True)
class Summary:
    """Counts of one field, or of several of one patient.

    share: blasts among the cells read, None if none was read. interval: 95 %, by the number of
    cells alone. if_review: the share if every cell sent to review were a blast. design_effect: how
    much more than by chance the cells of one field resemble each other, at least 1; the interval is
    that of the number of cells divided by it. warning: if the cells are too few.
    """

    fields: int
    counts: Counts
    share: float | None
    interval: tuple[float, float] | None
    if_review: float | None
    design_effect: float
    warning: str | None

    def to_json(self) -> dict[str, object]:
        """The document that the command line prints."""
        counts = self.counts
        return {
            "fields": self.fields,
            "found": counts.found,
            "cut_by_border": counts.cut,
            "read": counts.read,
            "refused": sum(counts.refused.values()),
            "refused_by": counts.refused,
            "review": counts.review,
            "waiting": counts.waiting,
            "called": {"ALL": counts.blasts, "HEM": counts.hem},
            "share_of_blasts": self.share,
            "interval": None if self.interval is None else list(self.interval),
            "share_if_review_were_blasts": self.if_review,
            "design_effect": self.design_effect,
            "rests_on": counts.read,
            "warning": self.warning,
        }


def summarise(fields: Sequence[Counts]) -> Summary:
    """Adds up the counts of the fields of one patient."""
    refused: Counter[str] = Counter()
    for counts in fields:
        refused.update(counts.refused)
    names = ("found", "cut", "blasts", "hem", "review", "waiting")
    sums = {name: sum(getattr(counts, name) for counts in fields) for name in names}
    total = Counts(refused=dict(refused), **sums)
    warning = _warning(total.read)
    if not total.read:
        return Summary(len(fields), total, None, None, None, 1.0, warning)
    effect = design_effect([(counts.blasts, counts.read) for counts in fields])
    return Summary(
        fields=len(fields),
        counts=total,
        share=total.blasts / total.read,
        interval=wilson(total.blasts / effect, total.read / effect),
        if_review=(total.blasts + total.review) / total.read,
        design_effect=effect,
        warning=warning,
    )


def wilson(successes: float, of: float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share; `of` is above 0, neither has to be an integer.

    Wilson, Probable inference, the law of succession, and statistical inference, Journal of the
    American Statistical Association 22, 1927, 209-212.
    """
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = successes / of
    middle = share + z**2 / (2 * of)
    half = z * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    low, high = ((middle + sign * half) / (1 + z**2 / of) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


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
        return "No cell was read: there is no share to speak of."
    return (
        f"Too few cells for a share to be relied on: {read} read, where a differential of blood "
        f"counts {BLOOD} and one of marrow {MARROW}. Add more fields of the same patient."
    )
