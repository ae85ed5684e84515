"""Kills of the app, of what it does within itself, and of readers of a case."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
from websockets.exceptions import WebSocketException

from benchmarks.chaos import Trial
from benchmarks.visit import Visitor
from core.cases import case_store, chain, database, signing
from core.data import indexing, measures
from core.errors import RunError
from tests.cases.test_together import PROCESSES, place, work_until_killed
from tests.chaos.ground import Ground
from tests.factories import cases
from tests.factories.served import free_port, process_of, serve

PAGES = ("", "dataset", "train", "tune", "compare", "predict", "cases", "cohorts", "models")


def index(ground: Ground) -> Iterator[Trial]:
    """A look at a data set: its files are indexed, and its cells measured."""
    started = time.monotonic()
    whole = indexing.index(ground.cells)
    expected = whole.cells, whole.pairs, measures.measure(whole)
    seconds = 2 * (time.monotonic() - started)

    def same() -> None:
        again = indexing.index(ground.cells)
        found = again.cells, again.pairs, measures.measure(again)
        for one, other in zip(found, expected, strict=True):
            assert one.equals(other)

    while True:
        ground.forget_caches()
        process = PROCESSES.Process(target=_look, args=(place(), str(ground.cells)))
        process.start()
        time.sleep(ground.rng.uniform(0, seconds))
        process.kill()  # or it has ended by itself
        process.join(30)
        yield ground.killed("index", "while indexing and measuring")
        yield ground.trial("index", "ended", same)


def _look(where: dict[str, str], root: str) -> None:
    os.environ.update(where)
    measures.measure(indexing.index(Path(root)))


def review(ground: Ground) -> Iterator[Trial]:
    """Somebody who decides, signs and opens a case again, over and over."""
    case_id = cases.make()

    def holds() -> None:
        case = case_store.get(case_id)
        assert (case.state == case_store.SIGNED) == (len(case.signatures) == 1)
        assert len({cell.version for cell in case.cells}) == 1  # all cells of a decision, or none
        with database.reading() as session:
            assert chain.verify(session).findings == ()
        if case.state == case_store.SIGNED:
            signing.reopen(cases.SECOND, case_id, case.version)

    while True:
        database.forget()
        ready = PROCESSES.Event()
        process = PROCESSES.Process(target=work_until_killed, args=(place(), case_id, ready))
        process.start()
        assert ready.wait(60)
        time.sleep(ground.rng.uniform(0, 0.6))
        process.kill()  # or it has ended by itself
        process.join(30)
        yield ground.killed("review", f"the case is {case_store.get(case_id).state}")
        yield ground.trial("review", "ended", holds)


def app(ground: Ground) -> Iterator[Trial]:
    """The app, while somebody opens page after page; the next one has to show all of them."""
    log = ground.folder / "app.log"
    cases.make()
    while True:
        ground.forget_caches()
        seen: list[str] = []
        with _served(log) as (port, process):
            killing = threading.Timer(ground.rng.expovariate(2), process.kill)
            with suppress(RunError, WebSocketException, OSError):
                _visit(port, seen, ground.rng.randrange(len(PAGES)), killing.start)
            killing.join()
        yield ground.killed("app", f"after {seen[-1] if seen else 'no page'}")
        with _served(log) as (port, _):
            yield ground.trial("app", "ended", partial(_visit, port, []))


def _visit(
    port: int, seen: list[str], number: int = -1, at_number: Callable[[], object] = lambda: None
) -> None:
    """Opens every page, and notes which have been; calls something ahead of one of them.

    Raises `RunError` if a page does not open.
    """
    with closing(Visitor(port)) as visitor:
        for place, page in enumerate(PAGES):
            if place == number:
                at_number()
            visitor.open(page)
            seen.append(page or "home")


@contextmanager
def _served(log: Path) -> Iterator[tuple[int, psutil.Process]]:
    port = free_port()
    with serve(log, port):
        yield port, process_of(port)
