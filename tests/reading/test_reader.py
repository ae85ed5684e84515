"""Reading images with a finished run, and refusing what it cannot know."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.data.geometry import Geometry, fit, window
from core.data.images import decode, encode
from core.errors import ConfigError, RunError
from core.explain.cam_methods import METHODS
from core.reading.reader import Reader
from core.runs import config, run_store
from core.runs.run_store import Run
from tests.conftest import PROJECT
from tests.factories.bad_images import write_bad_images

READABLE = {
    "sixteen_bit_rgb.png",
    "sixteen_bit_rgb.tif",
    "cmyk.jpg",
    "cmyk.tif",
    "transparent.png",
    "palette.png",
}


@pytest.fixture(scope="session")
def cell_file(demo_root: Path) -> Path:
    return sorted(demo_root.rglob("*_all.bmp"))[0]


def test_a_cell_is_read_with_the_probability_its_run_stored(
    reader: Reader, finished_run: Run, demo_root: Path
) -> None:
    table = finished_run.predictions.set_index("image_id")
    for image_id, row in table.iloc[::20].iterrows():
        reading = reader.read(demo_root / str(image_id))
        assert reading.kind == "cell" and len(reading.cells) == 1
        assert reading.cells[0].probability == pytest.approx(row["probability"], abs=1e-5)
        side = "ALL" if row["probability"] >= 0.5 else "HEM"
        assert reading.cells[0].leaning == side
        assert reading.cells[0].call == ("review" if reading.cells[0].doubts else side)


def test_the_box_holds_the_cell_and_the_heat_lies_on_the_picture(
    reader: Reader, cell_file: Path
) -> None:
    image = decode(cell_file)
    cell = reader.read(cell_file).cells[0]
    x, y, w, h = cell.bbox
    rows, columns = np.nonzero(image.max(axis=2) > 16)
    assert x <= np.median(columns) <= x + w and y <= np.median(rows) <= y + h
    assert cell.image.shape == cell.overlay.shape == (448, 448, 3)
    if cell.heat is not None:
        assert cell.heat.shape == (448, 448) and cell.heat.max() <= 1 and cell.heat.min() >= 0


@pytest.mark.slow
def test_a_judgement_is_of_the_map_that_was_read_and_apart_from_reading(
    finished_run: Run, cell_file: Path
) -> None:
    reader = Reader(finished_run, "hires-cam")
    reading = reader.read(cell_file)
    assert "head" not in vars(reader._engine)  # compiled by the first judgement
    cell = reading.cells[0]
    judged = reader.judge(cell)
    assert judged == reader.judge(cell) and judged.method == "hires-cam"
    assert judged.badge in {"supported", "weak", "do not rely on it"} and judged.reason
    said = reading.to_json(reader.judge)["cells"][0]
    assert said["cam"] == judged.to_json() and said["trust"] == judged.details()
    assert said["cam"]["trusted"] is (judged.badge == "supported")
    assert (judged.figures is None) == (cell.heat is None)
    if judged.figures:
        assert 0 <= judged.figures.inside_cell <= 1
    assert Reader(finished_run).cam == "hires-cam"  # which suits its head
    by_channel = Reader(finished_run, "grad-cam").read(cell_file).cells[0]
    assert by_channel.logit == cell.logit and by_channel.method == "grad-cam"
    assert reader.aggregate(cell).heat_map.values.shape == cell.heat_map.values.shape


@pytest.mark.slow
def test_every_heat_map_can_be_read_and_an_unknown_one_is_named(
    finished_run: Run, cell_file: Path
) -> None:
    maps = {}
    for key in METHODS:
        cell = Reader(finished_run, key).read(cell_file).cells[0]
        maps[key] = cell.heat_map.values.tobytes()
        assert cell.overlay.shape == cell.image.shape
    assert len(set(maps.values())) > len(METHODS) - 2
    with pytest.raises(ConfigError, match="'smooth'; it can be grad-cam"):
        Reader(finished_run, "smooth")


def test_scale_is_kept_for_a_cell_in_a_larger_or_smaller_frame(
    reader: Reader, cell_file: Path
) -> None:
    """The final test phase's 600x600 frames, and a tight crop, are the same cell."""
    image = decode(cell_file)
    expected = reader.read(cell_file).cells[0].logit
    for side in (600, 640):
        framed = reader.read(encode(window(image, side)), "framed.png")
        assert framed.cells[0].logit == pytest.approx(expected, abs=1e-5)
    tight = window(image, 360)
    if not image[:45].any() and not image[:, :45].any():
        assert reader.read(encode(tight), "tight.png").cells[0].logit == pytest.approx(expected)


def test_bad_files_are_refused_in_a_sentence_and_odd_ones_are_read(
    reader: Reader, cell_file: Path, tmp_path: Path
) -> None:
    expected = reader.read(cell_file).cells[0].probability
    for name, file in write_bad_images(tmp_path, decode(cell_file)).items():
        reading = reader.read(file)
        if name in READABLE:
            assert reading.kind == "cell", (name, reading.reason)
            if name != "palette.png":
                assert reading.cells[0].probability == pytest.approx(expected, abs=0.05), name
        else:
            assert reading.kind == "refused" and not reading.cells, name
            assert reading.reason and "\n" not in reading.reason and len(reading.reason) < 300, name
    assert reader.read(cell_file).cells[0].probability == expected


def test_a_run_that_has_not_finished_cannot_read() -> None:
    run = run_store.create(config.create("cnn-16", Path("data"), "recommended"), "unfinished")
    with pytest.raises(RunError, match="is queued; only a run that succeeded"):
        Reader(run)


@pytest.mark.process
def test_a_first_reading_in_a_fresh_process_needs_no_tensorflow(
    finished_run: Run, cell_file: Path
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from core.reading.reader import Reader; from core.runs import run_store\n"
        f"reading = Reader(run_store.get({finished_run.run_id!r})).read(Path({str(cell_file)!r}))\n"
        "print(reading.kind, 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["cell", "False", "False"], done.stderr


def test_the_classifier_input_is_what_training_saw(reader: Reader, cell_file: Path) -> None:
    """The reader and the pixel cache prepare pixels by one and the same function."""
    image = decode(cell_file)
    direct = reader._engine(fit(image, Geometry())[None]).logit[0]
    assert reader.read(cell_file).cells[0].logit == pytest.approx(float(direct))
