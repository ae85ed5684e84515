import pytest

from core.cases import case_store, review, signing
from core.errors import CaseError, NotAllowedError, StaleError
from core.people import READER as READER_ROLE
from core.people import Person
from tests.factories import cases
from tests.factories.cases import READER, SECOND, versions

ONLY_READER = Person("reader three", roles=frozenset({READER_ROLE}))


def seen(case_id: str) -> int:
    """Looks at all cells; the version of the case then."""
    review.see(READER, case_id, [cell.id for cell in case_store.get(case_id).cells])
    return case_store.get(case_id).version


def test_a_case_is_signed_once_every_cell_in_review_was_seen() -> None:
    case_id = cases.make()
    case = case_store.get(case_id)
    assert signing.hindrances(case) == ["1 cell was sent to review and not seen yet. Look at each."]
    with pytest.raises(CaseError, match="not seen yet"):
        signing.sign(SECOND, case_id, case.version)
    signing.sign(SECOND, case_id, seen(case_id))
    case = case_store.get(case_id)
    assert case.state == case_store.SIGNED
    (signature,) = case.signatures
    assert (signature.person, signature.verified) == ("reader two", True)
    assert signature.verdict["cells"] == 3


def test_a_decided_cell_counts_as_seen() -> None:
    case_id = cases.make()
    review.decide(READER, case_id, "ALL", versions(case_store.get(case_id), 3))
    assert signing.hindrances(case_store.get(case_id)) == []


def test_two_sign_each_once_and_opening_again_voids_both() -> None:
    case_id = cases.make()
    signing.sign(SECOND, case_id, seen(case_id))
    with pytest.raises(CaseError, match="has signed this case already"):
        signing.sign(SECOND, case_id, case_store.get(case_id).version)
    signing.sign(READER, case_id, case_store.get(case_id).version)
    case = case_store.get(case_id)
    assert [one.person for one in case.signatures] == ["reader two", "reader one"]
    signing.reopen(SECOND, case_id, case.version)
    case = case_store.get(case_id)
    assert (case.state, case.signatures) == (case_store.OPEN, [])


def test_a_stale_signature_is_refused_with_what_changed() -> None:
    case_id = cases.make()
    version = seen(case_id)
    review.decide(READER, case_id, "HEM", versions(case_store.get(case_id), 1))
    with pytest.raises(StaleError, match="decided by reader one"):
        signing.sign(SECOND, case_id, version)
    assert case_store.get(case_id).signatures == []


def test_a_reader_decides_and_a_supervisor_signs_and_deletes() -> None:
    case_id = cases.make(person=ONLY_READER)
    review.decide(ONLY_READER, case_id, "ALL", versions(case_store.get(case_id)))
    version = case_store.get(case_id).version
    for action in (
        lambda: signing.sign(ONLY_READER, case_id, version),
        lambda: case_store.delete(ONLY_READER, case_id),
        lambda: review.settle(ONLY_READER, case_id, "ALL", versions(case_store.get(case_id), 1)),
    ):
        with pytest.raises(NotAllowedError, match="a supervisor"):
            action()
    signing.sign(SECOND, case_id, version)


def test_a_blind_case_needs_every_read_cell_decided_and_differences_settled() -> None:
    case_id = cases.make(blind=True)
    case = case_store.get(case_id)
    review.decide(READER, case_id, "ALL", versions(case, 1, 2))
    review.decide(SECOND, case_id, "HEM", versions(case, 1))
    review.see(READER, case_id, [cell.id for cell in case.cells])
    assert signing.hindrances(case_store.get(case_id)) == [
        "1 cell was not decided yet, in a case that is read blind.",
        "Readers differ on 1 cell. Settle each.",
    ]


def test_an_empty_case_cannot_be_signed() -> None:
    case_id = cases.make([])
    with pytest.raises(CaseError, match="No cell counts"):
        signing.sign(SECOND, case_id, case_store.get(case_id).version)


def test_a_blind_case_tells_a_reader_nothing_before_the_last_decision() -> None:
    case_id = cases.make(blind=True)
    assert case_store.cases()[0].blasts is None
    case = case_store.get(case_id)
    review.decide(SECOND, case_id, "ALL", versions(case, 1, 2, 3))
    review.decide(READER, case_id, "ALL", versions(case, 1))
    case = case_store.get(case_id)
    assert [review.left_blind(case, one.name) for one in (READER, SECOND)] == [2, 0]
    facts = {"name": case.name, "minimum_cells": case.minimum_cells}
    with pytest.raises(NotAllowedError):
        case_store.change(ONLY_READER, case_id, case.version, blind=False, **facts)
    case_store.change(SECOND, case_id, case.version, blind=False, **facts)
    assert review.left_blind(case_store.get(case_id), READER.name) == 0
