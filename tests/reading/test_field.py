"""Whole fields: each cell read like any other, edits, exports, and the command line."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.cells import annotations
from core.cells.detection.detect import Field
from core.cells.detection.red_cells import Ruler
from core.cells.detection.tiles import Whole
from core.cli import main
from core.data.geometry import fit
from core.data.images import decode, encode
from core.reading.fields import drawing, export
from core.reading.fields import reader as fields
from core.reading.fields.edits import Edit
from core.reading.fields.reader import model_input, read_field
from core.reading.fields.reading import CUT, NOT_READ, FieldReading
from core.reading.reader import Reader
from core.runs.run_store import Run
from tests.factories.small_fields import UM_PER_PX, around, states


def test_each_whole_cell_is_read_or_refused_with_a_reason_and_the_counts_add_up(
    reading: FieldReading, field: Field
) -> None:
    assert [one.number for one in reading.cells] == list(range(1, 7))
    assert reading.um_per_px == pytest.approx(UM_PER_PX)
    assert reading.scale_by == fields.BY_RED_CELLS
    for one in reading.cells:
        assert (one.state == CUT) == one.cell.touches_border
        assert (one.probability is None) == (one.state in (CUT, NOT_READ))
        assert one.gate.passed or one.gate.sentence
    counts = reading.counts
    assert counts.found == 6 == counts.cut + counts.read + sum(counts.refused.values())
    assert counts.read > 0, states(reading)
    assert counts.blasts + counts.hem + counts.review == counts.read
    assert sum(reading.review_reasons.values()) == counts.review


def test_the_engine_says_of_a_cell_what_it_says_of_its_picture(
    reading: FieldReading, reader: Reader, image: np.ndarray
) -> None:
    for one in reading.cells:
        if one.probability is None:
            continue
        pixels = model_input(reader, Whole(image), reading, one.number)
        assert pixels is not None and pixels.shape == (448, 448, 3)
        alone = reader._engine(fit(decode(encode(pixels)), reader._geometry)[None])
        assert one.logit == pytest.approx(float(alone.logit[0]), abs=1e-3)
        said = fields.single(reader, Whole(image), reading, one.number)
        assert said.kind == "cell" and said.cells[0].call == one.call
        assert said.cells[0].probability == pytest.approx(one.probability, abs=1e-3)


def test_a_cell_that_was_not_read_says_why_when_looked_at(
    reader: Reader, image: np.ndarray, field: Field
) -> None:
    cut = replace(field, cells=(replace(field.cells[0], touches_border=True),))
    reading = read_field(reader, Whole(image), cut, "field.png")
    said = fields.single(reader, Whole(image), reading, 1)
    assert said.kind == "refused" and "edge of the field" in (said.reason or "")
    assert reading.counts.cut == 1 and reading.counts.read == 0


def test_a_smudge_cell_is_listed_but_read_only_once_a_person_draws_its_box(
    reader: Reader, image: np.ndarray, field: Field, reading: FieldReading
) -> None:
    number = next(one.number for one in reading.cells if one.call is not None)
    cells = [replace(cell, smudged=place == number) for place, cell in enumerate(field.cells, 1)]
    burst = replace(field, cells=tuple(cells))
    after = read_field(reader, Whole(image), burst, "field.png")
    assert after.counts.refused["smudge"] == 1 and after.find(number).state == NOT_READ
    assert "smudge cell" in (after.find(number).gate.sentence or "")
    said = fields.single(reader, Whole(image), after, number)
    assert said.kind == "refused" and "smudge cell" in (said.reason or "")
    edits = (Edit("redraw", number, around(field.cells[number - 1])),)
    again = read_field(reader, Whole(image), burst, "field.png", edits=edits, before=after)
    assert again.find(number).gate.code != "smudge"
    same = {one.number: one.state for one in again.cells if one.number != number}
    assert same == {n: state for n, state in states(reading).items() if n != number}


def test_without_a_ruler_nothing_is_read_until_the_scale_is_given(
    reader: Reader, image: np.ndarray, field: Field, reading: FieldReading
) -> None:
    blind = replace(field, ruler=Ruler(None, 1))
    asked = read_field(reader, Whole(image), blind, "field.png")
    assert asked.cells == () and "micrometres a pixel" in (asked.question or "")
    told = read_field(reader, Whole(image), blind, "field.png", um_per_px=UM_PER_PX)
    assert told.question is None and told.scale_by == fields.GIVEN
    assert states(told) == states(reading)
    impossible = read_field(reader, Whole(image), blind, "field.png", um_per_px=20.0)
    assert impossible.cells == () and "cannot be" in (impossible.question or "")


def test_a_field_without_white_cells_says_so(
    reader: Reader, image: np.ndarray, field: Field
) -> None:
    reading = read_field(reader, Whole(image), replace(field, cells=()), "empty.png")
    assert reading.counts.found == 0 and reading.summary.share is None
    assert "No cell was read" in (reading.summary.warning or "")


def test_in_steps_it_reads_the_same(
    reader: Reader, image: np.ndarray, field: Field, reading: FieldReading
) -> None:
    first = read_field(reader, Whole(image), field, "field.png", at_most=2)
    assert first.waiting == 4 and "later" not in first.counts.refused
    rest = read_field(reader, Whole(image), field, "field.png", before=first)
    assert rest.waiting == 0 and states(rest) == states(reading)


def test_exports_hold_every_cell(
    reading: FieldReading, reader: Reader, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS", 50)  # no cell lies within as few
    rows = list(csv.DictReader(io.StringIO(export.to_csv([reading]))))
    assert [int(row["number"]) for row in rows] == [one.number for one in reading.cells]
    assert [row["state"] for row in rows] == [one.state for one in reading.cells]
    coco = json.loads(export.as_json(export.to_coco([reading, reading])))
    assert {image["id"] for image in coco["images"]} == {1, 2}
    assert len({one["id"] for one in coco["annotations"]}) == len(coco["annotations"]) == 12
    for one in coco["annotations"]:
        x, y, w, h = one["bbox"]
        assert one["image_id"] in (1, 2) and one["category_id"] == coco["categories"][0]["id"]
        for polygon in one["segmentation"]:
            assert len(polygon) >= 6 and len(polygon) % 2 == 0
            assert x - 1 <= min(polygon[::2]) and max(polygon[::2]) <= x + w + 1
            assert y - 1 <= min(polygon[1::2]) and max(polygon[1::2]) <= y + h + 1
    packed = export.to_zip(reader, Whole(image), replace(reading, image="=1+1.png"), image)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        mask = decode(archive.read("mask.png"))
        drawn = decode(archive.read("overlay.png"))
        table = archive.read("readings.csv").decode()
    assert {row["image"] for row in csv.DictReader(io.StringIO(table))} == {"'=1+1.png"}
    np.testing.assert_array_equal(mask[:, :, 0], annotations.mask_image(reading.edited))
    assert len(np.unique(mask)) == 3 and mask.shape == image.shape
    assert 0 < (drawn != image).any(axis=2).mean() < 0.3
    assert sum(name.startswith("cells/") for name in names) == 6


def test_places_in_the_shown_picture_and_in_the_field_are_each_others(
    reading: FieldReading,
) -> None:
    box = drawing.in_field((30.0, 10.0), (5.0, 25.0), reading, 320)
    assert box == (20, 10, 40, 40)
    for one in drawing.shown(reading, 320):
        x, y, w, h = one.cell.cell.bbox
        assert one.middle == pytest.approx(((x + w / 2) / 2, (y + h / 2) / 2))
        assert one.outline[:, 0].min() >= x / 2 - 1 and one.outline[:, 0].max() <= (x + w) / 2 + 1


@pytest.mark.slow
def test_the_command_line_reads_a_field(
    finished_run: Run, image: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "field.png"
    file.write_bytes(encode(image))
    arguments = ["read", str(file), "--run", finished_run.run_id, "--json", "--one-patient"]
    assert main([*arguments, "--overlay", str(tmp_path / "heat")]) == 0
    found, total = json.loads(capsys.readouterr().out)
    assert found["kind"] == "field" and found["cells"]
    for cell in found["cells"]:
        assert len(cell["bbox"]) == 4 and {"probability", "interval", "call", "gate"} <= set(cell)
        assert (cell["cam"] is None) == (cell["call"] is None)
    summary = found["summary"]
    assert summary["found"] == len(found["cells"])
    assert summary["found"] == summary["cut_by_border"] + summary["read"] + summary["refused"]
    assert total["kind"] == "patient" and total["summary"]["found"] == summary["found"]
    assert Path(found["overlay"]).is_file()
