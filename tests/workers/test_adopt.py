"""A model from elsewhere becomes a run, by real worker processes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.adoption import request, statement
from core.adoption.adopt import adopt
from core.archive import archive
from core.data import datasets
from core.data.geometry import Geometry
from core.data.indexing import Index
from core.data.pixel_cache import pixels
from core.doctor import diagnoses
from core.errors import ConfigError, RunError
from core.evaluation.test_set import TestSet
from core.models.inputs import InputContract
from core.ood import reference
from core.reading.reader import Reader
from core.report import comparison
from core.report.card import render, sections
from core.report.cell import limits, track_record
from core.runs import active_model
from core.runs.adoption import MAY_HAVE_SEEN, Wanted
from core.runs.run_store import Run
from core.workers import conversion, worker
from tests.factories import foreign, training

CONTRACT = InputContract("-1..1", "bgr")


@pytest.fixture(scope="module")
def model_file(demo_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A nested network in the older format, whose output 1 is a healthy cell."""
    folder = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(folder))
        cells = demo_index.labelled()
        array = np.asarray(pixels(demo_index.root, cells, Geometry(size=64)))
    model = foreign.knowing(array, cells["label"].to_numpy(), CONTRACT, hem_is_one=True)
    model.save(folder / "theirs.h5")
    return folder / "theirs.h5"


def test_it_is_fed_as_it_was_trained_and_may_not_be_believed_until_someone_says_more(
    model_file: Path, demo_root: Path, tmp_path: Path
) -> None:
    run = request.create(model_file, demo_root, "theirs")
    training.train(run)
    adoption, measured = run.adoption, run.metrics
    assert adoption is not None and adoption.chosen is not None and measured is not None
    assert adoption.chosen.contract == CONTRACT and adoption.chosen.positive == (0,)
    assert adoption.chosen.roc_auc == max(trial.roc_auc or 0 for trial in adoption.trials) > 0.8
    assert (adoption.outputs, adoption.activation, adoption.no_map) == (1, "sigmoid", "")
    assert run.geometry.size == 64 and measured.training.parameters
    assert request.is_open(run) and not list(run.path.glob(".*"))
    request.discard_original(run)
    assert not list(run.path.glob("original*")) and run.engine_file.is_file()
    # As good as the model is if Keras reads the test cells.
    assert measured.test.roc_auc is not None and measured.test.roc_auc > 0.8
    assert set(measured.parts) == {"train", "validation", "test"}
    _requires_belief_to_be_earned(run)
    _reads(run, demo_root)
    _goes_out_and_in(run, tmp_path)


def _requires_belief_to_be_earned(run: Run) -> None:
    measured = run.metrics
    assert measured is not None and measured.protocol.leaking and measured.skill is None
    card = render.markdown(sections.build(run, diagnoses.examine(run)))
    told = comparison.document([run])
    said = json.dumps([told["runs"][0]["protocol"], track_record.tell(run).calls])
    assert card.count(MAY_HAVE_SEEN) >= 2 and said.count(MAY_HAVE_SEEN) >= 2
    assert "Not a fair comparison" in told["verdict"]
    assert next(d.key for d in diagnoses.examine(run)) == "leaking-split"
    statement.state(run, "cells of another hospital")
    after = run.metrics
    assert after is not None and not after.protocol.leaking and after.skill is not None
    card = render.markdown(sections.build(run, diagnoses.examine(run)))
    assert MAY_HAVE_SEEN not in card and "cells of another hospital" in card
    assert "Not a fair comparison" not in comparison.document([run])["verdict"]
    statement.state(run, " ")
    assert TestSet.load(run).leaking
    with pytest.raises(ConfigError, match="Shorten it"):
        statement.state(run, "word " * 1000)


def _reads(run: Run, demo_root: Path) -> None:
    """A reading has a call, a gate by the reference, a heat map, and says what limits it."""
    kept = reference.load(run)
    assert (
        kept is not None
        and len(kept.features)
        == (pd.read_parquet(run.path / "split.parquet")["split"] == "train").sum()
    )
    file = demo_root / run.predictions.query("split == 'test'")["image_id"].iloc[0]
    reader = Reader(run)
    reading = reader.read(file.read_bytes(), file.name)
    (cell,) = reading.cells
    assert cell.heat_map.values.shape == (14, 14) and cell.method == "hires-cam"
    assert not reader.judge(cell).supported
    said = limits.limits(cell, run.calibration, track_record.tell(run))
    assert any(MAY_HAVE_SEEN in sentence for sentence in said)
    assert not any("it was not trained on it" in sentence for sentence in said)


def _goes_out_and_in(run: Run, tmp_path: Path) -> None:
    archive.export(run, tmp_path / "theirs.zip")
    again = archive.import_run(tmp_path / "theirs.zip", "again")
    assert again.adoption == run.adoption and again.engine_digest == run.engine_digest
    (run.path / "adoption.json").unlink()
    archive.export(run, tmp_path / "without.zip")
    with pytest.raises(RunError, match=r"An adopted run has adoption\.json"):
        archive.import_run(tmp_path / "without.zip", "without")


def test_what_the_user_says_is_done_and_can_be_overruled_until_it_is_kept(
    model_file: Path, demo_root: Path
) -> None:
    wanted = Wanted(pixels="0..1", channels="rgb", positive=(1,))
    run = request.create(model_file, demo_root, "told", wanted=wanted, seed=2)
    worker.carry_out(run, lambda job, reporter: adopt(job, reporter, conversion.work))
    adoption = run.adoption
    assert adoption is not None and adoption.chosen is not None, run.status.error
    assert adoption.chosen.contract == InputContract("0..1", "rgb")
    assert adoption.chosen.positive == (1,) and len(adoption.trials) == 10
    assert datasets.resolve(run.config.dataset) == demo_root
    with pytest.raises(RunError, match="There is a run told already"):
        request.create(model_file, demo_root, "told")
    digest = run.engine_digest
    (run.path / "evaluations.json").write_text("[]")
    request.repeat(run, Wanted(pixels="-1..1", channels="bgr", positive=(0,)))
    assert run.status.state == "cancelled" and run.metrics is None
    assert {file.name for file in run.path.iterdir() if file.name[0] != "."} <= {
        *("config.json", "adoption.json", "status.json", "worker.log", "original.h5")
    }
    run.requeue()
    worker.carry_out(run, lambda job, reporter: adopt(job, reporter, conversion.work))
    adoption = run.adoption
    assert adoption is not None and adoption.chosen is not None, run.status.error
    assert adoption.chosen.contract == CONTRACT and run.engine_digest != digest
    active_model.promote(run)
    with pytest.raises(RunError, match="chosen for readings"):
        request.repeat(run, Wanted())
