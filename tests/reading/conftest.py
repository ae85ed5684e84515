"""What the tests of readings share."""

from pathlib import Path

import numpy as np
import pytest

from core.data.images import decode
from core.reading.reader import Reader
from core.runs.run_store import Run


@pytest.fixture
def reader(finished_run: Run) -> Reader:
    return Reader(finished_run)


@pytest.fixture(scope="session")
def cell(demo_root: Path) -> np.ndarray:
    """A synthetic cell of usual size that no check refuses."""
    return decode(sorted(demo_root.rglob("*_all.bmp"))[0])
