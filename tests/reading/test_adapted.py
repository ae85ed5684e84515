"""Cells of another stain, read as if they were stained like the reference cells."""

import csv
import io
import shutil
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.cells.detection.detect import detect
from core.cells.detection.tiles import Whole
from core.data.images import decode, encode
from core.data.synthetic.smear_field import draw_field
from core.evaluation.staining import recolour
from core.explain.trust import SUPPORTED, WEAK, Figures, Judgement
from core.metrics.calibration_curves import logistic
from core.reading import table
from core.reading.checked_picture import examine
from core.reading.checks import CHECKS
from core.reading.fields import export
from core.reading.fields.reader import model_input, read_field, single
from core.reading.picture import read_picture
from core.reading.preparing import adapted
from core.reading.preparing.options import ReadingOptions
from core.reading.reader import Reader
from core.runs.calibration import Band
from core.runs.run_store import Run
from core.runs.stain import AdaptationCost

ADAPT = ReadingOptions(adapt_stain=True)
# Dyes that let twice as much of the blue light through.
OTHER = np.diag([1.0, 1.0, 0.5]), np.zeros(3)
CHEAP, DEAR = (AdaptationCost(change=change, cells=60, groups=20, stains=4) for change in (0.1, 2))


@pytest.fixture
def other(cell: np.ndarray) -> np.ndarray:
    """The cell in another stain."""
    return recolour(cell, *OTHER)


@pytest.fixture
def run(finished_run: Run, tmp_path: Path) -> Run:
    """A run for which an interval and the cost of adapting were measured."""
    copy = Run(tmp_path / "copy")
    shutil.copytree(finished_run.path, copy.path)
    knots = np.linspace(-6, 6, 41)
    ends = {name: logistic(knots + by).tolist() for name, by in (("low", -0.1), ("high", 0.1))}
    band = Band.parse({"logit": knots.tolist(), **ends})
    copy.calibration.replace(interval=band).write(copy.path / "calibration.json")
    with_cost(copy, CHEAP)
    return copy


def with_cost(run: Run, cost: AdaptationCost | None) -> Reader:
    assert run.stain is not None
    run.stain.replace(adaptation=cost).write(run.stain_file)
    return Reader(run)


def test_it_is_refused_with_an_offer_and_never_adapted_unasked(run: Run, other: np.ndarray) -> None:
    reading = Reader(run).read(encode(other), "other.png")
    assert reading.gate.code == "appearance" and reading.gate.offer == ADAPT
    assert "--adapt-stain" in reading.gate.way_out
    assert reading.prepared is None and not reading.cells


def test_it_is_read_in_the_colours_of_the_training_cells_and_says_so(
    run: Run, other: np.ndarray
) -> None:
    reading = Reader(run).read(encode(other), "other.png", ADAPT)
    assert reading.kind == "cell", reading.reason
    (cell,) = reading.cells
    stain = run.stain
    assert stain is not None and cell.adapted
    np.testing.assert_array_equal(cell.unadapted, other[1:449, 1:449])
    np.testing.assert_array_equal(cell.image, stain.colours(other)[1:449, 1:449])
    assert adapted.ADAPTED in reading.prepared.words and not reading.prepared.cut_out
    figures = reading.gate.figures
    assert figures["appearance"] <= figures["appearance_limit"] < figures["own_appearance"]
    said = reading.to_json(Reader(run).judge)
    assert said["cells"][0]["adapted_stain"] is True and adapted.ADAPTED in said["prepared"]


@pytest.mark.slow
def test_a_picture_of_it_that_is_passed_on_alone_says_so(run: Run, other: np.ndarray) -> None:
    (cell,) = Reader(run).read(encode(other), "other.png", ADAPT).cells
    figures = Figures(1.0, 0.0, 0.0, None)  # type: ignore[arg-type]
    believed, doubted = (Judgement("", badge, "", figures) for badge in (SUPPORTED, WEAK))
    assert cell.stamp_of(believed) == "COLOURS ADAPTED"
    assert cell.stamp_of(doubted) == "COLOURS ADAPTED; HEAT MAP: WEAK"
    assert replace(cell, unadapted=None).stamp_of(believed) == ""
    items = [("other.png", encode(other))]
    with zipfile.ZipFile(io.BytesIO(table.zipped([Reader(run)], items, ADAPT))) as archive:
        outlined = decode(archive.read("pictures/0001_other_adapted_outline.png"))
    for picture, plain in ((cell.stamped(believed), cell.overlay), (outlined, cell.outlined)):
        changed = np.flatnonzero((picture != plain).any(axis=(1, 2)))
        assert len(changed) and changed.min() > 0.8 * len(picture)


