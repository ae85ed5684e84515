"""Many readers at once, and readers that are killed: nothing is lost, and the chain holds."""

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.synchronize import Event

from core.cases import case_store, chain, database, review, signing
from core.errors import StaleError
from core.people import own_machine
from tests.factories import cases
from tests.factories.case_processes import PROCESSES, need_forks, place
from tests.factories.cases import SECOND
from tests.factories.processes import crowding

pytestmark = need_forks
READERS, SECONDS, KILLS = 8, 1.0, 5


def holds() -> None:
    with database.reading() as session:
        assert chain.verify(session).findings == ()


def decide_for(
    where: dict[str, str],
    name: str,
    case_id: str,
    seconds: float,
    done: "multiprocessing.Queue[int]",
) -> None:
    """One reader: decides random cells and takes some back, as a stale page would at times."""
    os.environ.update(where)
    person, rng, made = own_machine(name), random.Random(name), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        case = case_store.get(case_id)
        cells = rng.sample(case.cells, rng.randint(1, 3))
        try:
            label = rng.choice(("ALL", "HEM", "other"))
            review.decide(person, case_id, label, {cell.id: cell.version for cell in cells})
            made += 1
            if rng.random() < 0.2 and review.undo(person, case_id):
                made += 1
        except StaleError:
            continue
    database.forget()
    done.put(made)


def test_eight_readers_at_once_lose_nothing() -> None:
    case_id = cases.make([cases.field(("ALL", "HEM", "review") * 4)])
    database.forget()
    done: multiprocessing.Queue[int] = PROCESSES.Queue()
    readers = [
        PROCESSES.Process(target=decide_for, args=(place(), f"reader {n}", case_id, SECONDS, done))
        for n in range(READERS)
    ]
    for reader in readers:
        reader.start()
    made = sum(done.get(timeout=120) for _ in readers)
    for reader in readers:
        reader.join(60)
        assert reader.exitcode == 0
    assert made > 0
    events = case_store.events(case_id)
    assert sum(event.kind in (review.DECIDED, review.UNDONE) for event in events) == made
    assert case_store.get(case_id).version == len(events) == made + 2
    holds()


def work_until_killed(where: dict[str, str], case_id: str, ready: Event) -> None:
    """Decides, signs and opens the case again, over and over."""
    os.environ.update(where)
    case_store.get(case_id)
    ready.set()
    while True:
        case = case_store.get(case_id)
        cells = {cell.id: cell.version for cell in case.cells}
        review.decide(SECOND, case_id, "ALL", cells)
        signing.sign(SECOND, case_id, case_store.get(case_id).version)
        time.sleep(0.1)
        signing.reopen(SECOND, case_id, case_store.get(case_id).version)


def test_a_reader_killed_at_any_moment_leaves_the_case_whole() -> None:
    case_id = cases.make()
    database.forget()
    rng, states = random.Random(0), set()
    kills = 0
    while kills < KILLS or states != {case_store.OPEN, case_store.SIGNED}:
        kills += 1
        assert kills < 50, states
        ready = PROCESSES.Event()
        worker = PROCESSES.Process(target=work_until_killed, args=(place(), case_id, ready))
        worker.start()
        assert ready.wait(60)
        time.sleep(rng.uniform(0, 0.5) * crowding())
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(30)
        case = case_store.get(case_id)
        assert (case.state == case_store.SIGNED) == (len(case.signatures) == 1)
        # All cells of a decision, or none.
        assert len({cell.version for cell in case.cells}) == 1
        holds()
        states.add(case.state)
        if case.state == case_store.SIGNED:
            signing.reopen(SECOND, case_id, case.version)
