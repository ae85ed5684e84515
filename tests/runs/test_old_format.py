"""Run folders, archives, sweeps and printed documents of version 0.1 still open, unchanged.

`tests/fixtures/old_format` was written by the code of that version: a run on the synthetic demo set
as an archive, the same run imported from it, a cross-validation, a search, the history of the
models chosen, and what three verbs printed of them.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.archive import archive
from core.reading.reader import Reader
from core.runs import active_model, run_store
from core.runs.metrics import Confusion
from core.tuning import sweep_store
from tests.conftest import PROJECT

OLD = Path(__file__).resolve().parents[1] / "fixtures" / "old_format"
CELL = OLD / "cell.png"  # a synthetic cell as the first version drew it


@pytest.fixture(autouse=True)
def old_artifacts(artifacts: Path) -> None:
    shutil.copytree(OLD, artifacts, ignore=shutil.ignore_patterns("printed", "*.zip", "*.png"))


def imported_archive() -> run_store.Run:
    return archive.import_run(OLD / "old.blastlens.zip")


def test_a_run_folder_is_read_whole() -> None:
    run = run_store.get("old-imported")
    assert run_store.runs() == [run]
    config = run.config
    assert (config.architecture, config.dataset, config.batch_size) == ("compact", "demo", 16)
    assert (config.augmentation, config.sample) == (("stain",), None)
    assert run.metrics is not None
    test = run.metrics.test
    assert test.images == 62 and test.confusion == Confusion(tp=37, fp=18, fn=1, tn=6)
    assert test.calls is not None and test.calls["ALL"] == {"ALL": 15, "HEM": 1, "review": 22}
    assert test.estimate("roc_auc").interval == (0.4218481182795701, 0.9772727272727273)
    assert run.metrics.training.kept_epoch == 1
    assert run.calibration.method == "temperature"
    assert run.calibration.review.target_error == 0.3
    assert run.calibration.default.threshold == 0.5
    (evaluation,) = run.evaluations
    assert evaluation.metrics.roc_auc == 0.7526041666666666
    assert run.imported is not None and run.imported.run == "old"
    assert run.geometry.size == 104


def test_an_archive_is_imported_and_reads_a_cell() -> None:
    run = imported_archive()
    assert active_model.active() == run and active_model.changed_since(run) is None
    reading = Reader(run).read(CELL)
    (cell,) = reading.cells
    assert cell.logit == pytest.approx(0.15150471031665802, abs=1e-4)
    assert cell.probability == pytest.approx(0.5343036748961331, abs=1e-4)
    assert cell.interval == pytest.approx((0.25544903417421533, 0.8688661069801523), abs=1e-3)
    assert cell.call == "review"


def test_sweeps_are_read_whole() -> None:
    searched, validated = sweep_store.get("old-search"), sweep_store.get("old-cv")
    assert sweep_store.sweeps() == [searched, validated]
    assert searched.plan.trials == 2 and searched.plan.base.sample == 60
    space = searched.plan.space
    assert set(space) == {"learning_rate", "schedule", "dropout"}
    assert space["learning_rate"].log and space["learning_rate"].high == 0.01
    assert space["dropout"].choices[:2] == (None, 0.0)
    assert searched.results is not None and searched.results.best.value == 0.6739305316329612
    assert validated.plan.base.folds == validated.plan.total == 3
    assert validated.results is not None and len(validated.results.folds) == 3


@pytest.mark.parametrize("verb", [("evaluate", "old"), ("operating-point", "old"), ("sweeps",)])
def test_verbs_print_the_same_documents(verb: tuple[str, ...], artifacts: Path) -> None:
    imported_archive()
    done = subprocess.run(
        [sys.executable, "-m", "core", *verb, "--json"],
        cwd=PROJECT,
        env=os.environ | {"BLASTLENS_ARTIFACTS": str(artifacts)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads((OLD / "printed" / f"{verb[0]}.json").read_text(encoding="utf-8"))
    # What a verb measures anew has the intervals of today.
    measured = verb[0] == "operating-point"
    found, expected = json.loads(done.stdout), printed
    if verb[0] == "sweeps":
        for sweep in expected:
            sweep["base"]["stain_normalisation"] = "none"  # a setting that came later
    if measured:
        found, expected = without_intervals(found), without_intervals(expected)
        expected["shift"] = 0.0  # calibrations have it since
    assert found == expected


def without_intervals(document: object) -> object:
    """The document without what stands under `interval`, at any depth."""
    if isinstance(document, dict):
        return {k: without_intervals(v) for k, v in document.items() if k != "interval"}
    if isinstance(document, list):
        return [without_intervals(item) for item in document]
    return document
