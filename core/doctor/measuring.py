"""Faults of the measurement: one function each, from a `Record` to `Evidence` or None.

`core.doctor.diagnoses` lists them.
"""

import numpy as np
import pandas as pd

from core.data import splits
from core.doctor.record import Evidence, Record
from core.metrics import bootstrap, calibration
from core.report.dataset import split_verdict
from core.report.phrases import interval_of
from core.runs.adoption import MAY_HAVE_SEEN
from core.runs.metrics import PartMetrics

# Of the 95 % interval of a normal distribution.
STANDARD_ERRORS = 1.96
# One class is (almost) never called if the share of its cells that are is below this.
ONE_SIDED = 0.1
# One class is sacrificed if its cells are missed twice as often as those of the other, and a
# quarter of them more. (A threshold of 0.5 leaves the shipped runs with 19 points at most.)
SACRIFICED, SACRIFICED_RATIO = 0.25, 2.0
# Balanced accuracy on subjects never seen. The winner of the C-NMC 2019 challenge reached a
# weighted F1 of 0.910 on its final test; nothing published under that protocol comes near this.
TOO_GOOD = 0.95
CHALLENGE_F1 = 0.910


def leaking_split(record: Record) -> Evidence | None:
    """Groups, copies or unknown subjects on both sides of the split."""
    if record.metrics:
        audit: splits.SplitAudit = record.metrics.protocol
    elif record.parts is not None:
        copies = pd.DataFrame(columns=["image_a", "image_b", "kind"])
        audit = splits.audit(record.parts, copies)
    else:
        return None
    if not audit.leaking:
        return None
    if record.metrics and record.metrics.protocol.training_unknown:
        return Evidence(
            f"Nobody has said what it was trained on: {MAY_HAVE_SEEN}. {split_verdict(audit)}",
            "State on the Models page what it was trained on, or measure it on new patients.",
        )
    if audit.unknown_subjects:
        advice = "Give the data set with the subject of each cell, and train by subject."
        return Evidence(split_verdict(audit), advice)
    return Evidence(
        split_verdict(audit),
        "Train anew with the split by subject, and believe that number.",
        {"split": "subject"} if _can_hold_out(record) else None,
    )


def _can_hold_out(record: Record) -> bool:
    """Whether a split by subject would differ, with enough groups of each class."""
    if record.config.split == "subject" or record.parts is None:
        return False
    groups = record.parts.groupby("label")["group"].nunique()
    return bool((groups >= (record.config.folds or len(splits.PARTS))).all())


def no_better_than_always_all(record: Record) -> Evidence | None:
    """The interval of the balanced accuracy on the test part includes that of always ALL, 0.5.

    Accuracy is shown but does not decide: a fair classifier can be below the share of ALL.
    Without an interval, cells count as independent, which is more lenient.
    """
    test = record.test
    if not test or test.balanced_accuracy is None:
        return None
    value, estimate = test.balanced_accuracy, test.estimate("balanced_accuracy")
    if estimate.low is not None:
        low, how = estimate.low, interval_of(estimate)
    else:
        low = value - STANDARD_ERRORS * _standard_error(test)
        how = f"from {low:.2f}, even if its {test.images} cells counted as independent"
    always = test.always_all["balanced_accuracy"]
    assert always is not None
    if low > always:
        return None
    evidence = (
        f"{record.beside_always_all} Balanced accuracy: {value:.2f} ({how}) and {always:.2f}."
    )
    one_sided = min(rate for rate, _ in _rates(test)) < ONE_SIDED
    if one_sided and record.config.class_balance == "none":
        advice = "Train anew with both classes of the same weight."
        return Evidence(evidence, advice, {"class_balance": "weights"})
    return Evidence(evidence, "Train on more subjects, or take another architecture.")


def one_class_missed(record: Record) -> Evidence | None:
    """Cells of one class are missed far more often than those of the other, at the threshold.

    The difference must be beyond chance with cells counted as independent. A threshold that the
    user chose by the blasts that may be missed is meant to miss the more of HEM.
    """
    test = record.test
    if not test or test.sensitivity is None or test.specificity is None:
        return None
    missed = {"ALL": 1 - test.sensitivity, "HEM": 1 - test.specificity}
    worse, other = sorted(missed, key=lambda name: -missed[name])
    gap = missed[worse] - missed[other]
    beyond_chance = gap > STANDARD_ERRORS * 2 * _standard_error(test)
    if gap < SACRIFICED or missed[worse] < SACRIFICED_RATIO * missed[other] or not beyond_chance:
        return None
    fitted = record.calibration
    if worse == "HEM" and fitted and fitted.choice and fitted.choice.max_missed is not None:
        return None
    at = "" if fitted is None else f" of {fitted.threshold:.3g}"
    cells = dict(zip(missed, (test.all, test.hem), strict=True))
    evidence = (
        f"At its threshold{at} it misses {missed[worse]:.0%} of {worse} ({cells[worse]} test "
        f"cells), and {missed[other]:.0%} of {other} ({cells[other]})."
    )
    if worse == "ALL":
        move = "Choose its operating point on the Models page: the share of blasts it may miss."
    else:
        move = "Choose its operating point on the Models page, and allow more blasts to be missed."
    if record.config.class_balance != "none":
        return Evidence(evidence, f"{move} Its classes already weigh the same in training.")
    advice = f"{move} Or train anew with both classes of the same weight."
    return Evidence(evidence, advice, {"class_balance": "weights"})


def _standard_error(test: PartMetrics) -> float:
    """The standard error of the balanced accuracy, binomial in each class."""
    return float(0.5 * np.sqrt(sum(rate * (1 - rate) / cells for rate, cells in _rates(test))))


def _rates(test: PartMetrics) -> tuple[tuple[float, int], ...]:
    """Sensitivity and specificity, each with its number of cells."""
    assert test.sensitivity is not None and test.specificity is not None
    return (test.sensitivity, test.all), (test.specificity, test.hem)


def too_good(record: Record) -> Evidence | None:
    """A result on real cells that is suspiciously good; synthetic cells may simply be easy."""
    test = record.test
    if not test or not record.metrics or record.metrics.dataset.synthetic:
        return None
    value = test.balanced_accuracy
    if value is None or value <= TOO_GOOD or test.images < calibration.MIN_IMAGES:
        return None
    return Evidence(
        f"Balanced accuracy is {value:.3f} and weighted F1 {test.weighted_f1:.3f} on "
        f"{test.images} cells of {test.groups} groups of subjects; the winner of the C-NMC "
        f"2019 challenge reached a weighted F1 of {CHALLENGE_F1:.3f} on subjects never seen.",
        "Look on the Dataset page for what gives the class away: copies, one camera or file type "
        "a class, subjects under two ids.",
    )


def small_validation(record: Record) -> Evidence | None:
    """The validation part has fewer cells or groups than calibration requires."""
    if record.parts is None:
        return None
    rows = record.parts[record.parts["split"] == "validation"]
    cells, groups = len(rows), int(rows["group"].nunique())
    known = bool(rows["group"].notna().all())  # unknown subjects: see `leaking_split`
    if cells >= calibration.MIN_IMAGES and (groups >= bootstrap.MIN_GROUPS or not known):
        return None
    groups_text = f" of {groups} groups of subjects" if known else ""
    return Evidence(
        f"The validation part has {cells} cells{groups_text}; at least "
        f"{calibration.MIN_IMAGES} cells of {bootstrap.MIN_GROUPS} groups are needed.",
        "Train anew with more cells, of more subjects.",
        None if record.config.sample is None else {"sample": None},
    )
