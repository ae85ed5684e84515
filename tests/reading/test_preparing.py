"""What is done to a picture before it is checked, and what is said of it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.data.images import decode, encode
from core.reading.reader import Reader, Reading
from core.reading.table import CELL, read_as
from core.runs.run_store import Run


@pytest.fixture
def reader(finished_run: Run) -> Reader:
    return Reader(finished_run)


@pytest.fixture(scope="session")
def cell(demo_root: Path) -> np.ndarray:
    """A synthetic cell of usual size that no check refuses."""
    return decode(sorted(demo_root.rglob("*_all.bmp"))[0])


@pytest.fixture(scope="session")
def real_cells(real_data: Path) -> list[np.ndarray]:
    return [decode(file) for file in sorted((real_data / "cnmc_sample").rglob("*.bmp"))]


def read(reader: Reader, image: np.ndarray) -> Reading:
    return reader.read(encode(image), "picture.png")


def test_a_picture_that_was_taken_as_it_is_has_no_notes(reader: Reader, cell: np.ndarray) -> None:
    assert read(reader, cell).prepared is None


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_cell_of_few_significant_bits_is_read_and_the_reading_says_so(
    reader: Reader, cell: np.ndarray, bits: int
) -> None:
    samples = np.round(cell[:, :, ::-1] / 255 * ((1 << bits) - 1)).astype(np.uint16)
    reading = reader.read(cv2.imencode(".png", samples)[1].tobytes(), "camera.png")
    (as_it_was,) = read(reader, cell).cells
    assert reading.cells[0].probability == pytest.approx(as_it_was.probability, abs=0.02)
    assert reading.prepared is not None and read_as(reading) == CELL
    assert f"{bits} significant bits" in reading.prepared.words[0]
    document = reading.to_json(reader.judge)
    assert document["prepared"] == list(reading.prepared.words)
