import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from core.cases import case_store, chain, database, review, signing
from core.cases.chain import Verification
from core.cases.tables import CaseRow, CellRow, DecisionRow, EventRow, HeadRow, PictureRow
from tests.factories import cases

Tamper = Callable[[Session], object]


def verify(*known: tuple[int, str]) -> Verification:
    with database.reading() as session:
        return chain.verify(session, known)


@pytest.fixture
def case_id() -> str:
    """A case with two decisions, one taken back, and another case that was deleted."""
    gone = cases.make(name="gone")
    case_id = cases.make()
    case = case_store.get(case_id)
    review.decide(cases.READER, case_id, "ALL", cases.versions(case, 1, 2))
    review.decide(cases.READER, case_id, "other", cases.versions(case, 4))
    review.undo(cases.READER, case_id)
    case_store.delete(cases.SECOND, gone)
    return case_id


def test_an_honest_chain_holds(case_id: str) -> None:
    found = verify()
    assert found.findings == ()
    # Two of each case, two decisions, the one taken back, the deletion.
    assert found.length == 8
    assert verify((8, found.head), (3, hash_of(3))).findings == ()


def hash_of(number: int) -> str:
    with database.reading() as session:
        event = session.get(EventRow, number)
        assert event is not None
        return event.hash


def swap(session: Session) -> None:
    """Exchanges two events of one kind, with their hashes."""
    one, other = session.get(EventRow, 5), session.get(EventRow, 6)
    assert one is not None and other is not None
    for name in ("time", "payload", "payload_sha256", "hash", "case_version", "person"):
        first, second = getattr(one, name), getattr(other, name)
        setattr(one, name, second)
        setattr(other, name, first)


def back_date(session: Session) -> None:
    """Dates an event back, and makes all hashes from there on fit again."""
    events = session.scalars(select(EventRow).order_by(EventRow.number)).all()
    events[5].time = events[3].time
    for before, event in pairwise(events):
        event.previous = before.hash
        event.hash = chain.hash_of(event)
    session.execute(update(HeadRow).values(hash=events[-1].hash))


def drop_last(session: Session) -> None:
    session.execute(delete(EventRow).where(EventRow.number == 8))


def drop_last_and_move_the_end(session: Session) -> None:
    drop_last(session)
    session.execute(update(HeadRow).values(length=7, hash=hash_of(7)))


def erase_a_payload(session: Session) -> None:
    session.execute(update(EventRow).where(EventRow.number == 5).values(payload=None))


def add_a_cell(session: Session) -> None:
    cell = session.scalars(select(CellRow)).first()
    assert cell is not None
    session.execute(insert(CellRow).values({**cell.values(), "id": "0" * 32}))


TAMPERED: dict[str, Tamper] = {
    "a decision": lambda s: s.execute(update(CellRow).values(label="HEM")),
    "who decided": lambda s: s.execute(update(DecisionRow).values(reader="someone else")),
    "a probability": lambda s: s.execute(update(CellRow).values(probability=0.1)),
    "the name of a picture": lambda s: s.execute(update(PictureRow).values(name="another.png")),
    "the state of a case": lambda s: s.execute(update(CaseRow).values(state="signed")),
    "a dropped decision": lambda s: s.execute(delete(DecisionRow)),
    "a dropped case": lambda s: s.execute(delete(CaseRow)),
    "an added cell": add_a_cell,
    "the person of an event": lambda s: s.execute(
        update(EventRow).where(EventRow.number == 5).values(person="someone else")
    ),
    "the payload of an event": lambda s: s.execute(
        update(EventRow).where(EventRow.number == 5).values(payload="{}")
    ),
    "an erased payload": erase_a_payload,
    "a dropped event": lambda s: s.execute(delete(EventRow).where(EventRow.number == 5)),
    "a dropped first event": lambda s: s.execute(delete(EventRow).where(EventRow.number == 1)),
    "a dropped last event": drop_last,
    "a dropped tombstone": drop_last_and_move_the_end,
    "reordered events": swap,
    "a back-dated event": back_date,
    "the end": lambda s: s.execute(update(HeadRow).values(length=3)),
}


def test_any_tampering_is_found(case_id: str) -> None:
    missed = []
    for what, tamper in TAMPERED.items():
        with database.writing() as (session, _):
            tamper(session)
            session.flush()
            session.expire_all()
            if not chain.verify(session).findings:
                missed.append(what)
            session.rollback()
        assert not verify().findings, what  # it was taken back
    assert not missed


def test_a_chain_written_anew_is_found_by_a_hash_that_was_written_down(case_id: str) -> None:
    written_down = (8, verify().head)
    with database.writing() as (session, _):
        events = session.scalars(select(EventRow).order_by(EventRow.number)).all()
        events[0].person = "someone else"
        previous = chain.START
        for event in events:
            event.previous = previous
            previous = event.hash = chain.hash_of(event)
        session.execute(update(HeadRow).values(hash=previous))
    assert verify().findings == ()
    assert [one.where for one in verify(written_down).findings] == ["event 8"]
    assert [one.where for one in verify((9, "0" * 64)).findings] == ["event 9"]


def test_a_deleted_case_leaves_a_tombstone_and_nothing_of_its_content(case_id: str) -> None:
    case_store.delete(cases.SECOND, case_id)
    events = case_store.events(case_id)
    assert [event.kind for event in events][-1] == chain.DELETED
    assert [event.payload is None for event in events] == [True] * (len(events) - 1) + [False]
    assert "field.png" not in (events[-1].payload or "")
    assert not case_store.cases()
    assert verify().findings == ()


def test_an_event_has_inputs_model_and_rows_before_and_after(case_id: str) -> None:
    (event,) = [one for one in case_store.events(case_id) if one.case_version == 3]
    payload = json.loads(event.payload or "")
    assert payload["inputs"] == ["0" * 64]
    assert payload["model"] == [cases.MODEL]
    cell = next(one for one in payload["changes"] if one["table"] == "cell")
    assert cell["before"]["label"] is None
    assert cell["after"]["label"] == "ALL"


def test_times_never_fall_when_the_clock_does(case_id: str) -> None:
    last = case_store.events(case_id)[-1].time
    assert chain.now("9999-01-01T00:00:00.000000Z") == "9999-01-01T00:00:00.000000Z"
    assert chain.now(last) >= last


def test_signatures_are_in_the_chain(case_id: str) -> None:
    case = case_store.get(case_id)
    review.see(cases.READER, case_id, [cell.id for cell in case.cells])
    signing.sign(cases.SECOND, case_id, case_store.get(case_id).version)
    signature = case_store.get(case_id).signatures[0]
    signed = case_store.events(case_id)[-1]
    assert (signed.kind, signed.previous) == ("signed", signature.head)
    assert verify().findings == ()
