"""What a training needs, its configuration, and a taught model beside the one that reads."""

import shutil

import pandas as pd
import pytest

from core.errors import NotAllowedError, RunError
from core.evaluation.test_set import TestSet
from core.people import Person
from core.report.card import texts
from core.runs import about, active_model, run_store
from core.runs.run_store import Run
from core.teaching import comparison, dataset, decided, lesson
from tests.factories import training
from tests.factories.archives import shipped_run
from tests.factories.decided_cells import SUPERVISOR, CaseMaker, both


def test_needs_are_counted_by_class_and_patient(make_case: CaseMaker) -> None:
    cases = [make_case(f"p{n}", both(1)) for n in range(2)] + [make_case("healthy", ["HEM"])]
    needs = lesson.needs(decided.collect(cases))
    have = {(need.what, need.required): (need.have, need.need) for need in needs}
    assert have["decided cells", True] == (5, 6)
    assert have["patients with ALL cells", True] == (2, 3)
    assert have["patients with HEM cells", True] == (3, 3)
    assert have["patients with ALL cells", False] == (2, 20)
    assert len(lesson.hindrances(needs)) == 2
    assert "2 of 3 patients with ALL cells" in lesson.hindrances(needs)[1]


def test_few_cells_make_more_epochs_and_a_frozen_backbone_needs_weights(
    make_case: CaseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = dataset.write(SUPERVISOR, decided.collect([make_case("one", both(1))])).root
    monkeypatch.setattr("core.models.weights.find", lambda entry: None)
    few, many = (lesson.configure(root, cells, None) for cells in (300, 5000))
    assert few.architecture == many.architecture == lesson.DEFAULT
    assert few.epochs > many.epochs == 20 and "stain" in few.augmentation
    monkeypatch.setattr("core.models.weights.find", lambda entry: root)
    assert lesson.configure(root, 300, None).architecture == lesson.FROZEN[0]
    with pytest.raises(NotAllowedError):
        lesson.start(Person("Reader"), few)


@pytest.mark.slow
def test_the_card_of_a_taught_model_tells_where_its_cells_come_from(
    make_case: CaseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.workers.launcher.launch", lambda run: None)
    cases = [make_case(f"p{n}", [*both(1), None]) for n in range(3)]
    root = dataset.write(SUPERVISOR, decided.collect(cases)).root
    told = texts.read(lesson.start(SUPERVISOR, lesson.configure(root, 6, None)))
    assert told["source"].startswith("3 ALL and 3 HEM cells of 3 cases that were kept")
    assert told["eligibility"] == "Left out: 3 not decided."
    assert "p0" not in str(told) and set(told) == {"source", "eligibility", "reference"}
    assert set(told) <= set(texts.FIELDS)


def test_patients_whose_cells_are_called_differently_come_first() -> None:
    cells = pd.DataFrame(
        {
            "subject": ["ca", "ca", "cb", "cb", "cb", "cc"],
            "label": [1, 0, 0, 0, 0, 1],
            "probability": [0.9, 0.2, 0.7, 0.3, 0.4, 0.8],
        }
    )
    other = cells.assign(probability=[0.9, 0.2, 0.2, 0.3, 0.9, 0.1])
    both = [TestSet(None, table, 0.5, None) for table in (cells, other)]  # type: ignore[arg-type]
    found = comparison.by_patient(both, {"ca": "case a", "cb": "case b", "cc": "case c"})
    assert found.to_dict("split")["data"] == [
        ["case b", 0, 3, 2, 2, 2],  # not the same cells wrong, though as many
        ["case c", 1, 1, 1, 0, 1],
        ["case a", 1, 2, 2, 2, 0],
    ]
    alone = comparison.by_patient(both[:1], {"ca": "case a", "cb": "case b", "cc": "case c"})
    assert list(alone) == ["case", "label", "cells", "taught"]


@pytest.mark.process
def test_a_taught_model_is_compared_with_what_reads_on_held_out_patients() -> None:
    shipped = shipped_run("demo-colour-bands")
    make_case = CaseMaker(run=shipped.run_id)
    cases = [make_case(f"patient {n}", both(2)) for n in range(9)]
    written = dataset.write(SUPERVISOR, decided.collect(cases))
    config = lesson.configure(written.root, 36, None, architecture="colour-bands", epochs=1)
    run = run_store.create(config)
    training.train(run)
    assert comparison.taught_runs() == [run]
    compared = comparison.compare(run, shipped)
    assert compared.before and compared.before.run == shipped.run_id
    assert compared.patients < 9 and compared.cells == 4 * compared.patients
    assert "The taught model would read" in compared.verdict
    called = [about.called(one) for one in (run, shipped)]
    assert comparison.table(compared)["Model"].tolist() == called
    patients = comparison.patients_table(compared)
    assert set(patients["Patient"]) <= {f"patient {n}" for n in range(9)}
    assert len(patients) == compared.patients and patients["Cells"].tolist() == [4] * len(patients)
    assert patients["Class"].unique().tolist() == ["ALL"]
    right = patients["Right: taught"].sum() / compared.cells
    assert right == pytest.approx(TestSet.load(run).metrics.accuracy)
    assert patients["Differ"].is_monotonic_decreasing
    # Drawn at home, these cells are like those that the shipped model has learned from.
    assert (compared.before.metrics["roc_auc"].value or 0) > 0.6
    comparison.promote(SUPERVISOR, run)
    assert active_model.active() == run
    # Had it been validated on these patients, it would be no fair rival.
    rival = Run(shutil.copytree(run.path, run.path.with_name("rival")))
    parts = {"test": "validation", "validation": "test"}
    split = pd.read_parquet(rival.path / "split.parquet")
    split.assign(split=split["split"].replace(parts)).to_parquet(rival.path / "split.parquet")
    assert "Not a fair comparison: what reads now" in comparison.compare(run, rival).verdict
    with pytest.raises(RunError, match="not trained on cells of cases"):
        comparison.compare(shipped, run)
    former = Run(shutil.copytree(run.path, run.path.with_name("former")))
    told = former.predictions.assign(subject=lambda table: "former " + table["subject"])
    told.to_parquet(former.path / "predictions.parquet")
    with pytest.raises(RunError, match=r"former has no cell of the 9 cases.*Make the data set"):
        comparison.compare(former, shipped)
