"""What the tests of teaching share."""

import pytest

from tests.factories.decided_cells import CaseMaker


@pytest.fixture
def make_case() -> CaseMaker:
    """Makes cases that a run read which is gone by now."""
    return CaseMaker()
