"""Sections of a model card on protocol, performance, calibration, subgroups and failures."""

from pathlib import PurePosixPath
from typing import Any

from core.data import splits
from core.data.pixel_cache import said_of
from core.evaluation.patients import measure as measure_patients
from core.evaluation.subgroups import by_subject
from core.evaluation.test_set import TestSet
from core.metrics import classification
from core.report import operating_point, patients
from core.report.card.failures import by_fold, worst_calls
from core.report.card.items import Item, date, fact, gap, table
from core.report.dataset import split_verdict
from core.report.phrases import span
from core.runs.adoption import MAY_HAVE_SEEN
from core.runs.evaluations import Evaluation
from core.runs.metrics import PartMetrics, RunMetrics
from core.runs.run_store import Run

_WORDS = {
    "subject": "by group of subjects: every group stands in one part",
    "folds": "C-NMC's official folds",
    "preliminary": "trained and validated on the training phase by group, tested on C-NMC's "
    "preliminary test phase",
    "published": "the parts of the data set's publisher",
    "image": "by single image: those of one patient stand on both sides",
}
_WORST = 5


def protocol(run: Run, measured: RunMetrics) -> list[Item]:
    """The split, and what its parts share."""
    split, config = measured.protocol, run.config
    sentence = f"Split {_WORDS.get(split.split or '', split.split)}; seed {config.seed}."
    if config.folds:
        sentence += f" Fold {config.fold + 1} of {config.folds} of a cross-validation."
    leak = "It leaks: do not compare its numbers with honest ones. " if split.leaking else ""
    roles = (
        "Training fits the weights; validation chooses the epoch, the temperature and any "
        "threshold; the test part chooses nothing."
    )
    if run.adoption:
        roles = (
            "Training is the reference for what is like it; validation chooses the "
            "temperature and any threshold; how to feed the model was tried on both; the test "
            "part chooses nothing."
        )
    if split.training_unknown:
        leak = f"{MAY_HAVE_SEEN.capitalize()}: do not compare its numbers with honest ones. "
    return [
        fact("Split", sentence),
        fact("Audit for leakage", leak + split_verdict(split)),
        fact(f"Test {run.config.items}", f"Digest of their contents: {split.test_cells}"),
        fact(
            "Roles of the parts",
            roles,
        ),
    ]


def performance(run: Run, measured: RunMetrics) -> list[Item]:
    """The metrics of each part with intervals, beside those of always answering ALL."""
    items = [
        fact(
            "Intervals",
            "95%, Student's t from a bootstrap over groups of subjects, with the degrees of "
            "freedom of the class with fewer groups. None where a class has fewer than 3 groups, "
            "where the resamples do not vary, and of the calibration error (ECE), which "
            "chance raises.",
        )
    ]
    for name in reversed(splits.PARTS):
        if name not in measured.parts:
            items.append(gap(f"{name} part", "It was not measured.", "Train again."))
            continue
        items += _part(name, measured.parts[name], run.config.items)
    return [*items, _patients(run)]


def _patients(run: Run) -> Item:
    found = measure_patients(TestSet.load(run))
    if found is None:
        return gap(
            "Test part by patient", patients.UNKNOWN, f"Give the subject of each {run.config.item}."
        )
    return fact("Test part by patient", patients.sentence(found))


def _part(name: str, part: PartMetrics, read: str) -> list[Item]:
    title = "Training" if name == "train" else name.capitalize()
    label = f"{title} part: {part.images:,} {read} of {part.groups:,} groups"
    rows = _rows(part)
    items = [table(label, ("Metric", "Value", "95% interval", "Always ALL"), rows)]
    if name == "test":
        counts = part.confusion
        sentence = (
            f"ALL: {counts.tp} found, {counts.fn} missed. "
            f"HEM: {counts.tn} found, {counts.fp} called ALL."
        )
        items.append(fact("Test calls", sentence))
    return items


def calibration(run: Run, measured: RunMetrics) -> list[Item]:
    """The contents of calibration.json."""
    stored = run.calibration
    rows = [(said_of(name, run.config.item), value) for name, value in _flat(stored.to_json())]
    return [
        fact("Calibration", f"{stored.reason[:1].upper()}{stored.reason[1:]}."),
        fact("Operating point", operating_point.rule(stored, run.config.item)),
        table("Every value of calibration.json", ("Item", "Value"), rows),
    ]


