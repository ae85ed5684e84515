"""What the tests of readings share."""

from pathlib import Path

import numpy as np
import pytest

from core.cells.detection.detect import Cell, Field
from core.cells.detection.red_cells import Ruler
from core.cells.detection.tiles import Whole
from core.data.images import decode
from core.data.synthetic.smear_field import draw_field
from core.reading.fields.reader import read_field
from core.reading.fields.reading import FieldReading
from core.reading.reader import Reader
from core.runs.run_store import Run
from tests.factories.small_fields import SCALE


@pytest.fixture
def reader(finished_run: Run) -> Reader:
    return Reader(finished_run)


@pytest.fixture(scope="session")
def cell(demo_root: Path) -> np.ndarray:
    """A synthetic cell of usual size that no check refuses."""
    return decode(sorted(demo_root.rglob("*_all.bmp"))[0])


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return draw_field(seed=3, blasts=3, lymphocytes=3, size=(480, 640), scale=SCALE).image


@pytest.fixture(scope="module")
def field(image: np.ndarray) -> Field:
    """The cells as they were drawn, so that nothing here depends on how well they are found."""
    drawn = draw_field(seed=3, blasts=3, lymphocytes=3, size=(480, 640), scale=SCALE)
    cells = []
    for number, one in enumerate(drawn.objects[:6], 1):
        x, y, w, h = one.bbox
        mask = (drawn.instances == number)[y : y + h, x : x + w]
        nucleus = mask & (drawn.mask == 255)[y : y + h, x : x + w]
        cells.append(Cell(one.bbox, mask, nucleus, int(mask.sum()), 1.0, one.cut))
    return Field(tuple(cells), Ruler(125 * SCALE, 9), image.shape[:2])


@pytest.fixture
def reading(reader: Reader, image: np.ndarray, field: Field) -> FieldReading:
    return read_field(reader, Whole(image), field, "field.png")


@pytest.fixture
def engine_saw(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many cells each call of the engine was given."""
    seen: list[int] = []
    run = Reader.run_together

    def counted(self: Reader, subjects: list) -> None:  # type: ignore[type-arg]
        seen.append(len(subjects))
        run(self, subjects)

    monkeypatch.setattr(Reader, "run_together", counted)
    return seen
