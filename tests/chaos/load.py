"""Eight people use two apps on one artifacts folder at once, in a real browser, while one trains.

Two look at a data set, two have cells read, two compare runs and two go through a case; each clicks
every few seconds. What a click takes until the page stands still holds the browser's own work; what
the apps cost is said in processor seconds. Each person's upload has to be read under its own name.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.chaos import Trial
from benchmarks.jobs.prepared import prepare
from benchmarks.measure import Options, percentile_95, say
from benchmarks.workbench import start
from core import storage
from core.cases import case_store
from core.runs.run_store import Run
from tests.chaos.visitor import Person
from tests.factories.served import CHROMIUM, FLAGS, free_port, process_of, serve

PEOPLE, APPS = 8, 2
WARM_SECONDS = 60.0  # after which an app holds what it will
SECONDS, CORES, GROWTH_MIB = 1.0, 2.0, 30.0  # promised: 95th percentile of a click; both apps; each
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
        yield address, Watched(process_of(port))


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
