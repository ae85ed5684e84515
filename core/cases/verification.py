"""Whether cases are as they were recorded: the chain, the tables, and the kept pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases import chain, database, pictures
from core.cases.chain import Finding, Verification
from core.cases.tables import CellRow, PictureRow
from core.errors import CaseError


def verify(known: Sequence[tuple[int, str]] = ()) -> Verification:
    """Checks all cases; `known` as `core.cases.chain.verify` takes it."""
    with database.reading() as session:
        found = chain.verify(session, known)
        return replace(found, findings=(*found.findings, *_pictures(session)))


def _pictures(session: Session) -> Iterator[Finding]:
    """The kept pictures that are gone or changed."""
    kept = {
        (case_id, digest)
        for case_id, file, overview in session.execute(
            select(PictureRow.case_id, PictureRow.file, PictureRow.overview)
        )
        for digest in (file, overview)
    }
    for case_id, files in session.execute(select(CellRow.case_id, CellRow.files)):
        kept |= {(case_id, digest) for digest in files.values()}
    for case_id, digest in sorted(kept):
        try:
            pictures.load(case_id, digest)
        except CaseError as error:
            yield Finding(f"case {case_id}", str(error).removesuffix("."))
