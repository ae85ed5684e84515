"""What the tests of cohorts share: a shipped run, and drawn cells."""

from pathlib import Path

import pytest

from core.data.images import encode
from core.data.synthetic.white_cell import draw_cell
from core.runs.run_store import Run
from tests.factories.archives import shipped_run


@pytest.fixture
def run(artifacts: Path) -> Run:
    """A shipped run, in the artifacts folder of this test."""
    return shipped_run("demo-colour-bands")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 cells of four patients, named as those of C-NMC (read only)."""
    folder = tmp_path_factory.mktemp("cells")
    for number in range(60):
        subject, label = [("1", 1), ("2", 1), ("H1", 0), ("H2", 0)][number % 4]
        image = draw_cell(subject=subject, cell=number, label=label)
        name = f"UID_{subject}_1_{number}_{'all' if label else 'hem'}.bmp"
        (folder / name).write_bytes(encode(image, "BMP"))
    return folder
