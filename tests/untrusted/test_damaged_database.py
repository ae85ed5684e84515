"""A case database that was damaged or changed by hand ends in a sentence, or is found out."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.cases import case_store, chain, database, review
from core.errors import CaseError
from core.report.case.build import build
from tests.factories import cases


@pytest.fixture
def file() -> Path:
    """The file of a SQLite database with one case, which nothing holds open."""
    case_id = cases.make()
    review.decide(cases.READER, case_id, "ALL", cases.versions(case_store.get(case_id), 1))
    database.forget()
    return Path(database.url().removeprefix("sqlite:///"))


def change(file: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement, values)
        connection.commit()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("previous", b"\xff\xfe"),
        ("case_version", "one"),
        ("case_version", float("inf")),
        ("payload", 1.5),
        ("payload", "{"),
    ],
)
def test_an_event_of_other_types_is_found_and_does_not_end_the_verification(
    file: Path, column: str, value: object
) -> None:
    change(file, f"UPDATE event SET {column} = ? WHERE number = 3", value)
    with database.reading() as session:
        found = chain.verify(session).findings
    assert "event 3" in {finding.where for finding in found}


def test_a_report_and_a_decision_say_that_an_event_is_damaged(file: Path) -> None:
    change(file, "UPDATE event SET payload = '{' WHERE number = 3")
    (case,) = case_store.cases()
    assert build(case.id).events[-1].said == "decided: what it says is damaged"
    with pytest.raises(CaseError, match=r"is damaged .*Bring back a backup"):
        review.undo(cases.READER, case.id)


def test_a_page_that_was_overwritten_is_told_in_a_sentence(file: Path) -> None:
    data = bytearray(file.read_bytes())
    at = data.index(b"CREATE TABLE")
    data[at : at + 40] = b"\xff\xc9" * 20
    file.write_bytes(data)
    with pytest.raises(CaseError, match="The case database cannot be opened"):
        case_store.cases()
    file.write_bytes(b"")  # so that it can be closed


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://u:s@[::1/x", "cannot be used"),
    ],
)
def test_an_address_that_names_no_database_is_refused(
    url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("BLASTLENS_DATABASE_URL", url)
        with pytest.raises(CaseError, match=words):
            case_store.cases()
