"""Each trick on the insides of Python and of libraries works, and what it leans on is there."""

import io
import re
import subprocess
import sys

import pytest
from reportlab.pdfgen.canvas import Canvas

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


def test_a_file_is_attached_to_a_pdf_as_it_is() -> None:
    canvas = Canvas(buffer := io.BytesIO())
    canvas.drawString(0, 0, "A page.")
    compat.attach_to_pdf(canvas, "data.json", b'\n{"a": "<&>"}\n')
    canvas.save()
    file = buffer.getvalue()
    form = rb"(\d+ 0) obj\n<<[^>]*/EmbeddedFile[^>]*>>\nstream\n(.*?)endstream"
    stream = re.search(form, file, re.DOTALL)
    assert stream is not None and stream[2] == b'\n{"a": "<&>"}\n'
    assert re.search(rb"/EF <<\s*/F %b R" % stream[1], file)
    assert b"/EmbeddedFiles" in file and b"(data.json)" in file


def test_the_address_of_ray_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("RAY_ADDRESS", "10.1.2.3:6379")
    assert compat.ray_address() == "10.1.2.3:6379"
    monkeypatch.delenv("RAY_ADDRESS")
    monkeypatch.setenv("RAY_TMPDIR", "/nowhere")  # where `ray start` writes
    assert compat.ray_address() is None
