import os
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from core.cases import case_store, database, pictures, retention, review, verification
from core.cases.tables import CaseRow
from core.errors import CaseError, NotAllowedError
from core.people import READER, Person
from core.report.case.build import build
from core.report.case.check import check
from core.report.case.export import export
from tests.factories import cases
from tests.factories.cases import SECOND


def grow_old(case_id: str) -> None:
    with database.writing() as (session, _):
        session.execute(
            update(CaseRow).where(CaseRow.id == case_id).values(changed="2020-01-01T00:00:00.0Z")
        )


def test_old_cases_are_purged_with_their_pictures() -> None:
    old, new = cases.make(name="old"), cases.make(name="new")
    grow_old(old)
    assert [case.id for case in retention.older_than(90)] == [old]
    assert len(case_store.cases()) == 2  # asking deletes nothing
    assert [case.name for case in retention.purge(SECOND, 90)] == ["old"]
    assert [case.id for case in case_store.cases()] == [new]
    assert [path.name for path in pictures.folder().iterdir()] == [new]
    with pytest.raises(NotAllowedError):
        retention.purge(Person("reader", roles=frozenset({READER})), 1)
    with pytest.raises(CaseError, match="at least 1"):
        retention.older_than(0)


def test_what_a_killed_process_left_behind_is_swept_once_it_is_old() -> None:
    case_id = cases.make()
    left = pictures.folder() / ("0" * 32)
    left.mkdir()
    retention.purge(SECOND, 90)
    assert left.is_dir()  # a process may be reading its pictures right now
    before = time.time() - pictures.ORPHAN_SECONDS - 60
    os.utime(left, (before, before))
    retention.purge(SECOND, 90)
    assert not left.exists()
    assert (pictures.folder() / case_id).is_dir()


def test_pictures_are_kept_once_by_content_and_a_changed_one_is_found() -> None:
    case_id = cases.make()
    case = case_store.get(case_id)
    digest = case.cells[0].files["context"]
    assert pictures.load(case_id, digest).startswith(b"\x89PNG")
    file = pictures.file(case_id, digest)
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(CaseError, match="was changed"):
        pictures.load(case_id, digest)
    (finding,) = verification.verify().findings
    assert finding.where == f"case {case_id}"
    file.unlink()
    with pytest.raises(CaseError, match="is gone"):
        pictures.load(case_id, digest)


def test_the_same_picture_twice_and_wrong_names_are_refused() -> None:
    case_id = cases.make()
    with pytest.raises(CaseError, match="in this case already"):
        case_store.add(SECOND, case_id, [cases.field()])
    with pytest.raises(CaseError, match="in this case already"):
        case_store.add(SECOND, case_id, [cases.field(seed=5), cases.field(seed=5)])
    assert len(case_store.get(case_id).pictures) == 1
    for name in ("", "  ", "x" * 121, "a\nb"):
        with pytest.raises(CaseError, match="cannot name a case"):
            case_store.create(SECOND, name)
    with pytest.raises(CaseError, match="must lie from 1 to"):
        case_store.create(SECOND, "case", minimum_cells=0)


def test_a_case_is_made_with_its_pictures_or_not_at_all() -> None:
    case_id = case_store.create(SECOND, "whole", [cases.field(), cases.single(seed=9)])
    assert [one.name for one in case_store.get(case_id).pictures]
    assert [event.kind for event in case_store.events(case_id)] == ["created", "pictures added"]
    with pytest.raises(CaseError, match="in this case already"):
        case_store.create(SECOND, "twice", [cases.field(), cases.field()])
    assert [case.name for case in case_store.cases()] == ["whole"]
    assert [folder.name for folder in pictures.folder().iterdir()] == [case_id]
    assert not verification.verify().findings


def test_a_backup_is_a_database_with_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    case_id = cases.make()
    if not database_url.startswith("sqlite"):
        with pytest.raises(CaseError, match="pg_dump"):
            retention.backup(tmp_path / "backup")
        assert not (tmp_path / "backup").exists()
        return
    retention.backup(tmp_path / "elsewhere" / "cases")
    with pytest.raises(CaseError, match="exists already"):
        retention.backup(tmp_path / "elsewhere" / "cases")
    case_store.delete(SECOND, case_id)
    database.forget()
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path / "elsewhere"))
    case = case_store.get(case_id)
    assert pictures.load(case_id, case.pictures[0].file)


@pytest.mark.slow
def test_a_wrong_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("nonsense", "postgresql://nobody@127.0.0.1:1/x", "mysql://x@y/z"):
        monkeypatch.setenv("BLASTLENS_DATABASE_URL", address)
        with pytest.raises(CaseError, match="cannot be"):
            case_store.cases()
    monkeypatch.undo()


def test_a_picture_is_removed_with_its_cells_and_files_and_the_chain_still_holds() -> None:
    wrong, right = cases.field(), cases.single(seed=1)
    case_id = cases.make([wrong, right])
    first, second = case_store.get(case_id).pictures
    files = set(pictures.folder().rglob("*.png"))
    retention.remove_picture(cases.READER, case_id, first.id)
    case = case_store.get(case_id)
    assert [picture.id for picture in case.pictures] == [second.id]
    assert {cell.picture_id for cell in case.cells} == {second.id}
    gone = files - set(pictures.folder().rglob("*.png"))
    assert {path.stem for path in gone} >= {first.file, first.overview}
    assert all(pictures.load(case_id, digest) for digest in case.cells[0].files.values())
    assert case_store.events(case_id)[-1].kind == retention.REMOVED
    case_store.add(cases.READER, case_id, [wrong])  # the same file, read otherwise
    assert [picture.place for picture in case_store.get(case_id).pictures] == [2, 3]
    assert verification.verify().findings == ()
    assert check(export(build(case_id), "html")).findings == ()


def test_a_picture_that_somebody_has_decided_on_stays() -> None:
    case_id = cases.make([cases.field()])
    case = case_store.get(case_id)
    review.decide(SECOND, case_id, "ALL", cases.versions(case, 1))
    with pytest.raises(CaseError, match=r"reader two has decided cells of field\.png"):
        retention.remove_picture(cases.READER, case_id, case.pictures[0].id)
    with pytest.raises(CaseError, match="no such picture"):
        retention.remove_picture(cases.READER, case_id, "0" * 32)
    other = case_store.get(cases.make([cases.single(seed=2)])).pictures[0].id
    with pytest.raises(CaseError, match="no such picture"):
        retention.remove_picture(cases.READER, case_id, other)
    assert len(case_store.get(case_id).cells) == len(case.cells)
