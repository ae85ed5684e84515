"""Each picture of a cohort is a row, as reading it alone says, and nothing ends the cohort."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cohort.cohort import Cohort
from core.cohort.rows import CELL, FIELD, FIELD_CELL, REFUSED, UNREADABLE
from core.cohort.scoring import score_chunk
from core.data.images import encode
from core.data.synthetic.smear_field import draw_field
from core.documents import Document
from core.reading.cell_reading import Reading
from core.reading.picture import FieldImage, read_picture
from core.reading.reader import Reader
from core.runs.run_store import Run
from tests.factories.cohorts import by_path, finish, plan, rows, score

SHOWN = ("call", "leaning", "probability", "logit")


@pytest.fixture
def mixed(tmp_path: Path, drawn: Path) -> Path:
    """Cells, a field, a field that no scale is known of, a blurred cell, and a text."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for file in sorted(drawn.iterdir())[:6]:
        shutil.copy(file, folder)
    field = draw_field(seed=3, blasts=2, lymphocytes=2, size=(600, 800)).image
    (folder / "field.png").write_bytes(encode(field))
    (folder / "noise.png").write_bytes(
        encode(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8))
    )
    (folder / "text.png").write_bytes(b"no picture")
    (folder / "tiny.png").write_bytes(encode(field[:8, :8]))
    (folder / "notes.txt").write_text("not of the cohort")
    return folder


@pytest.mark.slow
def test_it_says_what_reading_each_picture_alone_says(
    run: Run, mixed: Path, tmp_path: Path
) -> None:
    cohort = score(run, mixed, tmp_path / "out")
    found, cells = by_path(cohort), rows(cohort)
    assert sorted(found.index) == sorted(p.name for p in mixed.iterdir() if p.suffix != ".txt")
    reader = Reader(run)
    for name, row in found.iterrows():
        data = (mixed / name).read_bytes()
        assert row["sha256"] in (hashlib.sha256(data).hexdigest(), None)
        alone = read_picture(reader, mixed / name, name)
        if isinstance(alone, FieldImage):
            assert row["kind"] == FIELD and len(alone.cells) > 0
            of_field = cells[(cells["path"] == name) & cells["cell"].notna()].set_index("cell")
            assert list(of_field.index) == [cell.number for cell in alone.cells]
            for cell in alone.cells:
                of_cell = of_field.loc[cell.number]
                assert of_cell["kind"] == FIELD_CELL and of_cell["gate"] == cell.gate.code
                assert tuple(of_cell[["x", "y", "w", "h"]]) == cell.cell.bbox
                assert_same(of_cell, cell)
            continue
        assert isinstance(alone, Reading)
        assert row["gate"] == alone.gate.code and row["reason"] == alone.gate.sentence
        assert row["kind"] == (CELL if alone.cells else REFUSED)
        for cell in alone.cells:
            assert tuple(row["doubts"]) == cell.doubts
            assert_same(row, cell)
    assert {CELL, FIELD, REFUSED} == set(found["kind"])
    assert cohort.written_status.outcomes["failed"] == 1  # the text
    assert_counted(cohort)


def assert_counted(cohort: Cohort) -> None:
    """The counts so far, when all is scored, are those of the summary."""
    summary, found = cohort.summary, cohort.written_status.outcomes
    assert summary and {call: found.get(call, 0) for call in summary.calls} == summary.calls
    assert found.get("failed", 0) == summary.refused_by.get(UNREADABLE, 0)
    refused = found.get("refused", 0) + found.get("failed", 0)
    assert refused == sum(summary.refused_by.values())


def assert_same(row: pd.Series, cell: object) -> None:
    for name in SHOWN:
        expected = getattr(cell, name)
        if isinstance(expected, float):
            assert row[name] == pytest.approx(expected, abs=1e-4)
        else:
            assert row[name] == expected
    interval = getattr(cell, "interval")  # noqa: B009
    if interval is not None:
        assert (row["interval_low"], row["interval_high"]) == pytest.approx(interval, abs=1e-4)


