"""`cases export` and `cases check` of the command line."""

import json
from pathlib import Path

import pytest

from core.cli import main
from core.report.case.export import FORMATS
from tests.factories import cases


@pytest.mark.parametrize("kind", FORMATS)
def test_a_report_is_exported_into_a_folder_under_a_name_without_the_cases(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case_id = cases.make(name="Case of a patient")
    assert (
        main(["cases", "export", case_id, "--to", str(tmp_path), "--format", kind, "--json"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    file = Path(document["file"])
    assert file.stat().st_size == document["bytes"]
    assert file.parent == tmp_path and "patient" not in file.name and "draft" in file.name


def test_check_says_what_a_report_is_and_exits_with_2_once_it_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.html"
    assert main(["cases", "export", cases.make(), "--to", str(file), "--format", "html"]) == 0
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path / "elsewhere"))
    capsys.readouterr()
    assert main(["cases", "check", str(file), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["unchanged"] and document["case"] == "Case 1"

    file.write_bytes(file.read_bytes().replace(b"Blasts: 2 of 3", b"Blasts: 0 of 3", 1))
    assert main(["cases", "check", str(file)]) == 2
    answer = capsys.readouterr()
    assert "report.html was changed after it was made" in answer.err
    assert answer.err.count("\n") == 1 and answer.out == ""
