"""A taught model beside the one that reads now, on decided cells of patients that neither knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.cases import case_store
from core.data import datasets
from core.data.images import decode
from core.data.indexing import Index
from core.data.layouts.layout import LABELS
from core.data.pixel_cache import pixels
from core.errors import DataError, RunError
from core.evaluation.evaluate import seen_by
from core.evaluation.test_set import TestSet
from core.metrics import bootstrap, classification
from core.metrics.estimate import Estimate
from core.models.engine import Engine
from core.people import PROMOTE, Person
from core.reading.checked_picture import examine
from core.reading.checks import CHECKS
from core.reading.reader import Reader
from core.report import comparison, phrases
from core.runs import about, active_model, run_store
from core.runs.active_model import Promotion
from core.runs.run_store import Run
from core.teaching import dataset

SHOWN = ("roc_auc", "balanced_accuracy", "sensitivity", "specificity")


@dataclass(frozen=True)
class Measured:
    """A run on these cells: the share that it would read, and metrics of all, refused included."""

    run: str
    reads: Estimate
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class TaughtComparison:
    """Both runs on the same cells of `patients` held out, and the verdict in words.

    by_patient: one row a case, those whose cells the runs call differently most first: case, label
    (1 with a cell decided ALL), cells, and how many of them each run tells right (taught, before)
    and the two call differently (differ); without a second run before and differ are missing.
    """

    taught: Measured
    before: Measured | None
    cells: int
    patients: int
    verdict: str
    by_patient: pd.DataFrame

    def to_json(self) -> dict[str, object]:
        """The document of the command line."""
        runs = {"taught": self.taught, "before": self.before}
        return {
            "cells": self.cells,
            "patients": self.patients,
            "verdict": self.verdict,
            **{name: None if it is None else _to_json(it) for name, it in runs.items()},
            "by_patient": self.by_patient.to_dict("records"),
        }


def taught_runs() -> list[Run]:
    """The finished runs that were trained on data sets made of cases, the newest first."""
    return [run for run in run_store.models() if _cases_of(run) is not None]


def newest() -> Run | None:
    """The newest run on a data set made of cases, whatever became of it; None without one."""
    return next((run for run in run_store.runs() if _cases_of(run) is not None), None)


def compare(run: Run, before: Run | None) -> TaughtComparison:
    """Measures a taught run, and the run that read before, on the test part of the taught one.

    Only cells of cases count. Raises `RunError` if the run was not trained on cases, if its data
    set is gone, or if its test part has no cell of a case.
    """
    cases = _cases_of(run)
    if cases is None:
        raise RunError(f"Run {run.run_id} was not trained on cells of cases. Name a run that was.")
    whole = TestSet.load(run)
    cells = whole.cells[whole.cells["subject"].isin(list(cases))].reset_index(drop=True)
    if cells.empty:
        raise RunError(
            f"The test part of run {run.run_id} has no cell of the {len(cases)} cases of "
            f"{run.config.dataset}, so there is nothing to compare. Make the data set from the "
            "cases again, and train on it."
        )
    taught = replace(whole, cells=cells)
    index = datasets.index(datasets.resolve(run.config.dataset))
    both = [taught]
    if before is not None and before != run:
        both.append(_on_the_same_cells(before, taught, index))
    images = [decode(index.path(image_id)) for image_id in cells["image_id"]]
    found = [_measure(test_set, images) for test_set in both]
    names = dict(
        zip((it.run_id for it in both), ("The taught model", "what reads now"), strict=False)
    )
    return TaughtComparison(
        taught=found[0],
        before=found[1] if len(found) > 1 else None,
        cells=len(cells),
        patients=int(cells["subject"].nunique()),
        verdict=_sentence(found) + comparison.verdict(both, names),
        by_patient=by_patient(both, cases),
    )


def promote(person: Person, run: Run) -> Promotion:
    """Has a run read from now on; readings of cases that exist stay as they are."""
    person.require(PROMOTE)
    return active_model.promote(run)


def _cases_of(run: Run) -> dict[str, str] | None:
    """The cases of a run's data set by subject; None if it was not made of cases, or is gone."""
    try:
        found = dataset.about(datasets.resolve(run.config.dataset))
    except DataError:  # the demo set, which is not drawn here
        return None
    return None if found is None else {dataset.subject_of(case): case for case in found.cases}


