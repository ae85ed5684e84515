"""Going through a case by keyboard, and many readers on one database.

- keyboard: 100 drawn cells are decided in Chromium, one key a cell. A decision is answered when it
  is stored; the peer is a page with nothing but a title, whose script runs once between.
- together: eight processes decide, take back, sign and open again for two minutes, on the database
  of `BLASTLENS_DATABASE_URL`, or SQLite. All that they did must be in the chain, and it must hold.
- killed: a process that decides all cells, signs and opens again is killed (`kill -9`) at 30 random
  moments. Each time the case must be signed or not, and all cells decided by a key or none.
"""

import multiprocessing
import os
import random
import shutil
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from benchmarks.chromium import chromium
from benchmarks.measure import (
    Figures,
    Options,
    at_least,
    at_most,
    measure_parts,
    percentile_95,
    say,
)
from benchmarks.visit import Visitor, serve
from benchmarks.workbench import artifacts, temporary_folder
from core import storage
from core.cases import case_store, chain, database, intake, review, signing
from core.cases.intake import ReadPicture
from core.cases.tables import EventRow
from core.data.images import encode
from core.data.synthetic.smear_field import draw_field
from core.errors import CaseError
from core.people import own_machine
from core.reading.reader import Reader
from core.runs import active_model
from core.settings import PROJECT

CELLS, WHITE = 100, (4, 3)  # blasts and lymphocytes of a field
RUN = "demo-colour-bands"
SIZE = (1200, 1600)
PAUSE_MS = 600  # in which a reader looks at the next cell
READERS, SECONDS = 8, 120.0
KILLS, LONGEST = 30, 0.6  # seconds that a process lives, once it has begun
PERSON = own_machine("reader")
# Forks of a process that has imported this module and has no connection; new ones on Windows.
START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PROCESSES: Any = multiprocessing.get_context(START)
if START == "forkserver":
    PROCESSES.set_forkserver_preload([__name__])
EMPTY = 'import streamlit as st\n\nst.title("Empty")\n'
TOTAL = at_most("100 cells by keyboard, s", 180)
STORED = at_most("95th percentile of a decision until it is stored, ms", 200)
LOST = at_most("decisions that are not in the chain", 0)
WRONG = at_most("findings of the verification", 0)
HALF = at_most("kills after which a case was in pieces", 0)
MADE = at_least("decisions by all readers", 1)


def measure(options: Options) -> Figures:
    """Figures in milliseconds, on a case of `options.images` drawn cells."""
    with temporary_folder() as folder, artifacts(folder / "artifacts"):
        shutil.copytree(PROJECT / "artifacts" / "runs" / RUN, storage.runs_dir() / RUN)
        try:
            return measure_parts(PARTS, options.only, read_case(options.images or CELLS), options)
        finally:
            database.forget()


def read_case(cells: int) -> str:
    """A case of drawn fields with at least so many cells, read by the shipped model."""
    say(f"drawing and reading {cells} cells")
    reader = Reader(active_model.active())
    read: list[ReadPicture] = []
    while sum(len(picture.cells) for picture in read) < cells:
        seed = len(read)
        field = draw_field(seed=seed, blasts=WHITE[0], lymphocytes=WHITE[1], size=SIZE)
        read.append(intake.read(reader, f"field_{seed}.png", encode(field.image)))
    case_id = case_store.create(PERSON, "Drawn")
    case_store.add(PERSON, case_id, read)
    return case_id


