"""The system's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core import extras
from core.errors import ConfigError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = ["--no-sandbox", "--disable-gpu"]


@contextmanager
def chromium() -> "Iterator[Browser]":
    """A headless browser. Raises `ConfigError` without Playwright or without Chromium."""
    extras.require("playwright", "dev", "Driving the browser")
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise ConfigError("There is no chromium on this machine. Install it to drive the app.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
