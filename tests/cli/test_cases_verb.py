"""`blastlens cases`, as a shell calls it."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.cases import case_store, database, pictures, review
from core.cases.tables import CellRow
from core.cli import main
from tests.factories import cases
from tests.factories.archives import shipped_run


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main(["cases", *arguments]) == status
    said = capsys.readouterr()
    return json.loads(said.out) if "--json" in arguments else said.out + said.err


def test_images_become_a_case_that_is_listed_shown_and_deleted(
    capsys: pytest.CaptureFixture[str], demo_root: Path
) -> None:
    shipped_run("demo-colour-bands")
    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    made = run(capsys, "new", "Smear", str(cell), "--minimum", "5", "--json")
    assert (made["name"], made["cells"], made["verdict"]["minimum_cells"]) == ("Smear", 1, 5)
    assert [one["name"] for one in run(capsys, "list", "--json")] == ["Smear"]
    assert run(capsys, "show", "Smear", "--json")["id"] == made["id"]
    assert run(capsys, "show", made["id"][:6], "--json")["id"] == made["id"]
    run(capsys, "delete", "Smear", "--yes")
    assert run(capsys, "list", "--json") == []
    assert not (pictures.folder() / made["id"]).exists()
    assert run(capsys, "verify", "--json")["events"] == 3


def test_of_a_blind_case_a_reader_sees_no_calls_before_deciding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    case_id = cases.make(blind=True)
    shown = run(capsys, "show", case_id, "--person", cases.READER.name, "--json")
    assert "has not decided" in shown["withheld"]
    assert not {"states", "verdict", "agreement"} & shown.keys()
    read = [cell for cell in case_store.get(case_id).cells if cell.probability is not None]
    review.decide(cases.READER, case_id, "HEM", {cell.id: cell.version for cell in read})
    shown = run(capsys, "show", case_id, "--person", cases.READER.name, "--json")
    assert {"states", "verdict", "agreement"} < shown.keys()
    assert "withheld" not in shown


def test_verify_says_what_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    cases.make()
    head = run(capsys, "verify", "--json")["head"]
    assert run(capsys, "verify", "--head", head, "--json")["findings"] == []
    with database.writing() as (session, _):
        session.execute(update(CellRow).values(probability=0.5))
    assert "probability changed, and no event tells of it" in run(capsys, "verify", status=2)
    with pytest.raises(SystemExit) as ended:
        run(capsys, "verify", "--json")
    assert ended.value.code == 2
    assert "64 hex digits" in run(capsys, "verify", "--head", "5", status=2)


def test_purge_tells_before_it_deletes(capsys: pytest.CaptureFixture[str]) -> None:
    cases.make()
    kept = run(capsys, "purge", "--older-than", "90d", "--dry-run", "--json")
    assert kept == {"deleted": False, "cases": [], "still_in_data_sets": []}
    assert "must be days" in run(capsys, "purge", "--older-than", "soon", status=2)
    assert len(case_store.cases()) == 1


def test_a_backup_has_every_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cases.make()
    made = run(capsys, "backup", str(tmp_path / "copy"), "--json")
    kept = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert made["files"] == len(kept) > 1


def test_an_unknown_case_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "No case has" in run(capsys, "show", "nobody", status=2)
    cases.make(name="twice")
    cases.make(name="twice")
    assert "2 cases have" in run(capsys, "show", "twice", status=2)
