"""What browser tests share: the app on the shared workspace, and a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories.served import CHROMIUM, FLAGS, free_port, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def _served(
    _workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    log = tmp_path_factory.mktemp("served") / "server.log"
    with serve(log, free_port(), {"BLASTLENS_ARTIFACTS": str(_workspace)}) as url:
        yield url, log


@pytest.fixture
def app_url(_served: tuple[str, Path], workspace: Path) -> Iterator[str]:
    """The address of the app on the shared workspace; nothing a test does there may surprise it."""
    url, log = _served
    before = log.stat().st_size
    yield url
    said = log.read_bytes()[before:].decode()
    assert "Traceback" not in said, said[-2000:]


@pytest.fixture(scope="package")
def chromium() -> "Iterator[Browser]":
    """A browser for the tests of this folder, each of which opens a window of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