@pytest.mark.slow
def test_what_cannot_be_read_is_a_row_with_its_reason(
    run: Run, drawn: Path, tmp_path: Path
) -> None:
    cell = sorted(drawn.iterdir())[0]
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "cut.bmp").write_bytes(cell.read_bytes()[:3000])
    bad = ["pipe.png", "device.png", "folder.png", "loop.png", "cut.bmp", "gone.png", "a\0b.png"]
    table = tmp_path / "table.parquet"
    pd.DataFrame({"file": [*bad, str(cell)]}).to_parquet(table)
    found = by_path(score(run, table, tmp_path / "out"))
    assert list(found.index) == [*bad, str(cell)]
    refused = found.loc[bad]
    assert set(refused["gate"]) == {UNREADABLE} and refused["reason"].str.len().min() > 20
    assert "a pipe" in refused.loc["pipe.png", "reason"]
    assert "a folder" in refused.loc["folder.png", "reason"]
    assert found.loc[str(cell), "kind"] == CELL


@pytest.mark.slow
def test_a_picture_that_surprises_the_code_is_a_row(
    run: Run, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.cohort import scoring

    real = scoring.read_file

    def read(file: Path, name: str) -> bytes:
        if name.startswith("UID_2_"):
            raise TypeError("what is this?")
        return real(file, name)

    monkeypatch.setattr(scoring, "read_file", read)
    found = by_path(score(run, drawn, tmp_path / "out"))
    surprising = found.index.str.startswith("UID_2_")
    assert set(found[surprising]["gate"]) == {UNREADABLE}
    assert "TypeError: what is this?" in found[surprising]["reason"].iloc[0]
    assert (found[~surprising]["gate"] != UNREADABLE).all()


def test_pictures_beyond_the_roots_are_refused(run: Run, drawn: Path, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    cell = sorted(drawn.iterdir())[0]
    shutil.copy(cell, inside / "own.bmp")
    (inside / "link.bmp").symlink_to(cell)
    (inside / "table.csv").write_text(f"file\nown.bmp\nlink.bmp\n{cell}\n../../etc/passwd.png\n")
    cohort = plan(run, inside / "table.csv", tmp_path / "out", roots=(str(inside),))
    found = by_path(finish(cohort))
    assert found.loc["own.bmp", "kind"] == CELL
    others = found.drop("own.bmp")
    assert set(others["gate"]) == {UNREADABLE} and others["sha256"].isna().all()
    assert others["reason"].str.contains("BLASTLENS_DATA_ROOTS").all()


@pytest.mark.slow
def test_a_part_that_is_there_is_not_made_again(run: Run, drawn: Path, tmp_path: Path) -> None:
    cohort = plan(run, drawn, tmp_path / "out")
    cohort.list_pictures(lambda done, total: None)
    scored = score_chunk(str(cohort.path), 1)
    assert scored.pictures == 16 and sum(scored.outcomes.values()) == 16
    (part,) = (cohort.path / "parts").iterdir()
    before = part.stat().st_mtime_ns, part.stat().st_ino
    assert score_chunk(str(cohort.path), 1) == scored
    assert (part.stat().st_mtime_ns, part.stat().st_ino) == before
    finish(cohort)
    assert (part.stat().st_mtime_ns, part.stat().st_ino) == before
    assert len(by_path(cohort)) == 60
    assert_counted(cohort)  # also the part that was there


class Deaths(Document):
    """As a process leaves it that died."""

    at: str
    deaths: dict[str, int]


def test_a_picture_that_ends_its_process_twice_is_not_read_a_third_time(
    run: Run, drawn: Path, tmp_path: Path
) -> None:
    cohort = plan(run, drawn, tmp_path / "out")
    cohort.list_pictures(lambda done, total: None)
    # It died once while several were read together, and once at 3; now it died at 3 again.
    Deaths(at="3", deaths={"": 1, "3": 1}).write(cohort.attempt_file(0))
    score_chunk(str(cohort.path), 0)
    found = rows(cohort).set_index("picture")
    assert len(found) == 16 and not cohort.attempt_file(0).exists()
    assert found.loc[3, "gate"] == UNREADABLE
    assert "ended the process" in found.loc[3, "reason"]
    assert (found.drop(3)["gate"] != UNREADABLE).all()


def test_a_chunk_that_keeps_dying_is_named(run: Run, drawn: Path, tmp_path: Path) -> None:
    cohort = plan(run, drawn, tmp_path / "out")
    cohort.list_pictures(lambda done, total: None)
    Deaths(at="", deaths={"": 2}).write(cohort.attempt_file(1))
    with pytest.raises(Exception, match=r"Chunk 1 of out .*UID_.* ended its process 3 times"):
        score_chunk(str(cohort.path), 1)
    assert score_chunk(str(cohort.path), 1).pictures == 16  # a resume tries again
