"""The card of a model that read pictures of a case, in short."""

from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import BlastLensError, RunError
from core.evaluation.test_set import TestSet
from core.metrics.classification import NAMES
from core.models import catalog
from core.report import phrases
from core.report.case.content import ReportedModel
from core.report.cell import real_cells
from core.report.dataset import split_verdict
from core.report.operating_point import rule
from core.runs import run_store
from core.runs.calibration import Calibration
from core.runs.run_store import Run

METRICS = ("roc_auc", "sensitivity", "specificity")
GONE = "This run is not here any more, so nothing is known of its training or its test."
OTHER = "This run is another model by now; what it was when it read is not known any more."
MOVED = "Its operating point is another one by now; the test below was made with that."


def cards(models: Iterable[Mapping[str, Any]]) -> list[ReportedModel]:
    """One card for each of the models that `core.cases.intake.model_of` describes."""
    different = {str(model): model for model in models}
    return [_card(model) for model in different.values()]


def _card(model: Mapping[str, Any]) -> ReportedModel:
    facts, caution = _known(model)
    return ReportedModel(
        run=model["run"],
        engine_sha256=model["engine_sha256"],
        blastlens=model["blastlens"],
        facts=tuple(facts.items()),
        caution=caution,
    )


def _known(model: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """The facts of its run, and what takes the meaning from its calls."""
    try:
        run = run_store.get(model["run"])
    except RunError:
        return {}, GONE
    if run.engine_digest != model["engine_sha256"]:
        return {}, OTHER
    read_with = Calibration.parse(model["calibration"])
    facts = {"Operating point": rule(read_with, run.config.item)}
    if read_with.to_json() != run.calibration.to_json():
        facts["Operating point now"] = MOVED
    try:
        return facts | _measured(run), real_cells.sentence(run)
    except BlastLensError as error:
        return facts | {"Test": f"It cannot be read: {error}"}, real_cells.sentence(run)


def _measured(run: Run) -> dict[str, str]:
    test = TestSet.load(run)
    dataset = test.facts.dataset
    drawn = "; drawn by a program, they show no patient" if dataset.synthetic else ""
    images = "" if dataset.images is None else f", {dataset.images:,} images"
    facts = {
        "Architecture": catalog.architecture(run.config.architecture).title,
        "Adopted with" if run.adoption else "Trained on": f"{dataset.name}{images}{drawn}.",
        "Tested on": f"{phrases.test_cells(test)}. {split_verdict(test.facts.protocol)}",
    }
    for name in METRICS:
        facts[f"Test {NAMES[name]}"] = phrases.full(test.estimate(name))
    return facts
