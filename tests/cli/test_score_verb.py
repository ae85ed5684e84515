"""`blastlens score` and `blastlens cohorts`, as a shell calls them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core.cli import main
from tests.factories.archives import shipped_run


def call(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> Any:
    assert main([str(argument) for argument in arguments]) == status
    said = capsys.readouterr()
    return json.loads(said.out) if "--json" in arguments and not status else said.out + said.err


def test_a_table_is_scored_once_listed_and_not_mixed_with_another(
    capsys: pytest.CaptureFixture[str], demo_root: Path, tmp_path: Path
) -> None:
    shipped_run("demo-colour-bands")
    cells = sorted(demo_root.rglob("*.bmp"))[:4]
    for number, cell in enumerate(cells):
        shutil.copy(cell, tmp_path / f"{number}.bmp")
    table, out = tmp_path / "table.csv", tmp_path / "out"
    table.write_text("Name;Donor\n0.bmp;a\n1.bmp;a\n2.bmp;b\n3.bmp;b\ngone.bmp;b\n")
    asked = ("score", table, "--out", out, "--columns", "subject=Donor", "--workers", "1")
    assert main([*map(str, asked), "--json"]) == 0
    said = capsys.readouterr()
    made = json.loads(said.out)
    assert re.search(r"5 of 5 pictures .*· \d ALL, \d HEM, .* 1 cannot be read$", said.err, re.M)
    assert (made["status"], made["pictures"], made["patients"]) == ("succeeded", 5, 2)
    assert made["refused_by"]["unreadable"] == 1
    parts = list((out / "parts").iterdir())
    assert len(pd.read_parquet(parts)) == 5
    patients = pd.read_parquet(made["patients_table"]).set_index("subject")
    assert patients["pictures"].to_dict() == {"a": 2, "b": 3}
    before = [part.stat().st_mtime_ns for part in parts]
    assert call(capsys, *asked, "--json") == made
    assert [part.stat().st_mtime_ns for part in parts] == before
    said = call(capsys, *asked, "--adapt-stain", status=2)
    assert "holds a cohort whose adapt_stain is False, not True" in said
    assert call(capsys, "cohorts", "--json") == [made]
    assert "nothing to resume" in call(capsys, "score", "--out", out, "--resume", status=2)
    assert "Choose a new folder" in call(capsys, "score", table, "--out", tmp_path, status=2)


def test_a_table_that_is_not_unicode_is_read_and_said_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shipped_run("demo-colour-bands")
    table, out = tmp_path / "table.csv", tmp_path / "out"
    table.write_bytes("file;patient\nno.png;Jürgen\n".encode("cp1252"))
    said = call(capsys, "score", table, "--out", out, "--workers", "1")
    assert "table.csv is not Unicode; it is read as Windows-1252" in said
    assert pd.read_parquet(out / "patients.parquet")["subject"].tolist() == ["Jürgen"]
    told = call(capsys, "score", table, "--out", tmp_path / "told", "--encoding", "macintosh")
    assert "not Unicode" not in told
    assert pd.read_parquet(tmp_path / "told/patients.parquet")["subject"].tolist() == ["J¸rgen"]


def test_what_is_missing_is_said_in_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shipped_run("demo-colour-bands")
    assert "There is no SOURCE" in call(capsys, "score", status=2)
    assert "take --out and no SOURCE" in call(capsys, "score", tmp_path, "--stop", status=2)
    assert "There is no cohort" in call(capsys, "score", "--out", "x", "--stop", status=2)
    assert "workers is 0" in call(capsys, "score", tmp_path, "--workers", "0", status=2)
    out = tmp_path / "out"
    said = call(capsys, "score", tmp_path / "gone", "--out", out, status=2)
    assert "neither a folder nor a table" in said and "--resume" in said
