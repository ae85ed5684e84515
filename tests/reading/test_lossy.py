"""Cells on black that were stored with loss: read as the same cell stored without."""

import io
from pathlib import Path

import pytest
from PIL import Image

from core.reading.reader import Reader
from core.runs.run_store import Run
from core.settings import PROJECT

RUNS, EXAMPLES = PROJECT / "artifacts" / "runs", PROJECT / "artifacts" / "examples"
MOVED = 0.1  # by what a JPEG loses of the cell itself


@pytest.mark.parametrize("run", ["demo-colour-bands", "demo-cnn-16"])
@pytest.mark.parametrize("options", [{"quality": 95}, {"quality": 90, "subsampling": 0}])
def test_a_jpeg_of_a_cell_is_read_as_its_png_is(run: str, options: dict[str, int]) -> None:
    reader = Reader(Run(RUNS / run))
    for file in sorted(EXAMPLES.glob("*.png"))[:3]:
        stored = reader.read(file, file.name)
        lossy = reader.read(_as_jpeg(file, options), "cell.jpg")
        assert stored.gate.code == lossy.gate.code is None
        moved = lossy.cells[0].probability - stored.cells[0].probability
        assert abs(moved) < MOVED, (file.name, moved)


def _as_jpeg(file: Path, options: dict[str, int]) -> bytes:
    result = io.BytesIO()
    Image.open(file).convert("RGB").save(result, "JPEG", **options)
    return result.getvalue()
