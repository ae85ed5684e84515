"""What a model that was trained on synthetic cells makes of real ones, in words."""

from core.errors import RunError
from core.report.phrases import interval_of
from core.runs.evaluations import Evaluation
from core.runs.run_store import Run

TRAINED = "Trained on synthetic cells"
UNMEASURED = f"{TRAINED} and not measured on real ones: what it says of a real cell means nothing."
ADOPTED = "Adopted on synthetic cells: its numbers say nothing about real ones."
_USE = "Use it to learn the tool; train on real data for anything else."


def sentence(run: Run) -> str:
    """What is known of its calls on real cells; "" for a run that was trained on real ones.

    Of several evaluations on real cells the one with most cells counts, and of equals the latest.
    One of an older version does not say whether its cells are real, and does not count.
    """
    measured = run.metrics
    if measured is None or not measured.dataset.synthetic:
        return ""
    try:
        real = [row for row in run.evaluations if row.synthetic is False and not row.leaking]
    except RunError as error:
        return f"{UNMEASURED} {error}"
    if not real:
        return ADOPTED if run.adoption else UNMEASURED
    largest = max(real, key=lambda row: (row.metrics.images, row.at or 0))
    trained = "Adopted on synthetic cells" if run.adoption else TRAINED
    return f"{trained}: {_found(run, largest)} {_USE}"


def _found(run: Run, row: Evaluation) -> str:
    part, counts = row.metrics, row.metrics.confusion
    subjects = "unknown subjects" if row.subjects is None else f"{row.subjects:,} subjects"
    ranked = part.estimate("roc_auc")
    order = "All are of one class."
    if ranked.value is not None:
        order = (
            f"It ranked a blast above a healthy cell in {100 * ranked.value:.0f} of 100 pairs "
            f"(ROC AUC {ranked.value:.2f}, {interval_of(ranked)})."
        )
    return (
        f"of {part.all:,} real blasts it put {counts.tp:,} on the side of ALL, of {part.hem:,} "
        f"healthy cells {counts.tn:,} on that of HEM. Those it sends to review count by their "
        f"side. They are of {subjects} of {row.dataset}, called at {_threshold(run, row)}. {order}"
    )


def _threshold(run: Run, row: Evaluation) -> str:
    """Its threshold, or the former one if that or the calibration has changed since."""
    now = run.calibration
    if (row.threshold, row.calibration) == (now.threshold, now.method):
        return "its threshold"
    if row.threshold == now.threshold:
        return "its threshold, under its former calibration"
    was = "" if row.threshold is None else f" of {row.threshold:.2g}"
    return f"its former threshold{was}"
