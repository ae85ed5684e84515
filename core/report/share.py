"""The share of blasts of a field or a patient, in words."""

from core.metrics.estimate import Estimate
from core.reading.fields.summary import Summary


def of_cells(summary: Summary) -> str:
    """The cells taken for blasts, of those read: "12 of 58 (21%)"."""
    counts = f"{summary.counts.leaning:,} of {summary.counts.read:,}"
    return f"{counts} ({summary.share:.0%})" if summary.in_percent else counts


def corrected(share: Estimate) -> str:
    """The corrected share with its interval: "14% (0% to 61%)"."""
    if share.value is None or share.low is None or share.high is None:
        return "not known"
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"


def sentences(summary: Summary) -> list[str]:
    """What the share rests on and does not say, the most important first."""
    return [part for part in (_meaning(summary), _basis(summary), _review(summary)) if part]


def _meaning(summary: Summary) -> str:
    share = summary.corrected
    if summary.share is None:
        return ""
    if share.value is None:
        return (
            "The share counts the model's calls, wrong ones included. It is not corrected for "
            f"them, because {share.reason}."
        )
    if not summary.in_percent:
        return "These calls are compatible with no blasts at all." if summary.perhaps_none else ""
    if share.interval == (0, 1):
        return "Any share of blasts is compatible with these calls, from none to all."
    if summary.perhaps_none:
        return (
            f"**These calls are compatible with no blasts at all**, and with up to "
            f"{share.high:.0%}."
        )
    return f"Between {share.low:.0%} and {share.high:.0%} of these cells are blasts."


def _basis(summary: Summary) -> str:
    rates = summary.rates.rates
    if rates is None or not summary.in_percent:
        return ""
    patients = "synthetic patients" if summary.rates.synthetic else "patients"
    return (
        f"Corrected for wrong calls: of unseen {patients} this model took "
        f"{100 * rates.sensitivity.mean:.0f} of 100 blasts for blasts, and "
        f"{100 * rates.false_alarms.mean:.0f} of 100 other cells. The interval (95%) allows for "
        "this patient to differ from those."
    )


def _review(summary: Summary) -> str:
    review = summary.counts.review
    if not review:
        return ""
    cells = "1 cell was" if review == 1 else f"{review:,} cells were"
    return f"{cells} sent to review; each counts on its side of the threshold."
