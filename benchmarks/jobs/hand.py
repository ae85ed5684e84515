"""A hand on the app in a browser, which counts what a job takes."""

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

VIEW = 800  # pixels: the height of a screen
STARTS_MS = 250  # in which a click that runs the script has begun to
ARRIVES_MS = 5_000  # in which an uploaded file has arrived
PATIENCE_MS = 90_000
_RUNNING = "document.querySelector('[data-test-script-state=running]') !== null"
_IDLE = "document.querySelector('[data-test-script-state=notRunning]') !== null"
# Of the page and of what lies over it; a symbol's name is no word.
_WORDS = """() => {
  const over = '[role=dialog], [data-testid=stPopoverBody], [role=listbox]';
  const main = document.querySelector('[data-testid=stMain]');
  const parts = [main, ...[...document.querySelectorAll(over)].filter(
    part => !main.contains(part) && !part.parentElement.closest(over))];
  const symbols = parts.flatMap(
    part => [...part.querySelectorAll('[data-testid=stIconMaterial]')]);
  const shown = symbols.filter(symbol => symbol.checkVisibility());
  return [parts.map(part => part.innerText).join(' '), shown.length];
}"""
# Brings an element into view; how many pixels had to be scrolled for that.
_SCROLL = """element => {
  const boxes = [document.scrollingElement];
  for (let box = element.parentElement; box; box = box.parentElement) boxes.push(box);
  const before = boxes.map(box => box.scrollTop);
  element.scrollIntoView({ block: 'nearest' });
  return boxes.reduce((sum, box, at) => sum + Math.abs(box.scrollTop - before[at]), 0);
}"""


class CannotError(Exception):
    """The job cannot be done in the app; the message says why."""


@dataclass
class Taken:
    """What a job took. words: of all states of the page that were shown on the way, each once.

    screens: scrolled to reach what was clicked or read, in heights of 800 pixels. cannot: why the
    job was not done.
    """

    clicks: int = 0
    keys: int = 0
    uploads: int = 0
    seconds: float = 0.0
    words: int = 0
    screens: float = 0.0
    cannot: str = ""

    def __str__(self) -> str:
        counts = (
            f"{self.clicks} clicks, {self.keys} keys, {self.uploads} uploads, "
            f"{self.seconds:.1f} s, {self.words} words, {self.screens:.1f} screens"
        )
        return f"{counts}; NOT DONE: {self.cannot}" if self.cannot else counts


@dataclass
class Hand:
    """Uses a page as a person does. `clicks_ms` are the times of clicks that ran the script."""

    page: "Page"
    address: str
    taken: Taken = field(default_factory=Taken)
    clicks_ms: list[float] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def open(self, path: str = "") -> None:
        """Opens an address of the app."""
        self.page.goto(f"{self.address}/{path}")
        self.page.get_by_role("heading", level=1).first.wait_for(timeout=PATIENCE_MS)
        self._settle()
        self._look()

    def go(self, name: str) -> None:
        """Goes to a page by the navigation, or by a link of the page where that is folded away."""
        link = self.page.get_by_role("link", name=re.compile(rf"(^|\s){name}$"))
        link.first.wait_for(state="attached", timeout=PATIENCE_MS)
        place = link.first.bounding_box()
        if place is None or place["x"] < 0:  # beside the window
            shown = self.page.get_by_test_id("stMain").locator(f"a[href='{name.lower()}']")
            if shown.count():
                link = shown.filter(visible=True)
            else:
                self.click(self.page.get_by_test_id("stExpandSidebarButton"))
        self.click(link.first)
        self.page.get_by_role("heading", level=1, name=name).wait_for(timeout=PATIENCE_MS)
        self._settle()
        self._look()

    def click(self, target: "Locator", position: tuple[int, int] | None = None) -> None:
        """Clicks on something, once it can be, or at a `position` in a picture, in pixels."""
        self._reach(target)
        started = time.perf_counter()
        if position is None:
            target.click(timeout=PATIENCE_MS)
        elif box := target.bounding_box():
            self.page.mouse.click(box["x"] + position[0], box["y"] + position[1])
        self.taken.clicks += 1
        if self._settle():
            self.clicks_ms.append(1000 * (time.perf_counter() - started))
        self._look()

    def take(self, target: "Locator") -> None:
        """Clicks on the knob of a slider, which then follows the arrow keys."""
        self._reach(target)
        target.focus()
        self.taken.clicks += 1

    def press(self, *keys: str) -> None:
        """Presses keys."""
        for key in keys:
            self.page.keyboard.press(key)
        self.taken.keys += len(keys)
        self._settle()
        self._look()

    def type(self, target: "Locator", text: str) -> None:
        """Clicks into a field, unless the cursor is in it, and types."""
        self._reach(target)
        if not target.evaluate("field => field === document.activeElement"):
            self.click(target)
        target.fill(text)
        self.taken.keys += len(text)

    def upload(self, target: "Locator", files: Sequence[Path]) -> None:
        """Drops files, once, on an uploader within `target`."""
        self._reach(target)
        target.locator("input[type=file]").first.set_input_files(list(files))
        self.taken.uploads += 1
        self._settle(ARRIVES_MS)
        self._look()

    def download(self, target: "Locator") -> bytes:
        """Clicks on a button and takes the file that it makes."""
        with self.page.expect_download(timeout=PATIENCE_MS) as waiting:
            self.click(target)
        return Path(waiting.value.path()).read_bytes()

    def read(self, target: "Locator") -> str:
        """Waits until something is shown, and reads it."""
        self._reach(target)
        self._settle()
        self._look()
        return target.inner_text()

    def _reach(self, target: "Locator") -> None:
        target.wait_for(timeout=PATIENCE_MS)
        self.taken.screens += target.evaluate(_SCROLL) / VIEW

    def _settle(self, starts_ms: int = STARTS_MS) -> bool:
        """Waits while the script runs, if it starts to; whether it did."""
        from playwright.sync_api import TimeoutError

        ran = False
        with suppress(TimeoutError):
            self.page.wait_for_function(_RUNNING, timeout=starts_ms)
            ran = True
        self.page.wait_for_function(_IDLE, timeout=PATIENCE_MS)
        return ran

    def _look(self) -> None:
        text, symbols = self.page.evaluate(_WORDS)
        words = text.split()
        if (state := " ".join(words)) not in self._seen:
            self._seen.add(state)
            self.taken.words += len(words) - symbols
