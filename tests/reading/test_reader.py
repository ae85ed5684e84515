"""Reading images with a finished run, and refusing what it cannot know."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.data.images import Geometry, decode, encode, fit, window
from core.errors import RunError
from core.reading.gate import check
from core.reading.reader import Reader
from core.runs import config, store
from core.runs.store import Run
from tests.bad_images import write_bad_images
from tests.conftest import PROJECT

PURPLE = (90, 40, 110)
READABLE = {
    "sixteen_bit_rgb.png",
    "sixteen_bit_rgb.tif",
    "cmyk.jpg",
    "cmyk.tif",
    "transparent.png",
    "palette.png",
}


@pytest.fixture
def reader(finished_run: Run) -> Reader:
    return Reader(finished_run)


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
        assert reading.cells[0].call == ("ALL" if row["probability"] >= 0.5 else "HEM")


def test_the_box_holds_the_cell_and_the_heat_lies_on_the_picture(
    reader: Reader, cell_file: Path
) -> None:
    image = decode(cell_file)
    cell = reader.read(cell_file).cells[0]
    x, y, w, h = cell.bbox
    rows, columns = np.nonzero(image.max(axis=2) > 16)
    assert x <= np.median(columns) <= x + w and y <= np.median(rows) <= y + h
    assert cell.image.shape == cell.overlay.shape == (450, 450, 3)
    if cell.heat is None:
        assert cell.cam.trusted is False and cell.cam.inside_cell is None
    else:
        assert cell.heat.shape == (450, 450) and cell.heat.max() <= 1 and cell.heat.min() >= 0
        assert 0 <= (cell.cam.inside_cell or 0) <= 1


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


def on_black(*discs: tuple[int, int, int], side: int = 450, colour: tuple = PURPLE) -> np.ndarray:
    """Filled discs (x, y, radius) on black."""
    picture = np.zeros((side, side, 3), np.uint8)
    for x, y, radius in discs:
        cv2.circle(picture, (x, y), radius, colour, cv2.FILLED)
    return picture


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (on_black(), "the image is black"),
        (np.full((450, 450, 3), 230, np.uint8), "black background"),
        (np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8), "black background"),
        (on_black((225, 225, 10)), "less than"),
        (on_black((270, 270, 235), side=540), "more than"),
        (on_black((130, 225, 80), (320, 225, 80)), "more than one region"),
        (on_black((300, 300, 100), side=1200), "outside the middle"),
        (on_black((225, 225, 100), colour=(255, 255, 255)), "purple"),
        (on_black((225, 225, 100), colour=(40, 160, 60)), "purple"),
        (on_black((225, 225, 100), colour=(90, 90, 90)), "purple"),
    ],
)
def test_what_is_not_one_stained_cell_on_black_is_refused_before_any_probability(
    reader: Reader, picture: np.ndarray, words: str
) -> None:
    reading = reader.read(encode(picture), "picture.png")
    assert reading.kind == "refused" and words in (reading.reason or "")


def test_a_purple_disc_passes_so_the_refusals_above_have_their_own_reasons(reader: Reader) -> None:
    assert reader.read(encode(on_black((225, 225, 100))), "disc.png").kind == "cell"


def test_real_cells_pass_the_gate_and_real_fields_do_not(real_data: Path) -> None:
    from core.cells.segment import cell_mask

    def passes(file: Path) -> bool:
        image = decode(file)
        return check(image, cell_mask(image), Geometry()).passed

    cells = sorted((real_data / "cnmc_sample").rglob("*.bmp"))
    fields = sorted((real_data / "bccd_fields").rglob("*.jpg"))[:40]
    smears = [file for file in sorted((real_data / "smears").iterdir()) if file.suffix != ".md"]
    assert len(cells) == 55 and fields and smears
    assert sum(map(passes, cells)) >= 0.95 * len(cells)
    assert not any(map(passes, fields + smears))


def test_a_run_that_has_not_finished_cannot_read() -> None:
    run = store.create(config.create("cnn-16", Path("data"), "recommended"), "unfinished")
    with pytest.raises(RunError, match="is queued; only a run that succeeded"):
        Reader(run)


def test_a_first_reading_in_a_fresh_process_needs_no_tensorflow(
    finished_run: Run, cell_file: Path
) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from core.reading.reader import Reader; from core.runs import store\n"
        f"reading = Reader(store.get({finished_run.run_id!r})).read(Path({str(cell_file)!r}))\n"
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
