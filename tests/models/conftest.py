"""Cells that tests of several networks look at."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.data.geometry import Geometry
from tests.factories.trees import fitted_cells

if TYPE_CHECKING:
    pass


@pytest.fixture(scope="module")
def cells(demo_root: Path) -> np.ndarray:
    return fitted_cells(demo_root, Geometry())
