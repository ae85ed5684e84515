"""Many images at once: the same readings, in their order, as a table, CSV and ZIP."""

import base64
import io
import json
import shutil
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.images import decode, encode
from core.data.synthetic.smear_field import draw_field
from core.reading import batch, table, thumbnails
from core.reading.batch import read_many
from core.reading.reader import Reader
from core.runs import run_store
from core.runs.run_store import Run


@pytest.fixture(scope="module")
def files(demo_root: Path) -> list[Path]:
    """Eleven cells: more than a batch, and no multiple of one."""
    return sorted(demo_root.rglob("*.bmp"))[::10][:11]


@pytest.fixture(scope="module")
def field() -> bytes:
    return encode(draw_field(seed=3, blasts=3, lymphocytes=2, scale=0.25, size=(480, 640)).image)


def test_a_batch_reads_what_single_readings_read(reader: Reader, files: list[Path]) -> None:
    together = list(read_many(reader, [(str(file), file) for file in files], batch=4))
    assert len(together) == len(files)
    for file, one in zip(files, together, strict=True):
        alone = reader.read(file)
        assert (one.image, one.kind, one.reason) == (alone.image, alone.kind, alone.reason)
        assert one.gate.checks == alone.gate.checks and one.gate.code == alone.gate.code
        for name, value in alone.gate.figures.items():
            assert one.gate.figures[name] == pytest.approx(value, abs=1e-4), name
        for ours, theirs in zip(one.cells, alone.cells, strict=True):
            assert ours.logit == pytest.approx(theirs.logit, abs=1e-5)
            assert (ours.call, ours.bbox, ours.seen) == (theirs.call, theirs.bbox, theirs.seen)
            assert ours.heat_map.values == pytest.approx(theirs.heat_map.values, abs=1e-4)
            assert ours.overlay.shape == theirs.overlay.shape
            assert [n.image_id for n in ours.similar or ()] == [
                n.image_id for n in theirs.similar or ()
            ]
            assert ours.findings == theirs.findings


