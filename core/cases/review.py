"""Decisions of persons about the cells of a case: made, taken back, and settled."""

import json
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases import case_store, chain
from core.cases.labels import LABELS
from core.cases.tables import CaseRow, CellRow, DecisionRow, EventRow, HeadRow, PictureRow
from core.errors import CaseError, StaleError
from core.people import DECIDE, SIGN, Person

DECIDED, UNDONE, SETTLED, SEEN = "decided", "undone", "settled", "seen"
REVIEW = "review"
_MOST_VERSIONS = 2**31  # of a case, as databases count


@dataclass(frozen=True)
class Sent:
    """What is known of an action that may be sent again: it is done once.

    key: 32 hex digits, which no other action has. version: of the case that the person saw. own:
    the keys of what the person has done since, which need not have been seen.
    """

    key: str
    version: int
    own: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not (re.fullmatch("[0-9a-f]{32}", self.key) and 0 <= self.version < _MOST_VERSIONS):
            raise CaseError(
                f"{self.key[:40]!r} is no key of an action, or its version is that of no case. "
                "Load the page again."
            )


def decide(
    person: Person, case_id: str, label: str, cells: Mapping[str, int], sent: Sent | None = None
) -> dict[str, int]:
    """Decides what some cells are; all or none. Returns the new version of each.

    `cells` has the version of each cell that the person saw. Raises `StaleError`, with what
    changed, if somebody else has decided one since; in a blind case readers do not see each other's
    decisions, so there these never clash. Raises `CaseError` if a cell is not of this case.
    """
    person.require(DECIDE)
    if label not in LABELS:
        raise CaseError(f"{label!r} is not a decision. Decisions are {', '.join(LABELS)}.")
    with case_store.changing(case_id) as (session, head, case):
        if (done := _done(session, case_id, person, sent)) is not None:
            return done
        rows = _cells(session, case_id, cells)
        _require_versions(session, case, person, rows, cells)
        for row in rows:
            _set(session, case, person, row, label)
        return _record(session, head, case, person, DECIDED, rows, **_facts(sent))


def settle(person: Person, case_id: str, label: str, cells: Mapping[str, int]) -> dict[str, int]:
    """Decides cells on which readers of a blind case differ, in sight of what each decided."""
    person.require(SIGN)
    if label not in LABELS:
        raise CaseError(f"{label!r} is not a decision. Decisions are {', '.join(LABELS)}.")
    with case_store.changing(case_id) as (session, head, case):
        rows = _cells(session, case_id, cells)
        for row in rows:
            if row.version != cells[row.id]:
                raise _stale(session, case, [row])
            _label(row, label, person, chain.now())
            row.settled = True
        return _record(session, head, case, person, SETTLED, rows)


def undo(person: Person, case_id: str, sent: Sent | None = None) -> dict[str, int]:
    """Takes back the person's last decision in a case that still stands; again, the one before.

    Returns the new version of each cell, {} if there is none to take back. Raises `StaleError` if
    somebody else has decided one of its cells since, or the person in another window.
    """
    person.require(DECIDE)
    with case_store.changing(case_id) as (session, head, case):
        if (done := _done(session, case_id, person, sent)) is not None:
            return done
        event = _last_standing(session, case_id, person)
        if event is None:
            return {}
        payload = json.loads(event.payload or "{}")
        changes = payload["changes"]
        if sent and event.case_version > sent.version and payload.get("key") not in sent.own:
            raise StaleError(
                f"Your last decision in this case is one of {event.time[:19]}, made elsewhere "
                "since you looked. Nothing was taken back. Look again."
            )
        decided = {one["id"]: one for one in changes if one["table"] == CellRow.__tablename__}
        rows = _cells(session, case_id, decided)
        # A cell is as the decision left it, or as an undone later one of the same person did.
        stands = {row.id: row.label_at == decided[row.id]["after"]["label_at"] for row in rows}
        if not case.blind and (stale := [row for row in rows if not stands[row.id]]):
            raise _stale(session, case, stale)
        for row in rows:
            if stands[row.id]:  # else another reader's decision is the last one by now
                _restore(row, decided[row.id]["before"])
            row.version += 1
        for change in changes:
            if change["table"] == DecisionRow.__tablename__:
                decision = session.get(DecisionRow, change["id"])
                assert decision is not None
                decision.label = (change["before"] or {}).get("label")
        facts = {"undoes": event.number} | _facts(sent)
        return _record(session, head, case, person, UNDONE, rows, **facts)


def see(person: Person, case_id: str, cells: Collection[str]) -> None:
    """Records that the person has looked at cells that were sent to review."""
    with case_store.changing(case_id) as (session, head, case):
        found = _cells(session, case_id, cells)
        rows = [row for row in found if row.state == REVIEW and row.seen_by is None]
        for row in rows:
            row.seen_by = person.name
        if rows:
            _record(session, head, case, person, SEEN, rows)