def test_its_interval_is_wider_by_what_adapting_cost(run: Run, other: np.ndarray) -> None:
    cheap, dear, unknown = (
        with_cost(run, cost).read(encode(other), "other.png", ADAPT).cells[0]
        for cost in (CHEAP, DEAR, None)
    )
    calibration = run.calibration
    assert cheap.interval and dear.interval and cheap.logit == dear.logit == unknown.logit
    usual = calibration.interval_at(cheap.logit)
    ends = [usual, cheap.interval, dear.interval]
    assert all(wider[0] <= it[0] and it[1] <= wider[1] for it, wider in pairwise(ends))
    assert cheap.interval != dear.interval
    assert dear.interval[0] < calibration.threshold < dear.interval[1]
    assert dear.call == "review" and adapted.ACROSS in dear.doubts
    assert unknown.interval is None and unknown.call == "review"
    assert unknown.doubts == (adapted.LEFT, adapted.NOT_MEASURED)
    assert cheap.call == "review" and cheap.leaning in ("ALL", "HEM")
    low, high = cheap.interval
    crosses = low <= calibration.threshold <= high
    assert cheap.doubts == ((adapted.LEFT, adapted.ACROSS) if crosses else (adapted.LEFT,))


def test_it_is_never_a_bare_call_whatever_the_model(run: Run, other: np.ndarray) -> None:
    free = AdaptationCost(change=0.0, cells=60, groups=20, stains=4)
    for interval in (run.calibration.interval, None):
        run.calibration.replace(interval=interval).write(run.path / "calibration.json")
        for threshold in (1e-6, 1 - 1e-6):  # far from the probability
            run.calibration.replace(threshold=threshold).write(run.path / "calibration.json")
            (cell,) = with_cost(run, free).read(encode(other), "other.png", ADAPT).cells
            assert (cell.call, cell.doubts) == ("review", (adapted.LEFT,))
            assert (cell.interval is None) == (interval is None)


def test_a_cell_that_is_not_refused_is_read_as_it_is(run: Run, cell: np.ndarray) -> None:
    reader = Reader(run)
    plain, asked = (
        reader.read(encode(cell), "cell.png", options) for options in (ReadingOptions(), ADAPT)
    )
    assert not asked.cells[0].adapted and asked.prepared is None
    assert asked.cells[0].logit == plain.cells[0].logit


def test_other_reasons_are_not_offered_it(run: Run, other: np.ndarray) -> None:
    reader = Reader(run)
    blurred = cv2.GaussianBlur(other, (0, 0), 6) * other.any(axis=2, keepdims=True)
    dark = (other * 0.25).astype(np.uint8)
    for picture in (blurred, dark, np.zeros_like(other)):
        for options in (ReadingOptions(), ADAPT):
            gate = reader.read(encode(picture), "no.png", options).gate
            assert gate.code not in (None, "appearance") and gate.offer is None
            assert "stained like" not in gate.sentence


def test_without_colours_of_training_cells_nothing_is_offered(run: Run, other: np.ndarray) -> None:
    run.stain_file.unlink()
    gate = Reader(run).read(encode(other), "other.png", ADAPT).gate
    assert gate.code == "appearance" and gate.offer is None
    assert "stained like" not in gate.way_out


