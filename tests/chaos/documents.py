"""Damaged documents, each read and shown as the pages do.

A document is one that BlastLens wrote, with some of its fields changed: another type, a number
beyond all bounds, a text without end, too many levels, nothing, more than there was. It must be
read and shown, or refused by an error of `core.errors`.
"""

import copy
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chaos import Trial
from core import storage
from core.audit import subject_probe
from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.cohort.plan import CohortSummary
from core.data import datasets, images, indexing
from core.data.synthetic.dataset import draw_cell
from core.embedding.embedding_job import EmbeddingJob
from core.errors import BlastLensError
from core.models import catalog
from core.reading.fields.detection_job import DetectionJob
from core.report import adoption as adoption_words
from core.report import audits, cohorts, operating_point, run_table, tuning
from core.report.card import render, sections
from core.report.cell import real_cells, track_record
from core.runs import about, active_model, config, cost, run_store, setting_words, speed
from core.runs.run_store import Run
from core.settings import PROJECT
from core.teaching import dataset as case_sets
from core.tuning import sweep_store
from tests.factories.archives import adopted_run, shipped_run

OLD = PROJECT / "tests" / "fixtures" / "old_format"
RUN, ADOPTED = "demo-cnn-16", "theirs"
MOST_SECONDS = 5.0
Json = Any
# Raw: what `json.dumps` cannot write.
DEEP = "[" * 400 + "]" * 400
RAW = {"@deep": DEEP, "@deeper": "[" * 100_000, "@huge": "9" * 5000, "@beyond": "1e999"}
VALUES: tuple[Json, ...] = (
    *(None, True, False, 0, -1, 1, 3, 2**31, 2**63, -(2**63), 10**18, 10**400, 1e300, -1e300),
    *(1e-320, 0.5, -0.5, 1.5, 253402300800.0, float("nan"), float("inf"), float("-inf")),
    *("", "x", "x" * 100_000, "\0", "a\0b", "a\u202eb", "\ud800", "\x1b[31m", "CON", "../../etc"),
    *("=1+1", "1e9", "nan", "none", "<script>", "\n" * 5000, "ALL", "test", "ü" * 300),
    *([], {}, [[]], [None], [1, 2, 3], ["a", "a"], {"a": 1}, [0.5] * 20_000, {"": ""}),
    *RAW,
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of document: its file below the artifacts folder, and what shows it."""

    file: str
    show: Callable[[], object]


def _run(name: str = RUN) -> Run:
    return run_store.get(name)


def _rows() -> None:
    runs, sweeps = run_store.runs(), sweep_store.sweeps()
    names = about.names(runs)
    run_table.table(runs, sweeps, names, [sweep.name for sweep in sweeps])
    run_table.matching(runs, names, "demo")
    run_table.differences(runs, names)
    for run in (_run(), _run(ADOPTED)):
        run_table.row(run, about.called(run))
        cohorts.progress(run.status)
        setting_words.own(run.config)
        _ = run.arrived, run.geometry


def _card() -> None:
    for name in (RUN, ADOPTED):
        card = sections.build(_run(name), ())
        render.markdown(card), render.html(card)


def _numbers() -> None:
    _rows()
    _card()
    track_record.tell(_run())
    cost.estimate(_run().config, cells=1000)


def _calibration() -> None:
    fitted = _run().calibration
    for logit in (-1000.0, -3.0, 0.0, 0.1, 5.0):
        answer = fitted.answer(logit, 0.5)
        assert 0 <= answer.probability <= 1
    assert fitted.uncertain is None or len(fitted.uncertain) == 2
    operating_point.rule(fitted)
    operating_point.in_percents(fitted.choice)
    fitted.to_json()
    _card()


def _evaluations() -> None:
    real_cells.sentence(_run())
    _card()


def _stain() -> None:
    run, cell = _run(), np.zeros((32, 32, 3), np.uint8)
    cell[8:24, 8:24] = (120, 60, 140)
    if stain := run.stain:
        with np.errstate(all="ignore"):
            stain.colours(cell)
    _card()


def _adoption() -> None:
    known = _run(ADOPTED).adoption
    assert known is not None
    for tell in (adoption_words.origin, adoption_words.training, adoption_words.feeding):
        tell(known)
    adoption_words.rows(known)
    adoption_words.certainty(known)
    _rows()
    _card()


def _active() -> None:
    active_model.table_rows()
    active_model.can_undo()
    active_model.changed_since(active_model.active())


def _searched() -> None:
    sweep = sweep_store.get("old-search")
    _rows()
    results = sweep.results
    assert results is not None and sweep.plan.total >= 0
    tuning.search_verdict(results)
    tuning.trials_table(results)
    if results.best:
        tuning.describe(results.best.settings)


def _validated() -> None:
    sweep = sweep_store.get("old-cv")
    _rows()
    results = sweep.results
    assert results is not None
    tuning.cross_validation_verdict(results, sweep.plan.total)
    tuning.folds_table(results)
    tuning.summary_table(results)
    if results.pooled:
        tuning.pooled_sentence(results.pooled)


def _cohort() -> None:
    cohort_store.cohorts()
    cohort = Cohort(storage.cohorts_dir() / "one")
    _ = cohort.plan, cohort.plan.told, cohort.parts_place
    cohorts.progress(cohort.status)
    summary = CohortSummary.read(cohort.path / "summary.json")
    cohorts.sentence(summary)
    cohorts.refusals(summary)


def _probe() -> None:
    if probe := subject_probe.stored(_run()):
        audits.sentence(probe)
        audits.table(probe)


def _data_set() -> None:
    root = storage.datasets_dir() / "mine"
    indexing.index(root)
    case_sets.about(root)
    case_sets.datasets_with("a")


def _sources() -> None:
    datasets.known()
    datasets.labelling(storage.datasets_dir() / "mine")


def _speed() -> None:
    cost.estimate(_run().config, cells=1000)


def _backbone() -> None:
    entry = catalog.architecture("own-theirs")
    assert entry.title and entry.source


def _scan() -> None:
    job = DetectionJob.of("scan")
    _ = job.um_per_px, job.status


def _map() -> None:
    _ = EmbeddingJob(storage.embedding_dir("map")).request


def kinds() -> dict[str, Kind]:
    """The kinds of documents by name."""
    run, theirs = f"runs/{RUN}", f"runs/{ADOPTED}"
    probe = speed.probe_of(config.create("cnn-16", Path("data"), "recommended"))
    return {
        "config": Kind(f"{run}/config.json", _numbers),
        "status": Kind(f"{run}/status.json", _rows),
        "metrics": Kind(f"{run}/metrics.json", _numbers),
        "calibration": Kind(f"{run}/calibration.json", _calibration),
        "evaluations": Kind(f"{run}/evaluations.json", _evaluations),
        "stain": Kind(f"{run}/stain.json", _stain),
        "about": Kind(f"{run}/about.json", _rows),
        "card": Kind(f"{run}/card.json", _card),
        "import": Kind(f"{run}/import.json", _numbers),
        "probe": Kind(f"{run}/probe.json", _probe),
        "adoption": Kind(f"{theirs}/adoption.json", _adoption),
        "active": Kind("active.json", _active),
        "sweep": Kind("sweeps/old-search/sweep.json", _searched),
        "search results": Kind("sweeps/old-search/results.json", _searched),
        "fold results": Kind("sweeps/old-cv/results.json", _validated),
        "sweep status": Kind("sweeps/old-cv/status.json", _validated),
        "cohort plan": Kind("cohorts/one/plan.json", _cohort),
        "cohort summary": Kind("cohorts/one/summary.json", _cohort),
        "cohort status": Kind("cohorts/one/status.json", _cohort),
        "elsewhere": Kind("cohorts/elsewhere.json", _cohort),
        "data set": Kind("datasets/mine/dataset.json", _data_set),
        "sources": Kind("sources.json", _sources),
        "speed": Kind(
            f"{probe.path.relative_to(storage.speed_dir('x').parents[2])}/speed.json", _speed
        ),
        "own backbone": Kind("weights/theirs.json", _backbone),
        "scan request": Kind("cache/scans/scan/request.json", _scan),
        "map request": Kind("cache/embeddings/map/request.json", _map),
    }


def furnish(artifacts: Path) -> None:
    """Fills the artifacts folder of the settings with a document of each kind."""
    run = shipped_run()
    shipped = PROJECT / "artifacts" / "runs" / RUN
    shutil.copy(shipped / "evaluations.json", run.path)
    adopted_run()
    (run.path / "card.json").write_text('{"contact": "the laboratory"}')
    record = {"at": 1.7e9, "archive": "0" * 64, "run": RUN}
    storage.write_json(run.path / "import.json", record)
    naming = {"cells": 90, "subjects": 9, "accuracy": 0.4, "interval": [0.3, 0.5], "majority": 0.2}
    naming |= {"one_in": 0.1, "chance": 0.1, "highest_chance": 0.2, "recognises": True}
    rows = [naming | {"part": part, "class": "ALL"} for part in ("unseen", "trained")]
    probe = {"exported_ns": run.exported_ns, "rows": rows}
    storage.write_json(run.path / "probe.json", probe)
    shutil.copytree(OLD / "sweeps", artifacts / "sweeps")
    entry = {"run": RUN, "at": 1.7e9, "previous": None, "engine": run.engine_digest}
    storage.write_json(storage.active_file(), {"version": 2, "history": [entry]})
    plan = cohort_store.planned(run, str(artifacts), None, workers=2)
    cohort = cohort_store.create(plan, str(storage.cohorts_dir() / "one"))
    CohortSummary(pictures=3, cells=2, refused=1, refused_by={"blur": 1}).write(
        cohort.path / "summary.json"
    )
    storage.write_json(storage.cohorts_dir() / "elsewhere.json", {"folders": ["/nowhere"]})
    root = storage.datasets_dir() / "mine"
    for number, name in enumerate(("all", "hem")):
        (root / name).mkdir(parents=True)
        cell = draw_cell(subject="1", cell=number, label=1 - number, seed=1)
        (root / name / f"{number}.bmp").write_bytes(_bmp(cell[150:300, 150:300]))
    about_set = {"name": "mine", "synthetic": True, "um_per_px": 0.1, "source": "cases"}
    about_set |= {"cases": ["a"], "cells": {"ALL": 1}, "left_out": {}}
    storage.write_json(root / "dataset.json", about_set)
    said = {"positive": ["all"], "negative": ["hem"], "columns": {"class": "kind"}}
    storage.write_json(storage.sources_file(), [{"path": str(root), "labelling": said}])
    measured = {"start_seconds": 9.0, "images_per_second": 60.0, "cells_per_second": 50.0}
    measured |= {"features_per_second": None, "at": 1.7e9}
    storage.write_json(artifacts / kinds()["speed"].file, measured)
    weights = artifacts / "weights"
    weights.mkdir()
    (weights / "theirs.onnx").write_bytes(b"x")
    backbone = {"size": 224, "mean": [120.0, 110.0, 100.0], "scale": [58.0, 57.0, 57.0]}
    backbone |= {"licence": "MIT", "source": "a paper", "channels": "rgb"}
    storage.write_json(weights / "theirs.json", backbone)
    storage.write_json(DetectionJob.of("scan").path / "request.json", {"um_per_px": 0.1})
    asked = {"run": str(run.path), "method": "pca"}
    storage.write_json(storage.embedding_dir("map") / "request.json", asked)


def _bmp(image: np.ndarray) -> bytes:
    return images.encode(image, "BMP")


def parsed(data: bytes) -> Json:
    """The document of a file."""
    return json.loads(data)


def _places(document: Json, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values, the document itself included."""
    found = [at]
    if isinstance(document, dict):
        for key, value in document.items():
            found += _places(value, (*at, key))
    if isinstance(document, list):
        for number, value in enumerate(document[:50]):
            found += _places(value, (*at, number))
    return found


def mutated(document: Json, rng: random.Random) -> bytes:
    """A document with one to three of its fields changed, as JSON or nearly so."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        # Places near the top come as often as the many below them.
        places = _places(document)
        depth = rng.choice(sorted({len(place) for place in places}))
        place = rng.choice([one for one in places if len(one) == depth])
        if not place:
            if rng.random() < 0.1 or not isinstance(document, dict | list):
                return _written(_value(rng))
            if isinstance(document, dict):
                document[rng.choice(("extra", "format", "", "\u202e", "__class__"))] = _value(rng)
            continue
        holder = document
        for key in place[:-1]:
            holder = holder[key]
        key, kind = place[-1], rng.random()
        if kind < 0.12:
            del holder[key]
        elif kind < 0.2 and isinstance(holder, list):
            holder *= rng.choice((0, 2, 500)) if len(holder) < 100 else 0
        elif kind < 0.25 and isinstance(holder, dict):
            holder[rng.choice(("\0", "a\u202eb", "x" * 5000, "ALL"))] = holder.pop(key)
        elif kind < 0.35 and isinstance(holder[key], int | float):
            holder[key] = holder[key] * rng.choice((-1, 1e6, 1e-6, 0))
        else:
            holder[key] = _value(rng)
    return _written(document)


def _value(rng: random.Random) -> Json:
    return copy.deepcopy(rng.choice(VALUES))


def _written(document: Json) -> bytes:
    text = json.dumps(document)
    for mark, raw in RAW.items():
        text = text.replace(f'"{mark}"', raw)
    return text.encode()


@contextmanager
def _changed(file: Path, data: bytes) -> Iterator[None]:
    before = file.read_bytes()
    file.write_bytes(data)
    try:
        yield
    finally:
        file.write_bytes(before)


def trial(seed: int, name: str, kind: Kind, artifacts: Path) -> Trial:
    """The document of a seed, read and shown."""
    file = artifacts / kind.file
    rng = random.Random(f"{seed}-{name}")
    data = mutated(json.loads(file.read_text(encoding="utf-8")), rng)
    held, detail, started = True, "", time.process_time()
    with _changed(file, data):
        try:
            kind.show()
            outcome = "shown"
        except BlastLensError as error:
            outcome = type(error).__name__
            if len(str(error)) > 3000:
                outcome, held, detail = f"{outcome}, too long", False, str(error)[:200]
        except Exception as error:
            outcome, held = f"{type(error).__name__}, untyped", False
            detail = f"{where(error)}: {str(error)[:200]}"
    seconds = time.process_time() - started
    if seconds > MOST_SECONDS:
        outcome, held, detail = f"{outcome}, too slow", False, f"{seconds:.1f} s"
    return Trial(name, outcome, held, seed, detail, seconds)


def where(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


def campaign(seed: int, seconds: float) -> Iterator[Trial]:
    """Trials of the documents from `seed` on, a seed of each kind after another."""
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="blastlens-chaos-") as folder:
        artifacts = Path(folder) / "artifacts"
        before = os.environ.get("BLASTLENS_ARTIFACTS")
        os.environ["BLASTLENS_ARTIFACTS"] = str(artifacts)
        try:
            furnish(artifacts)
            while time.monotonic() < until:
                for name, kind in kinds().items():
                    yield trial(seed, name, kind, artifacts)
                seed += 1
        finally:
            os.environ.pop("BLASTLENS_ARTIFACTS")
            if before is not None:
                os.environ["BLASTLENS_ARTIFACTS"] = before
