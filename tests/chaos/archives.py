"""Damaged and hostile archives of a run, each imported in a process that is watched.

An archive must end as a run that can be shown and read with, or as an error of `core.errors`; then
nothing of it is left. The process may end, as that of `core.archive.examination` may: its caller
says so. It must not go on for ever.
"""

import io
import multiprocessing
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from unittest import mock

import numpy as np

from benchmarks.chaos import Trial
from core import storage
from core.archive import archive, examination
from core.errors import BlastLensError, RunError
from core.settings import settings
from core.untrusted import confined
from tests.chaos import documents
from tests.chaos.archive_damage import MUTATIONS

HANGS = 60.0  # seconds without a word


def show(run_id: str) -> None:
    """What the pages do with a run that was imported, but for its engine."""
    from core.evaluation.test_set import TestSet
    from core.ood import reference
    from core.report import run_table
    from core.report.card import render, sections
    from core.report.cell import real_cells, track_record
    from core.runs import about, run_store

    run = run_store.get(run_id)
    run_table.row(run, about.called(run))
    run.calibration.answer(0.3)
    reference.load(run)
    TestSet.load(run).metrics.to_json()
    track_record.tell(run)
    real_cells.sentence(run)
    render.html(sections.build(run, ()))


def read(run_id: str) -> None:
    """Reads a picture with the engine of a run that was imported."""
    from core.models import device
    from core.models.engine import Engine
    from core.runs import run_store

    run = run_store.get(run_id)
    side = run.geometry.size
    Engine(run.engine_file, device.ONLY_CPU)(np.zeros((1, side, side, 3), np.uint8))


def imported(data: bytes) -> str:
    """What becomes of an archive, in a word. Raises what is not as promised."""

    def here(run: object) -> None:
        if problem := examination.work(run.path):  # type: ignore[attr-defined]
            raise RunError(problem)

    with mock.patch.object(examination, "require", here):
        try:
            run = archive.import_run(io.BytesIO(data))
        except BlastLensError as error:
            left = [path.name for path in storage.runs_dir().rglob("*") if path.suffix != ".lock"]
            assert set(left) <= {".imports"}, left
            assert len(str(error)) < 2000, "a message without end"
            return type(error).__name__
    for use in (show, read):
        try:
            use(run.run_id)
        except BlastLensError as error:
            return f"imported, {type(error).__name__} in {use.__name__}"
    return "imported"


def trial(seed: int) -> Trial:
    """The archive of a seed, imported in this process."""
    rng = random.Random(seed)
    made = rng.choice(MUTATIONS)
    data, started, detail = made(rng), time.monotonic(), ""
    try:
        outcome, held = imported(data), True
    except Exception as error:
        outcome, held = f"{type(error).__name__}, untyped", False
        detail = f"{documents.where(error)}: {str(error)[:200]}"
    seconds = time.monotonic() - started
    shutil.rmtree(storage.runs_dir(), ignore_errors=True)
    return Trial(made.__name__, outcome, held, seed, detail, seconds)


def campaign(seed: int, seconds: float) -> Iterator[Trial]:
    """Trials of the archives from `seed` on, in a process that is ended if it says nothing more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        arguments = (theirs, seed, until - time.monotonic())
        process = multiprocessing.get_context("spawn").Process(target=_work, args=arguments)
        process.start()
        theirs.close()
        try:
            while ours.poll(HANGS):
                match ours.recv():
                    case Trial() as done:
                        yield done
                    case int(seed):
                        pass
                    case None:
                        return
            outcome, held = "no end", False
        except EOFError:
            outcome, held = "process ended", True
        finally:
            process.kill()
            process.join()
        place = random.Random(seed).choice(MUTATIONS).__name__
        yield Trial(place, outcome, held, seed, seconds=HANGS if not held else 0.0)
        seed += 1


def _work(pipe: Connection, seed: int, seconds: float) -> None:
    """Sends the seed before each trial, the trial after it, and None at the end."""
    until = time.monotonic() + seconds
    confined.enter(4 * settings().examination_bytes)
    with tempfile.TemporaryDirectory(prefix="blastlens-chaos-") as folder:
        os.environ["BLASTLENS_ARTIFACTS"] = folder
        while time.monotonic() < until:
            pipe.send(seed)
            pipe.send(trial(seed))
            seed += 1
    pipe.send(None)
