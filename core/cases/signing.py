"""Signatures under a case: what is in their way, given, and voided by opening the case again."""

import uuid

from core.cases import case_store, chain, database
from core.cases.case_store import OPEN, SIGNED
from core.cases.review import REVIEW, disagreements
from core.cases.tables import CaseRow, CellRow, SignatureRow
from core.cases.verdict import verdict
from core.errors import CaseError
from core.people import SIGN, Person

SIGNED_EVENT, REOPENED = "signed", "opened again"


def hindrances(case: CaseRow) -> list[str]:
    """Why a case cannot be signed yet, each in a sentence with the remedy."""
    found = []
    if left := unseen(case):
        found.append(f"{_cells(len(left))} sent to review and not seen yet. Look at each.")
    if case.blind and (undecided := _undecided(case)):
        found.append(f"{_cells(undecided)} not decided yet, in a case that is read blind.")
    if differ := len(disagreements(case)):
        found.append(f"Readers differ on {_cells(differ, verb=False)}. Settle each.")
    if not verdict(case).cells:
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


def _undecided(case: CaseRow) -> int:
    return sum(cell.label is None and cell.probability is not None for cell in case.cells)


def _cells(count: int, verb: bool = True) -> str:
    words = "1 cell" if count == 1 else f"{count} cells"
    return f"{words} {'was' if count == 1 else 'were'}" if verb else words
