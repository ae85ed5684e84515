"""The whole way in a real browser: start the app, upload a cell, see probability and overlay."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# No sandbox, because CI runs as root; no background traffic, because tests reach only localhost.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the system has no chromium; install it to run the browser test"
)


@pytest.fixture
def app_url(workspace: Path, tmp_path: Path) -> Iterator[str]:
    """The app served from a process of its own, on a free port."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    with (tmp_path / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        options = ["--server.headless=true", f"--server.port={port}"]
        server = subprocess.Popen(
            command + options, cwd=PROJECT, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2)
                    break
                except OSError:
                    assert server.poll() is None and time.monotonic() < deadline
                    time.sleep(0.2)
            yield f"http://localhost:{port}"
        finally:
            server.terminate()
            server.wait(20)
    said = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "Traceback" not in said, said[-2000:]


@pytest.mark.parametrize("width", [1280, 400])
def test_a_cell_is_uploaded_and_read(app_url: str, demo_root: Path, width: int) -> None:
    from playwright.sync_api import expect, sync_playwright

    cell = sorted(demo_root.rglob("*_all.bmp"))[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 800})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{app_url}/predict")
        expect(page.get_by_role("heading", name="Predict")).to_be_visible(timeout=30_000)
        if width > 1000:  # narrower windows fold the navigation away
            expect(page.get_by_role("link", name="Compare")).to_be_visible()
        page.locator("input[type=file]").set_input_files(cell)
        expect(page.get_by_text("The model suggests")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("Probability of ALL")).to_be_visible()
        picture = page.get_by_alt_text(f"The cell {cell.name}", exact=False)
        expect(picture).to_be_visible()
        plain = picture.get_attribute("src")
        # The overlay appears and goes with its switch, whatever the trust in it.
        page.get_by_text("Show where the evidence lies").click()
        expect(picture).not_to_have_attribute("src", plain or "")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0
        browser.close()
    assert errors == []
