"""A person who uses the app in a browser, clicking as people do."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page


PATIENCE_MS = 60_000
PAUSE_SECONDS = (2.0, 4.0)  # between two clicks of one person
_STILL = """document.querySelector("[data-test-script-state=notRunning]") !== null &&
  document.querySelector("[data-stale=true]") === null"""
_SHORT = 200  # bytes: more than the message has that a script has ended
_ENDS = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass
class Person:
    """One person in a browser of their own. clicks: what was done, and the seconds it took until
    the page stood still. errors: what the page said went wrong.
    """

    page: "Page"
    address: str
    cells: list[Path]
    case: str
    rng: random.Random
    clicks: list[tuple[str, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> None:
        """Opens Home."""
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", lambda one: one.on("framereceived", self._hear))
        self.page.set_default_timeout(PATIENCE_MS)
        await self.page.goto(self.address)
        await self.page.get_by_role("heading", level=1).first.wait_for()
        await self.page.wait_for_function(_STILL)

    def _hear(self, message: str | bytes) -> None:
        """Notes it when the app says that it has run a page's script to its end."""
        if isinstance(message, bytes) and len(message) < _SHORT:
            told = ForwardMsg.FromString(message)
            if told.WhichOneof("type") == "script_finished" and told.script_finished in _ENDS:
                self._ended.set()

    async def act(self, what: str, do: Callable[[], Awaitable[object]]) -> None:
        """Does something that runs the script, waits until the page stands still, then pauses."""
        self._ended.clear()
        started = time.monotonic()
        await do()
        async with asyncio.timeout(PATIENCE_MS / 1000):
            await self._ended.wait()
        await self.page.wait_for_function(_STILL)
        self.clicks.append((what, time.monotonic() - started))
        for box in await self.page.get_by_test_id("stAlertContentError").all_inner_texts():
            self.errors.append(f"{what}: {box}")
        await asyncio.sleep(self.rng.uniform(*PAUSE_SECONDS))

    async def click(self, what: str, target: "Locator") -> None:
        """Clicks on something that runs the script."""
        await target.first.wait_for()
        await self.act(what, lambda: target.first.click())

    async def go(self, name: str) -> None:
        """Goes to a page by the navigation."""
        link = self.page.get_by_role("link", name=re.compile(rf"(^|\s){name}$"))
        await self.click(f"open {name}", link)
        await self.page.get_by_role("heading", level=1, name=name).wait_for()

    async def browse(self) -> None:
        """Turns pages of a data set, filters, and looks at cells."""
        await self.go("Dataset")
        # The picture of a tile is a button too, which does not run the script.
        button = self.page.get_by_role("button", name=re.compile(r"[▲●] .*No\. \S+$"))
        for label in ("ALL", "HEM"):
            group = self.page.get_by_test_id("stButtonGroup")
            await self.click("filter", group.get_by_text(label))
            for number in ("2", "3"):
                page = self.page.get_by_role("button", name=f"Page {number}", exact=True)
                await self.click("turn a page", page)
            await self.click("look at a cell", button)
            dialog = self.page.get_by_role("dialog")
            await self.click("next cell", dialog.get_by_role("button", name="Next"))
            await self.act("close", lambda: self.page.keyboard.press("Escape"))

    async def read(self) -> None:
        """Has cells read, one after another, and looks at them."""
        await self.go("Predict")
        for cell in self.rng.sample(self.cells, min(3, len(self.cells))):
            await self.act("read a cell", lambda cell=cell: self._upload(cell))
            await self.page.get_by_text("The model suggests").first.wait_for()
            await self.page.get_by_label(cell.name).first.wait_for()
            await self.look_for_others(cell)
            for _ in range(2):
                await self.click("blink", self.page.get_by_role("button", name="Blink"))
            remove = self.page.get_by_test_id("stFileUploader").get_by_role(
                "button", name=re.compile("Remove|Delete|Clear", re.IGNORECASE)
            )
            await self.click("take away", remove)

    async def _upload(self, cell: Path) -> None:
        # By the dialog: a browser takes the file that it had before in silence.
        async with self.page.expect_file_chooser() as choosing:
            uploader = self.page.get_by_test_id("stFileUploader")
            await uploader.get_by_text("Upload", exact=True).click()
        await (await choosing.value).set_files(cell)

    async def look_for_others(self, mine: Path) -> None:
        """Notes it if the page names a picture that somebody else sent."""
        text = await self.page.get_by_test_id("stMain").inner_text()
        if others := [one.name for one in self.cells if one != mine and one.name in text]:
            self.errors.append(f"reading {mine.name} showed {others}")

    async def compare(self) -> None:
        """Goes through what is compared."""
        await self.go("Compare")
        for view in ("Probabilities", "At your share of blasts", "Calls"):
            await self.click("figures", self._choice(view))
        for tab in ("Curves", "For whom does it fail", "Learning", "Accuracy"):
            await self.click(f"tab {tab}", self.page.get_by_role("tab", name=tab))

    async def review(self) -> None:
        """Goes through a case by keys, and looks at its verdict."""
        if "case=" not in self.page.url:
            await self.page.goto(f"{self.address}/cases?case={self.case}")
            name = self.page.get_by_role("textbox", name="Your name").last
            await name.fill(f"Dr {self.rng.randint(0, 99)}")
            await self.click("say a name", self.page.get_by_role("button", name="Go on"))
        await self.page.locator(".tile").first.wait_for()
        for _ in range(6):
            key = self.rng.choice("12")
            await self.act("decide", lambda key=key: self.page.keyboard.press(key))
        await self.click("verdict", self._choice("Verdict and signature"))
        await self.click("back to review", self._choice("Review"))

    def _choice(self, label: str) -> "Locator":
        return self.page.get_by_test_id("stButtonGroup").get_by_text(label, exact=True)