def _on_the_same_cells(run: Run, taught: TestSet, index: Index) -> TestSet:
    """Another run's predictions of the taught one's cells; leaking if it has seen one of them."""
    cells, fitted = taught.cells, run.calibration
    array = pixels(
        index.root, cells, run.geometry, inputs=run.config.inputs, normaliser=run.normaliser
    )
    logits = Engine(run.engine_file).logits(array)
    predicted = cells.assign(logit=logits, probability=fitted.probability(logits))
    _, known = seen_by(run, cells, synthetic=index.synthetic)
    protocol = taught.facts.protocol.replace(leaking=bool(known.any()))
    facts = taught.facts.replace(protocol=protocol)
    return TestSet(run, predicted, fitted.threshold, facts)


def _measure(test_set: TestSet, images: Sequence[np.ndarray]) -> Measured:
    reader = Reader(test_set.run)
    passed = np.array([examine(reader.picture(image), CHECKS).passed for image in images], bool)
    groups = test_set.cells["group"].to_numpy(str)
    metrics = {name: test_set.estimate(name) for name in SHOWN}
    return Measured(test_set.run_id, bootstrap.share(passed, groups), metrics)


def by_patient(both: Sequence[TestSet], cases: Mapping[str, str]) -> pd.DataFrame:
    """`TaughtComparison.by_patient` of one run or two on the same cells, in the same order.

    `cases` gives the case of each subject.
    """
    calls = [test_set.calls for test_set in both]
    labels, subjects = both[0].labels, both[0].cells["subject"]
    columns = {"label": ("label", "max"), "cells": ("label", "size")}
    table = pd.DataFrame({"case": subjects.map(cases), "label": labels})
    for name, called in zip(("taught", "before"), calls, strict=False):
        table[name] = called == labels
        columns[name] = (name, "sum")
    if len(calls) > 1:
        table["differ"] = calls[0] != calls[1]
        columns["differ"] = ("differ", "sum")
    order = [name for name in ("differ", "cells") if name in columns]
    counted = table.groupby("case", as_index=False).agg(**columns)
    return counted.sort_values(order, ascending=False, kind="stable", ignore_index=True)


def _sentence(found: Sequence[Measured]) -> str:
    shares = [f"{it.reads.value or 0:.0%}" for it in found]
    said = f"The taught model would read {shares[0]} of these cells"
    return said + (f", what reads now {shares[1]}. " if len(shares) > 1 else ". ")


def table(compared: TaughtComparison) -> pd.DataFrame:
    """One row a run: its share of read cells and its metrics, as estimates in words."""
    rows = [it for it in (compared.taught, compared.before) if it is not None]
    return pd.DataFrame(
        {
            "Model": about.called(run_store.get(it.run)),
            "Cells read": phrases.brief(it.reads),
            **{classification.NAMES[name]: phrases.brief(it.metrics[name]) for name in SHOWN},
        }
        for it in rows
    )


def patients_table(compared: TaughtComparison) -> pd.DataFrame:
    """One row a case: its name, class and cells, how many each run tells right, where they differ.

    A case that was deleted since goes by the beginning of its identifier.
    """
    names = {case.id: case.name for case in case_store.cases()}
    rows = compared.by_patient
    shown = pd.DataFrame(
        {
            "Patient": rows["case"].map(lambda case: names.get(case, case[:11])),
            "Class": rows["label"].map({number: name for name, number in LABELS.items()}),
            "Cells": rows["cells"],
            "Right: taught": rows["taught"],
        }
    )
    if compared.before is None:
        return shown
    return shown.assign(**{"Right: now": rows["before"], "Differ": rows["differ"]})


def _to_json(measured: Measured) -> dict[str, object]:
    estimates = {"reads": measured.reads, **measured.metrics}
    return {"run": measured.run} | {
        name: {"value": it.value, "interval": it.interval} for name, it in estimates.items()
    }
