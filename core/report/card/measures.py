"""The measured sections of a model card, from protocol to failures."""

from pathlib import PurePosixPath
from typing import Any

from core.data import splits
from core.evaluation.subgroups import by_subject
from core.evaluation.test_set import TestSet
from core.metrics import classification
from core.report.card.failures import by_fold, worst_calls
from core.report.card.items import Item, date, fact, gap, table
from core.report.dataset import split_verdict
from core.report.phrases import span
from core.runs.evaluations import Evaluation
from core.runs.metrics import PartMetrics, RunMetrics
from core.runs.run_store import Run

_WORDS = {
    "subject": "by group of subjects: every group stands in one part",
    "folds": "C-NMC's official folds",
    "preliminary": "trained and validated on the training phase by group, tested on C-NMC's "
    "preliminary test phase",
    "image": "by single image: cells of one patient stand on both sides",
}
_WORST = 5


def protocol(run: Run, measured: RunMetrics) -> list[Item]:
    """How the parts were made, and what crosses between them."""
    rules, asked = measured.protocol, run.config
    how = f"Split {_WORDS.get(rules.split or '', rules.split)}; seed {asked.seed}."
    if asked.folds:
        how += f" Fold {asked.fold + 1} of {asked.folds} of a cross-validation."
    leak = "It leaks: do not compare its numbers with honest ones. " if rules.leaking else ""
    return [
        fact("Split", how),
        fact("Audit for leakage", leak + split_verdict(rules)),
        fact("Test cells", f"Digest of their contents: {rules.test_cells}"),
        fact(
            "Roles of the parts",
            "Training fits the weights; validation chooses the epoch, the temperature and any "
            "threshold; the test part chooses nothing.",
        ),
    ]


def performance(run: Run, measured: RunMetrics) -> list[Item]:
    """Every part's metrics with intervals, the test part's beside always answering ALL."""
    found = [
        fact(
            "Intervals",
            "95%, percentile bootstrap over groups of subjects. None where a class has fewer than "
            "3 groups, or where the resamples do not vary.",
        )
    ]
    for name in reversed(splits.PARTS):
        if name not in measured.parts:
            found.append(gap(f"{name} part", "It was not measured.", "Train again."))
            continue
        found += _part(name, measured.parts[name])
    return found


def _part(name: str, part: PartMetrics) -> list[Item]:
    title = "Training" if name == "train" else name.capitalize()
    label = f"{title} part: {part.images:,} cells of {part.groups:,} groups"
    rows = _rows(part)
    found = [table(label, ("Metric", "Value", "95% interval", "Always ALL"), rows)]
    if name == "test":
        c = part.confusion
        said = f"ALL: {c.tp} found, {c.fn} missed. HEM: {c.tn} found, {c.fp} called ALL."
        found.append(fact("Test calls", said))
    return found


def calibration(run: Run, measured: RunMetrics) -> list[Item]:
    """How a logit becomes a probability and a call: all that calibration.json says."""
    contract = run.calibration
    rows = list(_flat(contract.to_json()))
    return [
        fact("Calibration", f"{contract.reason[:1].upper()}{contract.reason[1:]}."),
        fact("Operating point", f"ALL at or above a probability of {contract.threshold:.3g}."),
        table("All of the contract", ("Item", "Value"), rows),
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
    """How the test part fares by subject, by fold, and by what is not known."""
    test, threshold = _test(run), run.calibration.threshold
    how = "Open the run's data set on the Dataset page, which has the measures of every cell."
    size = gap("By size of the cell", "The run's folder has no measures of its cells.", how)
    return [*_subjects(run), *_folds(test, threshold), size]


def _subjects(run: Run) -> list[Item]:
    found = by_subject(TestSet.load(run))
    if found.empty:
        return [gap("By subject", "The subjects are not known.", "Name them in the data set.")]
    below = int((found["share"] < 0.5).sum())
    worst = found.iloc[0]
    said = (
        f"{len(found)} subjects: median share of right calls {found['share'].median():.2f}, worst "
        f"{worst['share']:.2f} (subject {worst['subject']}); in {below} most calls are wrong."
    )
    rows = [
        (row["subject"], row["class"], f"{row['cells']}", f"{row['right']}", f"{row['share']:.2f}")
        for row in found.head(_WORST).to_dict("records")
    ]
    header = ("Subject", "Class", "Cells", "Right", "Share")
    return [fact("By subject", said), table("The worst subjects", header, rows)]


def _folds(test: Any, threshold: float) -> list[Item]:
    found = by_fold(test, threshold)
    if found.empty:
        return []
    rows = [
        (row.fold, f"{row.cells}", f"{row.subjects}", f"{row.share:.2f}")
        for row in found.itertuples()
    ]
    return [table("By official fold", ("Fold", "Cells", "Subjects", "Share right"), rows)]


def failures(run: Run, measured: RunMetrics) -> list[Item]:
    """The wrong calls on the test part that were made with most confidence."""
    test, threshold = _test(run), run.calibration.threshold
    found = worst_calls(test, threshold, _WORST)
    wrong = int(((test["probability"] >= threshold) != (test["label"] == 1)).sum())
    rows = [
        (PurePosixPath(row.image_id).name, _class(row.label), f"{row.probability:.3f}")
        for row in found.itertuples()
    ]
    items = [fact("Wrong calls", f"{wrong:,} of {len(test):,} test cells.")]
    if rows:
        header = ("Image", "Truth", "Probability of ALL")
        items.append(table("The most confident wrong calls", header, rows))
    return items


def external(run: Run, measured: RunMetrics) -> list[Item]:
    """What `evaluate --dataset` measured on other data sets."""
    found = [_evaluation(row) for row in run.evaluations]
    if any(not row.leaking for row in run.evaluations):
        return found
    how = f"Measure it elsewhere: python -m core evaluate {run.run_id} --dataset FOLDER"
    missing = "It was not measured on patients of another data set."
    return [*found, gap("External validation", missing, how)]


def _evaluation(row: Evaluation) -> Item:
    part = row.metrics
    title = f"{row.dataset}, {date(row.at)[:10]}: {part.images:,} cells of {part.groups:,} groups"
    if row.leaking:
        seen = row.of_subjects_trained_on
        title += f"; not external, {seen:,} cells are of subjects it was trained on"
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
