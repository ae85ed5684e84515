"""The chain of events: each action with its time, person, inputs, and rows before and after.

The hash of an event covers the hash of the event before it, so a changed, dropped, reordered or
inserted event breaks the chain; the tables are what the events add up to, so a changed row does not
match them. The hash covers the payload by its own hash: the payload of a deleted case can be erased
without breaking the chain. A payload has a salt, so that its hash does not give it away.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from core.cases.tables import TRACKED, CaseRow, EventRow, HeadRow, Tracked
from core.people import Person

_MOST_SAID = 200  # characters of a finding on an event that cannot be read
START = "0" * 64  # the hash before the first event
DELETED = "deleted"
# What the hash of an event covers.
HEADER = (
    "number", "time", "person", "verified", "kind", "case_id", "case_version", "payload_sha256",
    "previous",
)  # fmt: skip


def now(after: str = "") -> str:
    """The time in UTC; never before `after`, so that the times of a chain never fall."""
    return max(after, datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"))


def canonical(value: object) -> bytes:
    """JSON that is the same for equal values: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def record(
    session: Session,
    head: HeadRow,
    person: Person,
    kind: str,
    case: CaseRow,
    **facts: Any,
) -> EventRow:
    """Appends an event about what the session has changed in a case, and writes both.

    `facts` stand in its payload beside the changes, such as `inputs`, the SHA-256 of the files, and
    `model`.
    """
    last = session.get(EventRow, head.length) if head.length else None
    time = now(last.time if last else "")
    case.version += 1
    case.changed = time
    return _append(session, head, person, kind, case, time, facts | {"changes": _changes(session)})


def record_deletion(
    session: Session, head: HeadRow, person: Person, case: CaseRow, **facts: Any
) -> EventRow:
    """Erases the payloads of a case's events and appends the tombstone; leaves the rows."""
    last = session.get(EventRow, head.length)
    case.version += 1
    for event in session.scalars(select(EventRow).where(EventRow.case_id == case.id)):
        event.payload = None
    time = now(last.time if last else "")
    return _append(session, head, person, DELETED, case, time, facts)


def _append(
    session: Session,
    head: HeadRow,
    person: Person,
    kind: str,
    case: CaseRow,
    time: str,
    facts: dict[str, object],
) -> EventRow:
    payload = canonical(facts | {"salt": secrets.token_hex(16)})
    event = EventRow(
        number=head.length + 1,
        time=time,
        person=person.name,
        verified=person.verified,
        kind=kind,
        case_id=case.id,
        case_version=case.version,
        payload=payload.decode(),
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        previous=head.hash,
    )
    event.hash = hash_of(event)
    head.length, head.hash = event.number, event.hash
    session.add(event)
    session.flush()
    return event


def hash_of(event: EventRow) -> str:
    """The SHA-256 over the header of an event, which has the hashes of payload and predecessor."""
    return hashlib.sha256(canonical([getattr(event, name) for name in HEADER])).hexdigest()


def _changes(session: Session) -> list[dict[str, object]]:
    """The new, changed and deleted rows of a session: before (None if new) and after."""
    changes = []
    for row in [*session.new, *session.dirty, *session.deleted]:
        if not isinstance(row, Tracked):
            continue
        after = None if row in session.deleted else row.values()
        before = None if row in session.new else _before(row)
        if before is not None and after is not None:
            changed = {key for key, value in after.items() if before[key] != value}
            before, after = ({key: side[key] for key in changed} for side in (before, after))
        if before or after:
            place = {"table": row.__tablename__, "id": row.id}
            changes.append(place | {"before": before, "after": after})
    return sorted(changes, key=lambda change: (change["table"], change["id"]))


