"""Signatures under a case: what is in their way, given, and voided by opening the case again."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence

from core.cases import case_store, chain, database
from core.cases.case_store import OPEN, SIGNED
from core.cases.review import REVIEW, disagreements
from core.cases.tables import CaseRow, CellRow, SignatureRow
from core.cases.verdict import verdict
from core.errors import CaseError
from core.people import SIGN, Person
from core.reading.fields.reading import NOT_READ

SIGNED_EVENT, REOPENED = "signed", "opened again"


def hindrances(case: CaseRow) -> list[str]:
    """Why a case cannot be signed yet, each in a sentence with the remedy."""
    found = []
    for left, verb in _apart(unseen(case)):
        found.append(f"{left} {verb} sent to review and not seen yet. Look at each.")
    if case.blind:
        for undecided, verb in _apart(_undecided(case)):
            found.append(f"{undecided} {verb} not decided yet, in a case that is read blind.")
    for differ, _ in _apart(disagreements(case)):
        found.append(f"Readers differ on {differ}. Settle each.")
    said = verdict(case)
    if not said.cells and not said.images.keys() - {NOT_READ}:
        found.append("No cell counts. Add pictures, or decide cells that were not read.")
    return found


def unseen(case: CaseRow) -> list[CellRow]:
    """The cells that were sent to review, and that nobody has looked at."""
    return [
        cell
        for cell in case.cells
        if cell.state == REVIEW and cell.seen_by is None and cell.label is None
    ]


def sign(person: Person, case_id: str, version: int) -> None:
    """Signs a case that had `version` when the person saw it; a second reader may sign too.

    Raises `StaleError` if it has changed since, and `CaseError` if something is in the way, or the
    person has signed it.
    """
    person.require(SIGN)
    with database.writing() as (session, head):
        case = case_store.load(session, case_id)
        case_store.require_version(session, case, version)
        if any(signature.person == person.name for signature in case.signatures):
            raise CaseError(
                f"{person.name} has signed this case already; each person signs once. Have a "
                "second reader sign, or open the case again."
            )
        if case.state == OPEN and (found := hindrances(case)):
            raise CaseError(f"The case {case.name} cannot be signed yet. {' '.join(found)}")
        case.state = SIGNED
        session.add(
            SignatureRow(
                id=uuid.uuid4().hex,
                case_id=case_id,
                person=person.name,
                verified=person.verified,
                time=chain.now(),
                version=version,
                head=head.hash,
                verdict=verdict(case).to_json(),
            )
        )
        chain.record(session, head, person, SIGNED_EVENT, case)


def reopen(person: Person, case_id: str, version: int) -> None:
    """Opens a signed case again: its signatures are void, and stay in the chain."""
    person.require(SIGN)
    with database.writing() as (session, head):
        case = case_store.load(session, case_id)
        case_store.require_version(session, case, version)
        if case.state == OPEN:
            raise CaseError(f"The case {case.name} is open already. Decide its cells, or sign it.")
        for signature in case.signatures:
            session.delete(signature)
        case.state = OPEN
        chain.record(session, head, person, REOPENED, case)


def _undecided(case: CaseRow) -> list[CellRow]:
    return [cell for cell in case.cells if cell.label is None and cell.probability is not None]


def _apart(cells: Sequence[CellRow]) -> Iterator[tuple[str, str]]:
    """Cells and whole images in words, each where there are any, with the verb that suits."""
    for item, number in Counter(cell.item for cell in cells).items():
        yield (f"1 {item}", "was") if number == 1 else (f"{number} {item}s", "were")
