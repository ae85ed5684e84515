"""What lies in the artifacts folder and can go: caches, and what ended processes left behind.

Runs, data sets, cases and their readings never do, nor what a living process holds.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from core import caches, leftovers, locks, storage
from core.cases import case_store, database, pictures
from core.cohort import cohort_store
from core.errors import CaseError, RunError
from core.jobs.job import Job
from core.models import own_backbone
from core.runs import run_store
from core.runs.run_store import Run
from core.settings import settings
from core.tuning import sweep_store
from core.tuning.sweep_store import Sweep

OURS = ("cache", "cases", "cohorts", "runs", "sweeps")
CACHE = "caches, which are made again when they are needed"
TEMPORARY = "temporary files of processes that have ended"
IMPORT = "imports that were cut short"
REMAINS = "remains of runs and sweeps without a readable request"
ORPHAN = "pictures of no case"
TICKET = "places in the queue of runs that have ended"
LOG = "logs of jobs that succeeded"
BACKBONE = "features of a model for teaching, which no run uses"
LOCK = "locks that no process holds"


@dataclass(frozen=True)
class Removable:
    """A file or folder that can go, its bytes, and why."""

    path: Path
    bytes: int
    why: str


def removable(*, with_caches: bool = True) -> list[Removable]:
    """What can go now; no picture of a case where their database cannot be asked."""
    found = [Removable(path, leftovers.size(path), why) for path, why in _left()]
    if with_caches:
        unused = [one for one in caches.entries() if not one.in_use]
        found = [Removable(one.path, one.bytes, CACHE) for one in unused] + found
    return found


def remove(one: Removable) -> bool:
    """Removes it, unless a process has taken hold of it since; returns whether it is gone."""
    if one.why == CACHE:
        return caches.remove(one.path)
    if one.why == LOCK:
        with locks.if_free(one.path.with_suffix("")):
            pass
    else:
        leftovers.remove(one.path)
    return not one.path.exists()


def architectures(without: Run | None = None) -> set[str]:
    """The architectures that runs and sweeps name."""
    named = {run.config.architecture for run in run_store.runs() if run != without}
    return named | {sweep.plan.base.architecture for sweep in sweep_store.sweeps()}


def _left() -> Iterator[tuple[Path, str]]:
    ours = [settings().artifacts / name for name in OURS]
    within = [path for place in ours for path in place.rglob("*") if path.is_dir()]
    others = [settings().artifacts, settings().weights, storage.datasets_dir()]
    for folder in [*others, Path(tempfile.gettempdir()), *ours, *within]:
        yield from ((path, TEMPORARY) for path in folder.glob(".*") if leftovers.is_dead(path))
    imports = storage.imports_dir()
    for path in imports.glob("*") if imports.is_dir() else ():
        if path.suffix != ".lock" and locks.is_free(path):
            yield path, IMPORT
    yield from ((path, REMAINS) for path in _remains())
    with suppress(CaseError):  # as on a full disk
        known = {case.id for case in case_store.cases()} if database.is_there() else set()
        yield from ((path, ORPHAN) for path in pictures.orphans(known))
    yield from ((path, TICKET) for path in _tickets())
    for job in _jobs():
        if job.log_file.exists() and job.status.state == "succeeded":
            yield job.log_file, LOG
    yield from ((path, BACKBONE) for path in _backbones())
    for path in chain(settings().artifacts.glob("*.lock"), *(one.rglob("*.lock") for one in ours)):
        if locks.is_free(path.with_suffix("")):
            yield path, LOCK


def _remains() -> Iterator[Path]:
    """Folders where a job is to be, whose request is missing or was cut off."""
    places = (
        (storage.runs_dir(), Run.REQUEST),
        (storage.sweeps_dir(), Sweep.REQUEST),
    )
    for parent, request in places:
        for folder in parent.glob("[!.]*"):
            if folder.is_dir() and not _is_json(folder / request):
                yield folder


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        return False
    return True


def _tickets() -> Iterator[Path]:
    for ticket in (storage.runs_dir() / ".queue").glob("*"):
        try:
            unfinished = run_store.get(ticket.name.partition(" ")[2]).status.unfinished
        except RunError:
            unfinished = False
        if not unfinished:
            yield ticket


def _backbones() -> Iterator[Path]:
    """The files of backbones that were made of a run, and that no run and no sweep names.

    The run for which one was just made may not be there yet.
    """
    for key in {*own_backbone.of_runs()} - architectures():
        graph = own_backbone.require(key)
        if leftovers.is_old(graph.with_suffix(".json")):
            of_it = (graph.with_suffix(suffix) for suffix in (".json", ".xml", ".bin", ".npz"))
            yield from (file for file in of_it if file.exists())


def _jobs() -> list[Job]:
    return [*run_store.runs(), *sweep_store.sweeps(), *cohort_store.cohorts()]