def test_the_engine_is_called_once_a_batch(
    reader: Reader, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    run = reader._engine
    monkeypatch.setattr(
        reader, "_engine", lambda pixels: (sizes.append(len(pixels)), run(pixels))[1]
    )
    assert len(list(read_many(reader, [(f.name, f) for f in files], batch=4))) == len(files)
    assert sorted(sizes) == [3, 4, 4]


def test_broken_files_and_fields_keep_their_place_and_stop_no_other(
    reader: Reader, files: list[Path], field: bytes
) -> None:
    black = encode(np.zeros((450, 450, 3), np.uint8))
    given: list[batch.Item] = [
        ("first.bmp", files[0]),
        ("broken.png", b"\x89PNG nothing"),
        ("gone.bmp", files[0].with_name("gone.bmp")),
        ("field.png", field),
        ("black.png", black),
        ("last.bmp", lambda: files[1].read_bytes()),
    ]
    found = list(read_many(reader, given, batch=2))
    assert [reading.image for reading in found] == [name for name, _ in given]
    codes = [reading.gate.code for reading in found]
    assert codes[1:5] == ["unreadable", "unreadable", "field", "stained"]
    assert found[0].kind == found[5].kind == "cell"
    assert list(read_many(reader, [])) == []


def test_many_are_read_side_by_side_with_the_same_result(
    reader: Reader, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[str] = []
    mode = reader.many_at_once
    monkeypatch.setattr(reader, "many_at_once", lambda: (modes.append("many"), mode())[1])
    given: list[batch.Item] = [(file.name, file) for file in files]
    few = list(read_many(reader, given))
    assert modes == []
    monkeypatch.setattr(batch, "MANY", len(files))
    many = list(read_many(reader, given))
    assert modes == ["many"]
    for one, other in zip(few, many, strict=True):
        assert (one.image, one.kind, one.gate.code) == (other.image, other.kind, other.gate.code)
        for cell, same in zip(one.cells, other.cells, strict=True):
            assert cell.logit == pytest.approx(same.logit, abs=1e-5)


def test_files_are_opened_as_they_are_needed_and_stopping_opens_no_more(
    reader: Reader, files: list[Path]
) -> None:
    opened: list[str] = []

    def load() -> bytes:
        opened.append("one")
        return files[0].read_bytes()

    readings = read_many(reader, [(f"{number}.bmp", load) for number in range(90)], batch=2)
    for _ in range(3):
        next(readings)
    readings.close()
    assert 4 <= len(opened) <= 2 * (batch.threads() + 3)


def test_the_table_has_a_row_a_file_with_call_interval_and_reason(
    reader: Reader, files: list[Path], field: bytes
) -> None:
    given: list[batch.Item] = [(f.name, f) for f in files[:3]]
    given += [("broken.png", b"x"), ("field.png", field)]
    contract = reader.run.calibration
    readings = list(read_many(reader, given))
    found = table.table(table.row(one, "run", contract) for one in readings)
    *columns, counts = (field.name for field in fields(table.Row))
    assert counts == "counts" and list(found.columns) == columns and len(found) == 5
    assert found["file"].tolist() == [name for name, _ in given]
    assert found["read_as"].tolist() == ["one cell"] * 3 + ["nothing", "whole field"]
    assert (
        found["call"].tolist()[3:] == ["not read"] * 2 and found["probability_all"][3:].isna().all()
    )
    assert found["check"].tolist() == ["", "", "", "unreadable", "field"]
    for row, reading in zip(found.itertuples(), readings[:3], strict=False):
        cell = reading.cells[0]
        assert row.probability_all == cell.probability and row.call == cell.call
        assert row.diameter_px == reading.gate.figures["diameter_px"]
        if cell.interval:
            assert (row.interval_low, row.interval_high) == cell.interval
    again = pd.read_csv(io.BytesIO(table.to_csv(found)))
    assert again["file"].tolist() == found["file"].tolist()
    assert again["probability_all"].to_numpy() == pytest.approx(
        found["probability_all"].to_numpy(), abs=1e-5, nan_ok=True
    )
    assert "whole field with" in again["reason"].iloc[4]
    assert table.table([]).dtypes.equals(found.dtypes)


def test_the_operating_point_of_the_run_decides_and_review_says_why(
    finished_run: Run, files: list[Path], tmp_path: Path
) -> None:
    shutil.copytree(finished_run.path, tmp_path / "moved")
    run, reader = Run(tmp_path / "moved"), Reader(finished_run)
    probability = reader.read(files[0]).cells[0].probability
    file = run.path / "calibration.json"
    for threshold, call in ((probability - 0.01, "ALL"), (probability + 0.01, "HEM")):
        file.write_text(json.dumps(run.calibration.to_json() | {"threshold": threshold}))
        (reading,) = read_many(Reader(run), [("a.bmp", files[0])])
        row = table.row(reading, "moved", run.calibration)
        assert row.call == call and row.undecided and "undecided" in row.reason
    band = {"low": probability - 0.02, "high": probability + 0.02}
    file.write_text(json.dumps(run.calibration.to_json() | {"review": band}))
    (reading,) = read_many(Reader(run), [("a.bmp", files[0])])
    row = table.row(reading, "moved", run.calibration)
    assert row.call == "review" and not row.undecided
    assert f"{band['low']:.0%} to {band['high']:.0%}" in row.reason


@pytest.mark.slow
def test_the_zip_holds_the_pictures_the_table_and_what_is_to_be_known(
    reader: Reader, files: list[Path]
) -> None:
    given: list[batch.Item] = [("same.bmp", files[0]), ("same.bmp", files[1]), ("=x.png", b"x")]
    moves: list[tuple[int, int]] = []
    buffer = io.BytesIO()
    table.write_zip([reader], given, buffer, lambda done, total: moves.append((done, total)))
    assert moves == [(1, 3), (2, 3), (3, 3)]
    with zipfile.ZipFile(buffer) as archive:
        names = archive.namelist()
        assert {"readings.csv", "README.txt"} <= set(names) and len(set(names)) == len(names)
        for number, file in enumerate(files[:2], start=1):
            cell = reader.read(file).cells[0]
            stem = f"pictures/{number:04}_same"
            assert (decode(archive.read(f"{stem}_cell.png")) == cell.image).all()
            assert (decode(archive.read(f"{stem}_outline.png")) == cell.outlined).all()
            assert (f"{stem}_overlay.png" in names) == (cell.heat is not None)
            if cell.heat is not None:
                judged = reader.judge(cell)
                drawn = decode(archive.read(f"{stem}_overlay.png"))
                assert (drawn == cell.overlay).all() == judged.supported
        assert not any("0003" in name for name in names)
        listed = pd.read_csv(archive.open("readings.csv"))
        assert listed["file"].tolist() == ["same.bmp", "same.bmp", "'=x.png"]
        badges = [reader.judge(reader.read(file).cells[0]).badge for file in files[:2]]
        assert listed["heat_map"].fillna("").tolist() == [*badges, ""]
    other = Reader(run_store.get("run-cnn-dropout"))
    with zipfile.ZipFile(io.BytesIO(table.zipped([reader, other], given[:1]))) as archive:
        assert pd.read_csv(archive.open("readings.csv"))["model"].nunique() == 2
        assert f"pictures/{other.run.run_id}/0001_same_cell.png" in archive.namelist()


def test_the_outline_is_drawn_on_the_edge_of_the_cell_and_nowhere_else(
    reader: Reader, files: list[Path]
) -> None:
    cell = reader.read(files[0]).cells[0]
    changed = (cell.outlined != cell.image).any(axis=2)
    rows, columns = np.nonzero(changed)
    x, y, w, h = cell.bbox
    assert changed.any()
    assert columns.min() >= x - 2 and columns.max() <= x + w + 1
    assert rows.min() >= y - 2 and rows.max() <= y + h + 1
    assert not changed[y + h // 2 - 5 : y + h // 2 + 5, x + w // 2 - 5 : x + w // 2 + 5].any()


def test_another_heat_map_is_of_the_same_reading(reader: Reader, files: list[Path]) -> None:
    cell = reader.read(files[0]).cells[0]
    other = reader.explain(cell, "hires-cam")
    assert other.method == "hires-cam" and other.logit == cell.logit
    alone = Reader(reader.run, "hires-cam").read(files[0]).cells[0]
    assert other.heat_map.values == pytest.approx(alone.heat_map.values, abs=1e-5)
    assert reader.judge(other).method == "hires-cam"


def test_the_picture_of_a_row_shows_what_is_lit() -> None:
    frame = np.zeros((300, 500, 3), np.uint8)
    frame[40:140, 200:250] = (200, 80, 160)  # (h, w) = (100, 50)
    head, data = str(thumbnails.in_row(encode(frame))).split(",")
    assert head == "data:image/jpeg;base64"
    shown = decode(base64.b64decode(data))
    assert shown.shape == (thumbnails.IN_ROW, thumbnails.IN_ROW // 2, 3)
    assert np.abs(shown.astype(int) - (200, 80, 160)).max() < 12
    assert thumbnails.in_row(encode(np.zeros((64, 64, 3), np.uint8))) is not None
    assert thumbnails.in_row(b"no picture") is None


def test_a_tile_shows_a_cell_at_its_scale_and_any_other_picture_whole() -> None:
    cell = np.zeros((450, 450, 3), np.uint8)
    cell[150:300, 150:300] = (120, 60, 140)
    shown = decode(thumbnails.tile(cell))
    assert shown.shape == (180, 180, 3)
    assert 0.32 < (shown.max(axis=2) > 60).any(axis=0).mean() < 0.35  # 150 of 448 pixels
    for shape in ((100, 200), (900, 1800)):
        picture = np.full((*shape, 3), 200, np.uint8)
        picture[:, -1] = picture[:, 0] = (200, 120, 200)
        shown = decode(thumbnails.tile(picture)).max(axis=2) > 60
        assert shown.any(axis=0).all() and 0.49 < shown.any(axis=1).mean() < 0.51
