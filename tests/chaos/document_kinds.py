"""The kinds of JSON documents that an artifacts folder holds, and what shows each."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import storage
from core.audit import subject_probe
from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.cohort.plan import CohortSummary
from core.data import datasets, images, indexing
from core.data.synthetic.dataset import draw_cell
from core.embedding.embedding_job import EmbeddingJob
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
    operating_point.rule(fitted, "cell")
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
    _ = cohort.plan, cohort.plan.options, cohort.parts_place
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