def keyboard(case_id: str, options: Options) -> Figures:
    """What a decision takes in a real browser."""
    cells = len(case_store.get(case_id).cells)
    say("pressing keys")
    with (
        temporary_folder() as folder,
        serve(PROJECT / "app.py") as server,
        _blank(folder) as empty,
        chromium() as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://localhost:{server.port}/cases?case={case_id}")
        page.get_by_role("textbox", name="Your name").last.fill(PERSON.name, timeout=60_000)
        page.get_by_role("button", name="Go on").click()
        page.locator(".tile").first.wait_for(timeout=60_000)
        page.wait_for_timeout(2000)
        pressed, blank = [], []
        started = time.monotonic()
        for number in range(cells):
            pressed.append(time.time())
            page.keyboard.press("1" if number % 3 else "2")
            page.wait_for_timeout(PAUSE_MS)
            if number % 10 == 0:
                blank.append(1000 * empty.look())
        seconds = time.monotonic() - started
        page.wait_for_timeout(1000)
    decided = [event for event in case_store.events(case_id) if event.kind == review.DECIDED]
    stored = [
        1000 * (_seconds(event) - press) for event, press in zip(decided, pressed, strict=False)
    ]
    return {
        "cells": cells,
        "seconds": TOTAL(seconds * CELLS / cells),
        "stored_median": statistics.median(stored),
        "stored_p95": STORED(percentile_95(stored)),
        "empty_page_median": statistics.median(blank),
        "lost": LOST(cells - len(decided)),
    }


@contextmanager
def _blank(folder: Path) -> Iterator[Visitor]:
    script = folder / "empty.py"
    script.write_text(EMPTY, encoding="utf-8")
    with serve(script) as server, closing(Visitor(server.port)) as visitor:
        visitor.open("")
        yield visitor


def _seconds(event: EventRow) -> float:
    return datetime.fromisoformat(event.time).timestamp()


def together(case_id: str, options: Options) -> Figures:
    """What many readers do at once, and what is left of it."""
    seconds = options.seconds or SECONDS
    before = len(case_store.events(case_id))
    database.forget()
    say(f"{READERS} readers for {seconds:.0f} s")
    done: multiprocessing.Queue[tuple[int, list[float]]] = PROCESSES.Queue()
    readers = [
        PROCESSES.Process(
            target=_go_on, args=(dict(os.environ), case_id, f"reader {number}", seconds, done)
        )
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    told = [done.get(timeout=seconds + 120) for _ in readers]
    for reader in readers:
        reader.join(60)
    made = sum(count for count, _ in told)
    times = [1000 * taken for _, several in told for taken in several]
    with database.reading() as session:
        found = chain.verify(session)
    return {
        "database": database.url().partition(":")[0],
        "made": MADE(made),
        "decision_median": statistics.median(times),
        "decision_p95": percentile_95(times),
        "lost": LOST(made - (len(case_store.events(case_id)) - before)),
        "wrong": WRONG(len(found.findings)),
    }


def _go_on(
    environment: dict[str, str],
    case_id: str,
    name: str,
    seconds: float,
    done: "multiprocessing.Queue[tuple[int, list[float]]]",
) -> None:
    """One reader: decides cells, takes some back, signs at times and opens the case again."""
    _take(environment)
    person, rng = own_machine(name), random.Random(name)
    made, times = 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        case = case_store.get(case_id)
        cells = {cell.id: cell.version for cell in rng.sample(case.cells, 2)}
        try:
            if case.state == case_store.SIGNED:
                signing.reopen(person, case_id, case.version)
            elif (chosen := rng.random()) < 0.02:
                signing.sign(person, case_id, case.version)
            elif chosen < 0.15:
                if not review.undo(person, case_id):
                    continue
            else:
                started = time.monotonic()
                review.decide(person, case_id, rng.choice(("ALL", "HEM", "other")), cells)
                times.append(time.monotonic() - started)
        except CaseError:
            continue  # stale, signed, or not to be signed yet: nothing was written
        made += 1
    database.forget()
    done.put((made, times))


def _take(environment: dict[str, str]) -> None:
    """Sets that of this process, which may be a fork of one that has another."""
    os.environ.clear()
    os.environ.update(environment)


def killed(case_id: str, options: Options) -> Figures:
    """What is left of a case whose reader is killed."""
    database.forget()
    rng, left, half = random.Random(options.seed), Counter[str](), 0
    for _ in range(options.rounds or KILLS):
        begun = PROCESSES.Event()
        reader = PROCESSES.Process(target=_until_killed, args=(dict(os.environ), case_id, begun))
        reader.start()
        begun.wait(120)
        time.sleep(rng.uniform(0, LONGEST))
        reader.kill()
        reader.join(30)
        case = case_store.get(case_id)
        versions = {cell.version for cell in case.cells}
        with database.reading() as session:
            whole = len(versions) == 1 and not chain.verify(session).findings
        whole &= reader.exitcode == -signal.SIGKILL  # else it ended by itself
        half += not whole or (case.state == case_store.SIGNED) != bool(case.signatures)
        left[case.state] += 1
    database.forget()
    return {"kills": left.total(), "left": dict(left), "half": HALF(half)}


def _until_killed(environment: dict[str, str], case_id: str, begun: Event) -> None:
    """Decides all cells of a case, signs and opens it again, over and over."""
    _take(environment)
    case = case_store.get(case_id)
    signing.hindrances(case)  # imports what the first signature needs
    begun.set()
    while True:
        if case.state == case_store.SIGNED:
            signing.reopen(PERSON, case_id, case.version)
        else:
            review.decide(PERSON, case_id, "ALL", {cell.id: cell.version for cell in case.cells})
            signing.sign(PERSON, case_id, case_store.get(case_id).version)
        case = case_store.get(case_id)


PARTS = {"keyboard": keyboard, "killed": killed, "together": together}