def _flat(document: dict[str, Any], above: str = "") -> Any:
    for key, value in document.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, f"{name}: ")
        elif isinstance(value, list) and len(value) > 4:
            yield name, f"{len(value)} values"
        elif key != "reason" or above:
            yield name, _number(value) if isinstance(value, float) else str(value)


def subgroups(run: Run, measured: RunMetrics) -> list[Item]:
    """Results on the test part by subject and by fold."""
    test, threshold, read = _test(run), run.calibration.threshold, run.config.items.capitalize()
    remedy = "Open the run's data set on the Dataset page, which has the measures of every cell."
    size = gap("By size of the cell", "The run's folder has no measures of its cells.", remedy)
    of_cells = [] if run.config.sees_whole_images else [size]
    return [*_subjects(run), *_folds(test, threshold, read), *of_cells]


def _subjects(run: Run) -> list[Item]:
    subjects = by_subject(TestSet.load(run))
    if subjects.empty:
        return [gap("By subject", "The subjects are not known.", "Name them in the data set.")]
    below = int((subjects["share"] < 0.5).sum())
    worst = subjects.iloc[0]
    sentence = (
        f"{len(subjects)} subjects: median share of right calls {subjects['share'].median():.2f}, "
        f"worst {worst['share']:.2f} (subject {worst['subject']}); in {below} most calls are wrong."
    )
    rows = [
        (row["subject"], row["class"], f"{row['cells']}", f"{row['right']}", f"{row['share']:.2f}")
        for row in subjects.head(_WORST).to_dict("records")
    ]
    header = ("Subject", "Class", run.config.items.capitalize(), "Right", "Share")
    return [fact("By subject", sentence), table("The worst subjects", header, rows)]


def _folds(test: Any, threshold: float, read: str) -> list[Item]:
    folds = by_fold(test, threshold)
    if folds.empty:
        return []
    rows = [
        (row.fold, f"{row.cells}", f"{row.subjects}", f"{row.share:.2f}")
        for row in folds.itertuples()
    ]
    return [table("By official fold", ("Fold", read, "Subjects", "Share right"), rows)]


def failures(run: Run, measured: RunMetrics) -> list[Item]:
    """The most confident wrong calls on the test part."""
    test, threshold = _test(run), run.calibration.threshold
    calls = worst_calls(test, threshold, _WORST)
    wrong = int(((test["probability"] >= threshold) != (test["label"] == 1)).sum())
    rows = [
        (PurePosixPath(row.image_id).name, _class(row.label), f"{row.probability:.3f}")
        for row in calls.itertuples()
    ]
    items = [fact("Wrong calls", f"{wrong:,} of {len(test):,} test {run.config.items}.")]
    if rows:
        header = ("Image", "Truth", "Probability of ALL")
        items.append(table("The most confident wrong calls", header, rows))
    return items


def external(run: Run, measured: RunMetrics) -> list[Item]:
    """The results of `evaluate --dataset` on other data sets."""
    items = [_evaluation(row, run.config.items) for row in run.evaluations]
    if any(not row.leaking for row in run.evaluations):
        return items
    remedy = f"Measure it elsewhere: python -m core evaluate {run.run_id} --dataset FOLDER"
    missing = "It was not measured on patients of another data set."
    return [*items, gap("External validation", missing, remedy)]


def _evaluation(row: Evaluation, read: str) -> Item:
    part = row.metrics
    title = f"{row.dataset}, {date(row.at)[:10]}: {part.images:,} {read} of {part.groups:,} groups"
    if row.leaking and not row.of_subjects_trained_on:
        title += f"; {MAY_HAVE_SEEN}"
    elif row.leaking:
        seen = row.of_subjects_trained_on
        title += f"; not external, {seen:,} {read} are of subjects it was trained on"
    return table(title, ("Metric", "Value", "95% interval", "Always ALL"), _rows(part))


def _rows(part: PartMetrics) -> list[tuple[str, ...]]:
    return [
        (title, _number(part.metric(name)), span(part.estimate(name).interval), _number(always))
        for name, title in classification.NAMES.items()
        if name in part.model_fields_set  # an older version did not measure all
        for always in [part.always_all.get(name)]
    ]


def _test(run: Run) -> Any:
    predictions = run.predictions
    return predictions[predictions["split"] == "test"]


def _class(label: int) -> str:
    return "ALL" if label == 1 else "HEM"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
