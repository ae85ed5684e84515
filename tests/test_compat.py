"""Each trick on the insides of Python and of libraries works, and what it leans on is there."""

import subprocess
import sys

import pytest

from core import compat
from tests.conftest import PROJECT


@pytest.mark.process
def test_nothing_is_reported_to_openvinos_maker() -> None:
    script = (
        "import core\nfrom openvino.tools.ovc import convert_impl, telemetry_utils\n"
        "print(convert_impl.tm.__name__, telemetry_utils.tm.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub"] * 2, done.stderr


def test_open_progress_bars_are_found() -> None:
    from tqdm import tqdm

    with tqdm(total=7, disable=False) as bar:
        assert bar in compat.progress_bars()
    assert bar not in compat.progress_bars()


def test_a_cached_property_is_worked_out_once() -> None:
    class Circle:
        calls = 0

        @compat.cached_property
        def area(self) -> float:
            """Its area."""
            self.calls += 1
            return 3.14

    circle = Circle()
    assert (circle.area, circle.area, circle.calls) == (3.14, 3.14, 1)
    assert Circle.area.__doc__ == "Its area."