def _before(row: Tracked) -> dict[str, object]:
    """The values that a row had when it was read."""
    values = row.values()
    for key in values:
        if deleted := inspect(row).attrs[key].history.deleted:
            values[key] = deleted[0]
    return values


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with the chain or the tables: what, and in which event or row."""

    where: str
    what: str


@dataclass(frozen=True)
class Verification:
    """The length of the chain, the hash of its last event, and what is wrong; () if nothing."""

    length: int
    head: str
    findings: tuple[Finding, ...]


class _Replay:
    """What the events add up to: the rows of all tables, by table and identifier."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, object]] = {}
        self.erased: dict[str, int] = {}  # the first event without payload of a case
        self._versions: dict[str, int] = {}
        self._number, self.last, self._time = 0, START, ""

    def take(self, event: EventRow) -> Iterator[str]:
        """Adds an event; yields what is wrong with it."""
        self._number += 1
        if event.number != self._number:
            yield f"stands in place of event {self._number}, which is missing"
            self._number = event.number
        if event.previous != self.last:
            yield "does not follow the event before it"
        if event.hash != hash_of(event):
            yield "was changed: its hash does not match"
        if event.time < self._time:
            yield f"is dated {event.time}, before the event before it ({self._time})"
        if event.case_version != self._versions.get(event.case_id, 0) + 1:
            yield f"an event of its case is missing before it (version {event.case_version})"
        self.last, self._time = event.hash, max(self._time, event.time)
        self._versions[event.case_id] = event.case_version
        if event.payload is None:
            self.erased.setdefault(event.case_id, event.number)
        elif hashlib.sha256(event.payload.encode()).hexdigest() != event.payload_sha256:
            yield "its content was changed"
        else:
            for change in json.loads(event.payload).get("changes", ()):
                yield from self._apply(**change)
        if event.kind == DELETED:
            self.erased.pop(event.case_id, None)
            gone = [key for key, row in self.rows.items() if _case_of(key, row) == event.case_id]
            for key in gone:
                del self.rows[key]

    def _apply(
        self, table: str, id: str, before: dict[str, object] | None, after: dict[str, object] | None
    ) -> Iterator[str]:
        row = self.rows.get((table, id))
        if (row is None) != (before is None):
            yield f"what it says of {table} {id} does not follow from the events before it"
        elif row is not None and {name: row.get(name) for name in before or ()} != before:
            yield f"what it found of {table} {id} is not what was there"
        if after is None:
            self.rows.pop((table, id), None)
        else:
            self.rows[table, id] = (row or {}) | after

    def compare(self, session: Session) -> Iterator[Finding]:
        """The rows of the database that are not what the events add up to."""
        left = dict(self.rows)
        for name, table in TRACKED.items():
            for row in session.scalars(select(table).execution_options(yield_per=500)):
                expected = left.pop((name, row.id), None)
                if expected is None:
                    yield Finding(f"{name} {row.id}", "no event tells of it")
                    continue
                changed = [key for key, value in row.values().items() if expected.get(key) != value]
                if changed:
                    words = f"{', '.join(changed)} changed, and no event tells of it"
                    yield Finding(f"{name} {row.id}", words)
        for name, identifier in left:
            yield Finding(f"{name} {identifier}", "is gone, and no event tells of it")
        for case_id, number in self.erased.items():
            words = f"its content is gone, though case {case_id} was not deleted"
            yield Finding(f"event {number}", words)


def verify(session: Session, known: Sequence[tuple[int, str]] = ()) -> Verification:
    """Checks the chain from the first event, and the tables against what its events add up to.

    `known` are numbers and hashes of events, from reports and earlier verifications. With these, a
    chain that was written anew from end to end is found out too.
    """
    head = session.scalars(select(HeadRow)).one()
    replay, findings, hashes, length = _Replay(), [], dict(known), 0
    # A chain may be long, so not all of it is held at once.
    events = select(EventRow).order_by(EventRow.number).execution_options(yield_per=500)
    for event in session.scalars(events):
        where = f"event {event.number}"
        try:
            findings += [Finding(where, what) for what in replay.take(event)]
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            words = f"was changed: it holds what no event does ({error})"
            findings.append(Finding(where, words[:_MOST_SAID]))
        if hashes.pop(event.number, event.hash) != event.hash:
            findings.append(Finding(where, "its hash is not the one that was written down"))
        length += 1
        session.expunge(event)
    findings += [Finding(f"event {number}", "was written down, and is gone") for number in hashes]
    if (length, replay.last) != (head.length, head.hash):
        words = f"the chain has {length} events; it had {head.length}, or others at its end"
        findings.append(Finding("the end", words))
    return Verification(length, replay.last, (*findings, *replay.compare(session)))


def _case_of(key: tuple[str, str], row: dict[str, object]) -> str:
    return key[1] if key[0] == CaseRow.__tablename__ else str(row.get("case_id"))
