"""Models that see whole images: trained, read, and their heat maps held against the cells found."""

import re
from pathlib import Path

import numpy as np
import pytest

from core.audit import ablations
from core.cases import intake
from core.cells.detection.detect import white_cells
from core.data import datasets
from core.data.geometry import Geometry, fit, letterbox
from core.data.images import encode
from core.data.pixel_cache import IMAGE, prepare
from core.data.synthetic.smear_field import draw_field
from core.doctor.diagnoses import examine
from core.errors import ModelError, RunError
from core.evaluation.test_set import TestSet
from core.explain.overlay import resize_heat
from core.reading import picture
from core.reading.cell_reading import Reading
from core.reading.picture import is_large, read_picture, read_small_field
from core.reading.preparing.options import ReadingOptions
from core.reading.reader import Reader
from core.reading.table import rows
from core.report import cohorts, comparison, comparison_tables, phrases
from core.report.card import sections
from core.report.card.render import markdown
from core.runs import config, run_store
from core.runs.run_store import Run
from tests.factories.cohorts import score
from tests.factories.training import train


def _field(seed: int, blasts: int) -> np.ndarray:
    return draw_field(
        seed=seed, blasts=blasts, lymphocytes=2 - blasts, size=(300, 400), scale=0.5
    ).image


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network trained for an epoch on whole fields with two blasts, or with none."""
    root = tmp_path_factory.mktemp("fields")
    for number in range(24):
        blasts = 2 * (number % 2)
        file = root / ("all" if blasts else "hem") / f"p{number // 2}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(_field(number, blasts)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path_factory.mktemp("artifacts")))
        datasets.add(str(root))
        settings = {"epochs": 1, "inputs": "image", "precision": "float32"}
        wanted = config.create("cnn-16", root, "recommended", **settings)
        made = run_store.create(wanted)
        train(made)
    return made


def test_an_image_fits_whole_into_the_square_and_keeps_its_proportions() -> None:
    image = np.full((100, 200, 3), 90, np.uint8)
    for side in (400, 64):
        square = letterbox(image, side)
        assert square.shape == (side, side, 3)
        rows = square.any(axis=(1, 2))
        assert rows.sum() == side // 2 and rows[side // 4] and not rows[side // 4 - 1]
        assert (square[side // 2] == 90).all()


@pytest.mark.slow
def test_the_network_sees_the_whole_image(run: Run) -> None:
    image, geometry = _field(3, 2), Geometry()
    whole = prepare(image, geometry, None, "image")
    assert np.array_equal(whole, letterbox(image, geometry.window))
    assert not np.array_equal(whole, prepare(image, geometry, None))
    assert np.array_equal(Reader(run).picture(image).pixels, fit(whole, run.geometry))


@pytest.mark.slow
def test_an_image_is_read_as_it_is_and_nothing_is_measured_on_it(run: Run) -> None:
    reader = Reader(run)
    reading = reader.read(encode(_field(101, 2)), "field.png")
    assert reading.cells, reading.reason
    cell = reading.cells[0]
    assert cell.whole_image and cell.bbox == (0, 0, 400, 300)
    assert cell.findings == () and cell.doubts == ()
    assert reading.gate.checks[:1] == ("not black",) and "field" not in reading.gate.checks
    black = reader.read(encode(np.zeros((300, 400, 3), np.uint8)), "black.png")
    assert black.gate.code == "not black" and "the image is black" in black.reason


@pytest.mark.slow
def test_a_heat_map_is_judged_by_the_white_cells_that_are_found(run: Run) -> None:
    reader = Reader(run)
    cell = reader.read(encode(_field(101, 2)), "field.png").cells[0]
    judged = reader.judge(cell)
    lit = cell.image.any(axis=(1, 2))  # between black bars, which the search does not see
    assert not lit.all() and not cell.region[~lit].any()
    assert cell.region.any() and np.array_equal(cell.region[lit], white_cells(cell.image[lit]))
    if cell.heat is not None:
        side = (224, 224)
        heat = resize_heat(cell.heat_map.values, side)
        share = heat[cell.region[::2, ::2]].sum() / heat.sum()
        assert judged.figures is not None
        assert judged.figures.inside_cell == pytest.approx(share, abs=0.05)
    empty = reader.read(encode(draw_field(seed=5, blasts=0, lymphocytes=0).image), "glass.png")
    if empty.cells:
        assert "No white cell was found" in reader.judge(empty.cells[0]).reason


def test_the_colours_of_a_whole_image_are_never_adapted(run: Run) -> None:
    reader = Reader(run)
    foreign = encode(255 - _field(101, 2))
    assert run.stain is not None
    for options in (ReadingOptions(), ReadingOptions(adapt_stain=True)):
        refused = reader.read(foreign, "foreign.png", options)
        assert refused.gate.code == "appearance" and refused.gate.offer is None
        assert refused.prepared is None and "adapted" not in refused.gate.reason


def test_a_large_image_is_read_whole_too_and_no_field_is_looked_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, image = Reader(run), _field(101, 2)
    file = tmp_path / "large.png"
    file.write_bytes(encode(image))
    assert not is_large(file, file.name)
    monkeypatch.setattr(picture, "SCAN_FROM", image.shape[0] * image.shape[1])
    assert is_large(file, file.name)
    assert isinstance(read_picture(reader, file, file.name), Reading)
    ((row, reading),) = rows(reader, [(file.name, file)])
    assert row.read_as == ("whole image" if reading.cells else "nothing") and reading.kind in (
        "cell",
        "refused",
    )


def test_the_cells_of_a_field_and_the_controls_are_refused(run: Run) -> None:
    with pytest.raises(ModelError, match="sees whole images, not the cells of a field"):
        read_small_field(Reader(run), encode(_field(7, 2)), "field.png")
    with pytest.raises(RunError, match="no outline and no size"):
        ablations.require_auditable(run, "controls")


@pytest.mark.slow
def test_what_is_counted_is_called_images(run: Run, tmp_path: Path) -> None:
    data = encode(_field(101, 2))
    read = intake.read(Reader(run), "whole.png", data)
    assert read.columns["kind"] == IMAGE and len(read.cells) == 1
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "whole.png").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(run.path.parent.parent))
        summary = score(run, folder, tmp_path / "out").summary
    assert summary is not None and summary.item == IMAGE
    assert "1 read whole, 0 refused" in cohorts.sentence(summary)
    test = TestSet.load(run)
    assert phrases.test_cells(test).startswith(f"{len(test.cells)} images of")
    assert "Test images" in comparison_tables.numbers(comparison.rows([test]))
    card = markdown(sections.build(run, []))
    assert "images of" in card and not re.search(r"\d cells|(test|every|its) cells?\b", card, re.I)
    found = " ".join(f"{one.title} {one.evidence} {one.advice}" for one in examine(run))
    assert "images" in found and "cell" not in found