def left_blind(case: CaseRow, reader: str) -> int:
    """How many read cells of an open blind case a reader has not decided.

    Until there is none, what the model and others say of the case is not for this reader.
    """
    if not case.blind or case.state == case_store.SIGNED:
        return 0
    own = {one.cell_id for one in case.decisions if one.reader == reader and one.label}
    return sum(cell.probability is not None and cell.id not in own for cell in case.cells)


def disagreements(case: CaseRow) -> list[CellRow]:
    """The cells of a blind case on which its readers differ, and that are not settled."""
    labels: dict[str, set[str]] = {}
    for decision in case.decisions:
        if decision.label is not None:
            labels.setdefault(decision.cell_id, set()).add(decision.label)
    return [
        cell
        for cell in case.cells
        if case.blind and not cell.settled and len(labels.get(cell.id, ())) > 1
    ]


def _facts(sent: Sent | None) -> dict[str, str]:
    return {"key": sent.key} if sent else {}


def _done(
    session: Session, case_id: str, person: Person, sent: Sent | None
) -> dict[str, int] | None:
    """The versions that an action has made which was sent before; None if it was not."""
    if sent is None:
        return None
    event = session.scalars(
        select(EventRow).where(
            EventRow.case_id == case_id,
            EventRow.case_version > sent.version,
            EventRow.person == person.name,
            EventRow.payload.contains(f'"key":"{sent.key}"'),
        )
    ).one_or_none()
    if event is None:
        return None
    changes = json.loads(event.payload or "{}")["changes"]
    return {
        one["id"]: one["after"]["version"]
        for one in changes
        if one["table"] == CellRow.__tablename__
    }


def _cells(session: Session, case_id: str, cells: Collection[str]) -> list[CellRow]:
    found = select(CellRow).where(CellRow.id.in_(cells), CellRow.case_id == case_id)
    rows = list(session.scalars(found))
    if not rows or len(rows) != len(cells):
        raise CaseError("A cell is not of this case any more. Open the case again.")
    return rows


def _require_versions(
    session: Session,
    case: CaseRow,
    person: Person,
    rows: list[CellRow],
    seen: Mapping[str, int],
) -> None:
    stale = [row for row in rows if row.version != seen[row.id]]
    if case.blind:
        stale = [row for row in stale if row.label_by == person.name]
    if stale:
        raise _stale(session, case, stale)


def _stale(session: Session, case: CaseRow, rows: list[CellRow]) -> StaleError:
    pictures = session.scalars(select(PictureRow).where(PictureRow.case_id == case.id))
    names = {picture.id: picture.name for picture in pictures}
    said = []
    for row in rows[:5]:
        is_now = "open again"
        if row.label:
            is_now = f"{row.label}, by {row.label_by} at {(row.label_at or '')[:19]}"
        said.append(f"cell {row.number} of {names[row.picture_id]} is {is_now}")
    return StaleError(
        f"Somebody has decided since you looked: {'; '.join(said)}. Nothing was written. Look "
        "again."
    )


def _restore(row: CellRow, before: Mapping[str, Any]) -> None:
    for name in ("label", "label_by", "label_at", "settled"):
        if name in before:
            setattr(row, name, before[name])


def _set(session: Session, case: CaseRow, person: Person, row: CellRow, label: str) -> None:
    time = chain.now()
    _label(row, label, person, time)
    row.settled = False
    if row.seen_by is None:
        row.seen_by = person.name
    decision = session.scalars(
        select(DecisionRow).where(DecisionRow.cell_id == row.id, DecisionRow.reader == person.name)
    ).one_or_none()
    if decision is None:
        first = label if case.blind else None
        decision = DecisionRow(
            id=uuid.uuid4().hex, case_id=case.id, cell_id=row.id, reader=person.name, first=first
        )
        session.add(decision)
    decision.label, decision.time = label, time


def _label(row: CellRow, label: str, person: Person, time: str) -> None:
    row.label, row.label_by, row.label_at = label, person.name, time
    row.version += 1


def _record(
    session: Session,
    head: HeadRow,
    case: CaseRow,
    person: Person,
    kind: str,
    rows: list[CellRow],
    **facts: Any,
) -> dict[str, int]:
    """Appends the event, with the inputs and the models that the cells rest on."""
    found = session.scalars(
        select(PictureRow).where(PictureRow.id.in_({row.picture_id for row in rows}))
    ).all()
    inputs = sorted(picture.input_sha256 for picture in found)
    models = {picture.model["engine_sha256"]: picture.model for picture in found}
    chain.record(
        session, head, person, kind, case, inputs=inputs, model=list(models.values()), **facts
    )
    return {row.id: row.version for row in rows}


def _last_standing(session: Session, case_id: str, person: Person) -> EventRow | None:
    """The last decision of a person that was not taken back."""
    events = session.scalars(
        select(EventRow)
        .where(
            EventRow.case_id == case_id,
            EventRow.person == person.name,
            EventRow.kind.in_((DECIDED, UNDONE)),
        )
        .order_by(EventRow.number.desc())
    )
    undone: set[int] = set()
    for event in events:
        if event.kind == UNDONE:
            undone.add(json.loads(event.payload or "{}")["undoes"])
        elif event.number not in undone:
            return event
    return None