def test_what_is_still_unlike_the_training_cells_stays_refused(run: Run, other: np.ndarray) -> None:
    reader = Reader(run)
    for limit, code in (({"limit": 0.0}, "known"), ({"appearance_limit": 0.0}, "appearance")):
        picture = reader.picture(other)
        assert picture.reference is not None
        picture.reference = replace(picture.reference, **limit)
        picture.hear(ADAPT, ())
        gate = examine(picture, CHECKS)
        assert gate.code == code and gate.offer is None
        assert "even with its colours adapted" in gate.reason
        unasked = reader.picture(other)
        unasked.reference = picture.reference
        gate = examine(unasked, CHECKS)  # what would not help is not offered
        assert gate.code == "appearance" and gate.offer is None and unasked.unadapted is None
        assert adapted.IN_VAIN in gate.reason and "stained like" not in gate.way_out


@pytest.fixture
def field_image() -> np.ndarray:
    """A smear field whose whole picture is in another stain."""
    image = draw_field(seed=3, blasts=3, lymphocytes=3, size=(640, 860)).image
    density = -np.log(np.maximum(image, 1) / 255.0) @ np.diag([1.0, 1.0, 0.5])
    return np.clip(np.rint(255 * np.exp(-density)), 1, 255).astype(np.uint8)


@pytest.mark.slow
def test_cells_of_a_field_are_read_so_and_marked_everywhere(
    run: Run, field_image: np.ndarray, tmp_path: Path
) -> None:
    reader, region, field = Reader(run), Whole(field_image), detect(field_image)
    before = read_field(reader, region, field, "field.png")
    refused = [cell.number for cell in before.cells if cell.gate.code == "appearance"]
    assert 0 < before.adaptable <= len(refused) and before.counts.adapted == 0
    after = read_field(reader, region, field, "field.png", adapt_stain=True, before=before)
    marked = [cell.number for cell in after.cells if cell.adapted]
    assert marked == refused and after.adaptable == 0
    read = [number for number in marked if after.find(number).call]
    assert len(read) == after.counts.adapted == before.adaptable
    for cell in before.cells:  # the others are as they were
        assert cell.adapted or cell.number in refused or after.find(cell.number) == cell
    alone = single(reader, region, after, read[0])
    assert alone.cells[0].adapted and adapted.ADAPTED in alone.prepared.words
    assert alone.cells[0].logit == pytest.approx(after.find(read[0]).logit, abs=1e-4)
    np.testing.assert_array_equal(model_input(reader, region, after, read[0]), alone.cells[0].image)
    rows = list(csv.DictReader(io.StringIO(export.to_csv([after]))))
    assert [row["number"] for row in rows if row["adapted_stain"] == "1"] == list(map(str, marked))
    annotations = export.to_coco([after])["annotations"]
    assert sum(one["attributes"]["adapted_stain"] for one in annotations) == len(marked)
    assert table.field_row(after, "model").adapted_stain
    assert "colours of cells were adapted" in after.summary.corrected.reason
    back = read_field(reader, region, field, "field.png", before=after)
    assert [cell.gate for cell in back.cells] == [cell.gate for cell in before.cells]
    (tmp_path / "field.png").write_bytes(encode(field_image))
    said = read_picture(
        reader,
        tmp_path / "field.png",
        "field.png",
        as_field=True,
        adapt_stain=True,
    ).to_json()
    assert [one["number"] for one in said["cells"] if one["adapted_stain"]] == marked


@pytest.mark.slow
def test_rows_and_pictures_of_many_cells_are_marked(
    run: Run, cell: np.ndarray, other: np.ndarray
) -> None:
    items = [("home.png", encode(cell)), ("other.png", encode(other))]
    reader = Reader(run)
    rows = [row for row, _ in table.rows(reader, items, ADAPT)]
    assert [row.adapted_stain for row in rows] == [False, True]
    assert [row.call != table.NOT_READ for row in rows] == [True, True]
    with zipfile.ZipFile(io.BytesIO(table.zipped([reader], items, ADAPT))) as archive:
        names = [name for name in archive.namelist() if "other" in name]
        text = archive.read("readings.csv").decode("utf-8-sig")
    assert {"pictures/0002_other_original.png", "pictures/0002_other_adapted_cell.png"} <= set(
        names
    )
    assert [row["adapted_stain"] for row in csv.DictReader(io.StringIO(text))] == ["False", "True"]
