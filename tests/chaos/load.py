"""Eight people use two apps on one artifacts folder at once, in a real browser, while one trains.

Two look at a data set, two have cells read, two compare runs and two go through a case; each clicks
every few seconds. What a click takes until the page stands still holds the browser's own work; what
the apps cost is said in processor seconds. Each person's upload has to be read under its own name.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.chaos import Trial
from benchmarks.jobs.prepared import prepare
from benchmarks.measure import Options, percentile_95, say
from benchmarks.workbench import start
from core import storage
from core.cases import case_store
from core.runs.run_store import Run
from tests.factories.served import CHROMIUM, FLAGS, free_port, serve

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

PEOPLE, APPS = 8, 2
PATIENCE_MS = 60_000
PAUSE_SECONDS = (2.0, 4.0)  # between two clicks of one person
WARM_SECONDS = 60.0  # after which an app holds what it will
SECONDS, CORES, GROWTH_MIB = 1.0, 2.0, 30.0  # promised: 95th percentile of a click; both apps; each
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
        button = self.page.get_by_role("button", name=re.compile(r"No\. \S+$"))
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


Job = Callable[[Person], Awaitable[None]]
JOBS: Sequence[Job] = (Person.browse, Person.read, Person.compare, Person.review)


@dataclass
class Watched:
    """An app that is watched: what it held at which second, in MiB, and its processor seconds."""

    process: psutil.Process
    held: list[tuple[float, float]] = field(default_factory=list)
    spent: float = 0.0

    def look(self, seconds: float) -> None:
        """Notes what it holds now."""
        self.held.append((seconds, self.process.memory_info().rss / 2**20))
        times = self.process.cpu_times()
        self.spent = times.user + times.system

    def growth(self, warm: float) -> float:
        """MiB by which it grew after the first seconds: between the medians of two quarters."""
        after = sorted((at, mib) for at, mib in self.held if at >= warm)
        quarter = max(1, len(after) // 4)
        first, last = (
            sorted(mib for _, mib in part)[len(part) // 2]
            for part in (after[:quarter], after[-quarter:])
        )
        return last - first


def campaign(seed: int, seconds: float) -> Iterator[Trial]:
    """One trial a click, and one a promise."""
    with prepare(Options()) as given:
        say("starting to train")
        run = start("cnn-16", storage.demo_dir(), epochs=500)
        try:
            yield from use(given.cells, given.kept.parent, seed, seconds)
        finally:
            run.request_stop()
        yield _trained(run, seed)


def use(
    cells: list[Path],
    logs_in: Path,
    seed: int,
    seconds: float,
    people: int = PEOPLE,
    jobs: Sequence[Job] = JOBS,
) -> Iterator[Trial]:
    """What people do for so many seconds, each a job, on the present artifacts folder."""
    logs = [logs_in / f"app_{number}.log" for number in range(APPS)]
    with ExitStack() as stack:
        served = [stack.enter_context(_served(log)) for log in logs]
        everyone, took = asyncio.run(_live(cells, served, people, jobs, seed, seconds))
        watched = [one for _, one in served]
    clicks = [click for person in everyone for click in person.clicks]
    yield from (Trial(what, "done", True, seed, seconds=took) for what, took in clicks)
    errors = [error for person in everyone for error in person.errors]
    errors += [str(log) for log in logs if "Traceback" in log.read_text(encoding="utf-8")]
    yield Trial("errors", f"{len(errors)}", not errors, seed, "; ".join(errors)[:2000])
    slow = percentile_95([took for _, took in clicks])
    yield Trial(
        "95th percentile",
        f"{slow:.2f} s",
        slow < SECONDS,
        seed,
        f"of {len(clicks)} clicks; {psutil.getloadavg()[1]:.1f} processes wanted a core",
    )
    cores = sum(one.spent for one in watched) / took
    each = 1000 * cores * took / len(clicks)
    yield Trial("processor", f"{cores:.2f} cores, {each:.0f} ms a click", cores < CORES, seed)
    for one in watched:
        grown = one.growth(min(WARM_SECONDS, seconds / 4))
        yield Trial(
            "memory", f"grew by {grown:.0f} MiB", grown < GROWTH_MIB, seed, mib=one.held[-1][1]
        )


def _trained(run: Run, seed: int) -> Trial:
    """Whether the training went on beside it all."""
    went_on = run.status.unfinished or run.status.state in ("cancelled", "succeeded")
    return Trial("training", "went on" if went_on else "did not go on", went_on, seed)


@contextmanager
def _served(log: Path) -> Iterator[tuple[str, Watched]]:
    port = free_port()
    with serve(log, port) as address:
        (process,) = (
            child
            for child in psutil.Process().children()
            if f"--server.port={port}" in child.cmdline()
        )
        yield address, Watched(process)


async def _live(
    cells: list[Path],
    served: list[tuple[str, Watched]],
    people: int,
    jobs: Sequence[Job],
    seed: int,
    seconds: float,
) -> tuple[list[Person], float]:
    """The people after so many seconds, and how long it really took."""
    from playwright.async_api import async_playwright

    case = next((one.id for one in case_store.cases()), "")
    everyone: list[Person] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for number in range(people):
            context = await browser.new_context(viewport={"width": 1280, "height": 900})
            page, address = await context.new_page(), served[number % len(served)][0]
            rng = random.Random(f"{seed} {number}")
            everyone.append(Person(page, address, cells, case, rng))
            await everyone[-1].begin()
        started = time.monotonic()

        async def work(person: Person, job: Job) -> None:
            try:
                while time.monotonic() - started < seconds:
                    await job(person)
            except Exception as problem:
                person.errors.append(f"after {person.clicks[-1:]}: {problem!r}")

        async def watch() -> None:
            while True:
                for _, one in served:
                    one.look(time.monotonic() - started)
                await asyncio.sleep(1)

        watching = asyncio.create_task(watch())
        each = (jobs[number // len(served) % len(jobs)] for number in range(people))
        await asyncio.gather(*map(work, everyone, each))
        watching.cancel()
        took = time.monotonic() - started
        await browser.close()
    return everyone, took
