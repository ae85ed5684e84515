"""What a cohort comes to: counted by hand."""

from pathlib import Path

import pandas as pd
import pytest

from core.cohort import summary
from core.cohort.cohort import Cohort
from core.cohort.rows import CELL, FIELD, FIELD_CELL, REFUSED, ScoredRow, table
from core.evaluation.track_record import call_rates
from core.metrics.prevalence import corrected_share
from core.reading.fields.summary import design_effect
from core.runs.run_store import Run
from tests.factories.cohorts import plan


def digest(number: int) -> str:
    return f"{number:064x}".replace("0", "a", 40)[::-1]


def row(number: int, subject: str | None, kind: str = CELL, **facts: object) -> ScoredRow:
    given = {"sha256": digest(number)} | facts
    return ScoredRow(number, f"{number}.png", subject, kind=kind, **given)


def called(number: int, subject: str | None, call: str, leaning: str, **facts: object):
    return row(number, subject, call=call, leaning=leaning, probability=0.5, **facts)


@pytest.fixture
def cohort(run: Run, tmp_path: Path) -> Cohort:
    """Written by hand: patient A of single cells with a copy, B of two fields, one of nobody."""
    (tmp_path / "t.csv").write_text("file\n" + "".join(f"{n}.png\n" for n in range(11)))
    made = plan(run, tmp_path / "t.csv", tmp_path / "out")
    made.list_pictures(lambda done, total: None)
    field = [
        row(5, "B", FIELD, reason="3 cells"),
        called(5, "B", "ALL", "ALL", cell=1),
        called(5, "B", "review", "HEM", cell=2),
        row(5, "B", FIELD_CELL, cell=3, gate="border"),
        row(6, "B", FIELD, reason="2 cells"),
        called(6, "B", "HEM", "HEM", cell=1, known_from="train"),
        row(6, "B", FIELD_CELL, cell=2, gate="sharp"),
    ]
    field = [one if one.cell is None else replaced(one) for one in field]
    made.write_part(
        0,
        table(
            [
                called(0, "A", "ALL", "ALL"),
                called(1, "A", "ALL", "ALL"),
                called(2, "A", "HEM", "HEM", known_from="test"),
                called(3, "A", "ALL", "ALL", sha256=digest(1)),  # a copy of 1, of one patient
                row(4, "A", REFUSED, gate="sharp"),
                *field,
                called(7, "C", "ALL", "ALL", sha256=digest(1)),  # a copy, of another patient
                called(8, None, "HEM", "HEM"),
                row(9, None, REFUSED, gate="unreadable", sha256=None),
                row(10, None, REFUSED, gate="unreadable", sha256=None),
            ]
        ),
    )
    summary.write(made)
    return made


def replaced(one: ScoredRow) -> ScoredRow:
    return ScoredRow(**{**vars(one), "kind": FIELD_CELL})


def test_all_pictures_are_counted(cohort: Cohort) -> None:
    found = cohort.summary
    assert found is not None
    assert (found.pictures, found.cells, found.fields, found.refused) == (11, 6, 2, 3)
    assert found.field_cells == 5
    assert found.calls == {"ALL": 5, "HEM": 3, "review": 1}
    assert found.refused_by == {"sharp": 2, "unreadable": 2, "border": 1}
    assert (found.copies, found.patients, found.without_subject, found.known) == (2, 3, 3, 1)


def test_a_copy_counts_once_for_a_patient_and_is_named(cohort: Cohort) -> None:
    copies = pd.read_parquet(cohort.copies_file)
    assert list(copies["path"]) == ["3.png", "7.png"]
    assert list(copies["copy_of"]) == ["1.png", "1.png"]
    assert list(copies["subject"]) == ["A", "C"] and set(copies["subject_of_that"]) == {"A"}
    patients = pd.read_parquet(cohort.patients_file).set_index("subject")
    a = patients.loc["A"]
    assert (a["pictures"], a["copies"], a["read"], a["ALL"], a["refused"]) == (5, 1, 3, 2, 1)
    assert patients.loc["C", "read"] == 1 and patients.loc["C", "copies"] == 0


def test_the_share_of_a_patient_is_that_of_its_fields(cohort: Cohort, run: Run) -> None:
    b = pd.read_parquet(cohort.patients_file).set_index("subject").loc["B"]
    assert (b["pictures"], b["fields"], b["read"], b["cut_by_border"], b["refused"]) == (
        2,
        2,
        3,
        1,
        1,
    )
    assert (b["ALL"], b["HEM"], b["review"], b["at_or_above_threshold"]) == (1, 1, 1, 1)
    effect = design_effect([(1, 2), (0, 1)])
    rates = call_rates(run)
    expected = corrected_share(1, 3, rates.rates, effect, rates.lack)
    assert expected.value is not None
    assert b["design_effect"] == pytest.approx(effect)
    assert b["share"] == pytest.approx(1 / 3)
    assert (b["corrected_share"], b["low"], b["high"]) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
