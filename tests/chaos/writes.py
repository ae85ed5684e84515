"""A write of each kind, and the artifacts that they work on."""

import dataclasses
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import numpy as np

from core import storage
from core.archive import archive
from core.cases import case_store, database, retention, review
from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.cohort.scoring import score_chunk
from core.data import datasets, indexing, measures, pixel_cache
from core.data.geometry import Geometry
from core.data.synthetic import dataset
from core.jobs.job import Status
from core.models import catalog, weights
from core.models.architecture import Architecture, Pretrained
from core.reading.fields import detection_job
from core.reading.fields.detection_job import DetectionJob
from core.report.card import texts
from core.runs import about, active_model, config, run_store
from core.settings import PROJECT, settings
from core.training import checkpoint
from core.tuning import sweep_store
from core.workers import queue
from tests.factories import cases

RUN = "demo-colour-bands"
WEIGHTS = bytes(2**20)


@dataclasses.dataclass(frozen=True)
class World:
    """What the writes work on: a data set, an archive, and folders to copy them from."""

    root: Path
    archive: Path
    template: Path

    def renew(self) -> None:
        """An artifacts folder with a run, a case, a queued run and a cohort."""
        database.forget() if (storage.cases_dir() / "cases.sqlite").exists() else None
        shutil.rmtree(settings().artifacts, ignore_errors=True)
        shutil.copytree(self.template, settings().artifacts)


def writes(world: World) -> dict[str, Callable[[], object]]:
    """A write of each kind."""
    run = run_store.get(RUN)
    waiting, cohort = run_store.get("waiting"), cohort_store.cohorts()[0]
    case = case_store.get(case_store.cases()[0].id)
    wanted = config.create("cnn-16", world.root, "recommended")
    numbers = [np.random.default_rng(0).random((64, 1024), np.float32)]

    def pixels() -> None:
        cells = indexing.index(world.root).cells
        pixel_cache.pixels(world.root, cells, Geometry(256, 64))

    def scan() -> None:
        little = dataclasses.replace(settings(), max_scan_pixels=10)
        with mock.patch.object(detection_job, "settings", lambda: little):
            DetectionJob.of("new").put(bytes(2**20), ".bin", None)

    def download() -> None:
        with served_weights() as published:
            weights.obtain(published)

    return {
        "run": lambda: run_store.create(wanted, "new"),
        "status": lambda: waiting.write_status(Status(state="running", phase="training")),
        "history": lambda: waiting.append_history({"epoch": 1, "loss": 0.5}),
        "queue": lambda: queue.join(waiting),
        "checkpoint": lambda: checkpoint.save(
            checkpoint.Checkpoint(state=numbers), waiting.checkpoint_file
        ),
        "about": lambda: about.change(run, name="Ada's", note="x" * 1000),
        "card": lambda: texts.write(run, "contact", "x" * 500),
        "active model": lambda: active_model.promote(run),
        "sweep": lambda: sweep_store.create(
            sweep_store.Plan(kind="cross-validation", base=wanted.replace(folds=3)), "new"
        ),
        "data sets": lambda: datasets.add(str(world.root)),
        "index": lambda: indexing.index(world.root),
        "measures": lambda: measures.measure(indexing.index(world.root)),
        "pixels": pixels,
        "scan": scan,
        "drawn set": lambda: dataset.write_dataset(storage.demo_dir(), cells=24),
        "case": lambda: cases.make([cases.single()], name="New"),
        "case of fields": lambda: cases.make(name="New"),
        "cohort": lambda: cohort_store.create(cohort.plan, str(settings().artifacts / "new")),
        "cohort's list": lambda: cohort.list_pictures(lambda *_: None),
        "cohort's part": lambda: (
            cohort.list_pictures(lambda *_: None),
            score_chunk(str(Cohort(cohort.path).path), 0),
        ),
        "decision": lambda: review.decide(cases.READER, case.id, "ALL", cases.versions(case)),
        "backup": lambda: retention.backup(settings().artifacts / "backup"),
        "weights": download,
        "export": lambda: archive.export(run, settings().artifacts / "out.zip"),
        "import": lambda: archive.import_run(world.archive, "new"),
    }


@contextmanager
def served_weights() -> Iterator[Architecture]:
    """An architecture whose weights a server on this machine publishes."""

    class Publisher(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(WEIGHTS)))
            self.end_headers()
            self.wfile.write(WEIGHTS)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = property(lambda self: f"http://127.0.0.1:{server.server_port}/{self.file}")
    published = Pretrained("weights.h5", "x", hashlib.md5(WEIGHTS).hexdigest(), 1)
    try:
        with mock.patch.object(Pretrained, "url", address):
            yield dataclasses.replace(catalog.architecture("densenet-121"), pretrained=published)
    finally:
        server.shutdown()
        server.server_close()


def made(folder: Path) -> World:
    """The world of the trials, beside the disk that they break."""
    world = World(folder / "set", folder / "run.zip", folder / "template")
    shutil.copytree(PROJECT / "artifacts" / "runs" / RUN, storage.runs_dir() / RUN)
    dataset.write_dataset(world.root, cells=12, subjects=6)
    run = run_store.get(RUN)
    archive.export(run, world.archive)
    run_store.create(config.create("cnn-16", world.root, "recommended"), "waiting")
    active_model.promote(run)
    cases.make([cases.single()])
    cohort_store.create(cohort_store.planned(run, str(world.root)))
    database.forget()
    shutil.copytree(settings().artifacts, world.template)
    return world
