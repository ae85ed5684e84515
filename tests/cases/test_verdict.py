from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta

from core.cases import case_store, review, signing
from core.cases.agreement import agreements
from core.cases.verdict import verdict
from core.metrics.agreement import cohens_kappa
from core.reading.fields.reading import NOT_READ
from tests.factories import cases
from tests.factories.cases import READER, SECOND, versions


def decide(case_id: str, label: str, *numbers: int, person: cases.Person = READER) -> None:
    review.decide(person, case_id, label, versions(case_store.get(case_id), *numbers))


def test_without_decisions_it_is_the_sum_of_what_the_model_read() -> None:
    found = verdict(case_store.get(cases.make()))
    # ALL, HEM and review (at 0.55, on the side of ALL); refused and cut cells do not count.
    assert (found.cells, found.blasts, found.share) == (3, 2, pytest.approx(2 / 3))
    assert sum(found.refused.values()) == 2
    assert found.corrected.value is None
    assert "drawn is gone" in found.corrected.reason
    assert not found.enough


def test_decisions_stand_in_place_of_calls_and_other_cells_count_as_no_blasts() -> None:
    case_id = cases.make(minimum_cells=4)
    decide(case_id, "HEM", 1)
    decide(case_id, "other", 2)
    decide(case_id, "ALL", 4)
    found = verdict(case_store.get(case_id))
    assert (found.cells, found.blasts) == (4, 2)
    assert found.enough
    decide(case_id, "no cell", 1)
    decide(case_id, "excluded", 2)
    found = verdict(case_store.get(case_id))
    assert (found.cells, found.blasts) == (2, 2)
    assert found.decided == {"ALL": 1, "HEM": 0, "other": 0, "no cell": 1, "excluded": 1}


def test_decided_cells_have_the_exact_interval_of_their_number() -> None:
    case_id = cases.make([cases.field(("ALL",) * 6 + ("HEM",) * 4)])
    decide(case_id, "ALL", *range(1, 7))
    decide(case_id, "HEM", *range(7, 11))
    corrected = verdict(case_store.get(case_id)).corrected
    assert corrected.value == pytest.approx(0.6)
    # Clopper and Pearson, 6 of 10.
    assert corrected.low == pytest.approx(beta.ppf(0.025, 6, 5))
    assert corrected.high == pytest.approx(beta.ppf(0.975, 7, 4))


def test_fields_that_differ_widen_the_interval() -> None:
    alike = [cases.field(("ALL", "HEM") * 5, seed=seed, name=f"{seed}.png") for seed in (1, 2)]
    apart = [
        cases.field((state,) * 10, seed=seed, name=f"{seed}.png")
        for seed, state in ((3, "ALL"), (4, "HEM"))
    ]
    widths = []
    for pictures in (alike, apart):
        case_id = cases.make(pictures)
        case = case_store.get(case_id)
        for label in ("ALL", "HEM"):
            own = {cell.id: cell.version for cell in case.cells if cell.state == label}
            review.decide(READER, case_id, label, own)
        corrected = verdict(case_store.get(case_id)).corrected
        assert corrected.value == pytest.approx(0.5)
        assert corrected.low is not None and corrected.high is not None
        widths.append(corrected.high - corrected.low)
    assert widths[1] > 1.5 * widths[0]


def test_kappa_is_cohens() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: observed 0.7, by chance 0.5, so kappa is 0.4.
    first = np.repeat([0, 0, 1, 1], (20, 5, 10, 15))
    second = np.repeat([0, 1, 0, 1], (20, 5, 10, 15))
    kappa = cohens_kappa(first, second)
    assert kappa.value == pytest.approx(0.4)
    assert kappa.low is not None and kappa.high is not None
    # Its standard error is about sqrt(0.7 * 0.3 / 50) / 0.5 = 0.13.
    assert kappa.high - kappa.low == pytest.approx(2 * 1.96 * 0.13, rel=0.15)
    assert cohens_kappa(first, first).value == 1
    assert cohens_kappa(np.zeros(9, int), np.zeros(9, int)).value is None


def test_agreement_is_of_what_was_decided_before_the_call_was_shown() -> None:
    case_id = cases.make([cases.field(("ALL", "HEM") * 6)], blind=True)
    decide(case_id, "ALL", *range(1, 13, 2))
    decide(case_id, "HEM", *range(2, 13, 2))
    decide(case_id, "ALL", *range(1, 13), person=SECOND)
    # A second look, at what the model says, changes no agreement.
    decide(case_id, "HEM", 1)
    found = {(one.first, one.second): one for one in agreements(case_store.get(case_id))}
    model, pair = found["reader one", "the model"], found["reader one", "reader two"]
    assert (model.equal, model.cells, model.blind) == (12, 12, True)
    assert model.kappa.value == 1
    assert (pair.equal, pair.cells) == (6, 12)
    assert pair.kappa.value == pytest.approx(0)


def test_a_model_agrees_or_not_on_what_it_called_alone() -> None:
    case_id = cases.make([cases.field(("ALL", "review", "HEM", "review"))])
    decide(case_id, "ALL", 1, 2, 3, 4)
    (model,) = agreements(case_store.get(case_id))
    assert (model.cells, model.equal) == (2, 1)


def test_whole_images_count_apart_and_change_no_share() -> None:
    images = [cases.whole("ALL", seed=8), cases.whole("review", name="w.png", seed=9)]
    alone, mixed = cases.make([cases.field()]), cases.make([cases.field(), *images])
    of_cells, both = (verdict(case_store.get(case_id)) for case_id in (alone, mixed))
    assert both.images == {"ALL": 1, "review": 1} and of_cells.images == {}
    assert replace(both, images={}) == of_cells
    listed = {case.id: (case.cells, case.counted, case.blasts) for case in case_store.cases()}
    assert listed[mixed] == listed[alone] == (5, 3, 2)
    decide(mixed, "HEM", 1)  # the cell 1, and both images
    both = verdict(case_store.get(mixed))
    assert both.images == {"HEM": 2} and (both.cells, both.decided["HEM"]) == (3, 1)
    pairs = [(one.item, one.cells, one.equal) for one in agreements(case_store.get(mixed))]
    assert pairs == [("cell", 1, 0), ("image", 1, 0)]


def test_a_case_of_whole_images_alone_can_be_signed_without_a_share() -> None:
    case_id = cases.make([cases.whole("review")])
    case = case_store.get(case_id)
    assert verdict(case).cells == 0 and verdict(case).share is None
    (hindrance,) = signing.hindrances(case)
    assert hindrance.startswith("1 image was sent to review")
    decide(case_id, "ALL", 1)
    assert signing.hindrances(case_store.get(case_id)) == []
    refused = cases.make([cases.whole(NOT_READ)])
    assert "No cell counts" in signing.hindrances(case_store.get(refused))[0]
