"""A run whose recipe normalises stain: training, evaluation and reading see the same."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core import storage
from core.archive import archive
from core.data import datasets
from core.data.geometry import fit
from core.data.images import decode
from core.data.pixel_cache import pixels, prepare
from core.errors import RunError
from core.evaluation.evaluate import evaluate_on
from core.evaluation.staining import recolour
from core.metrics import classification
from core.models.engine import Engine
from core.reading.reader import Reader
from core.runs import config, run_store
from core.runs.run_store import Run
from tests.factories import training


@pytest.fixture(scope="module")
def trained(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifacts folder with a run of one epoch that normalises by Reinhard's method."""
    folder = tmp_path_factory.mktemp("normalised")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLASTLENS_ARTIFACTS", str(folder))
        storage.demo_dir().parent.mkdir(parents=True)
        storage.demo_dir().symlink_to(demo_root, target_is_directory=True)
        settings = {"epochs": 1, "precision": "float32", "stain_normalisation": "reinhard"}
        root = storage.demo_dir()
        made = config.create("colour-bands", root, "recommended", **settings)
        training.train(run_store.create(made, "normalised"))
    return folder


@pytest.fixture
def run(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(trained))
    return run_store.get("normalised")


def test_its_predictions_are_of_normalised_cells_and_a_reading_gives_the_same(
    run: Run, demo_root: Path
) -> None:
    stain, rows = run.stain, run.predictions
    assert stain is not None and stain.normalisation == "reinhard" and stain.normaliser
    engine, reader = Engine(run.engine_file), Reader(run)
    for row in rows.iloc[:4].itertuples():
        image = decode(demo_root / row.image_id)
        shown = prepare(image, run.geometry, stain.reinhard)
        seen = engine.logits(fit(shown, run.geometry)[None])[0]
        assert seen == pytest.approx(row.logit, abs=1e-4)
        picture = reader.picture(image)
        assert picture.output.logit[0] == pytest.approx(row.logit, abs=1e-4)
        np.testing.assert_array_equal(picture.shown, shown)
    (cell,) = reader.read(demo_root / rows["image_id"][0]).cells
    np.testing.assert_array_equal(
        cell.image, prepare(decode(demo_root / rows["image_id"][0]), run.geometry, stain.reinhard)
    )
    assert reader.judge(cell).figures is not None  # the heat map is tested on what was read


def test_an_evaluation_sees_normalised_cells(run: Run) -> None:
    rows = run.predictions
    expected = classification.roc_auc(rows["label"].to_numpy(), rows["probability"].to_numpy())
    found = evaluate_on(run, "demo").metrics.metric("roc_auc")
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_light_of_a_picture_does_not_move_its_logit(run: Run, demo_root: Path) -> None:
    image = decode(demo_root / run.predictions["image_id"][0])
    darker = recolour(image, np.eye(3), np.full(3, 0.2))
    normalised, plain = Reader(run), Engine(run.engine_file)
    logits = [float(normalised.picture(one).output.logit[0]) for one in (image, darker)]
    assert logits[0] == pytest.approx(logits[1], abs=0.15)
    own = plain.logits(np.stack([fit(one, run.geometry) for one in (image, darker)]))
    assert abs(own[0] - logits[0]) > 1e-3  # the network alone does not normalise


def test_cells_in_the_cache_are_told_apart_by_what_they_are_normalised_to(run: Run) -> None:
    index = datasets.index(storage.demo_dir())
    cells = index.labelled().iloc[:3]
    first, other = (
        np.array(pixels(index.root, cells, run.geometry, normaliser=normaliser))
        for normaliser in (None, run.normaliser)
    )
    assert (first != other).any()
    for row, name in enumerate(cells["image_id"]):
        shown = prepare(decode(index.root / name), run.geometry, run.normaliser)
        np.testing.assert_array_equal(other[row], fit(shown, run.geometry))


def test_an_archive_holds_the_stain_and_is_refused_without(run: Run, tmp_path: Path) -> None:
    archive.export(run, tmp_path / "whole.zip")
    copy = archive.import_run(tmp_path / "whole.zip", "again")
    assert copy.stain == run.stain
    lost = Run(run.path.with_name("lost"))
    shutil.copytree(run.path, lost.path)
    lost.stain_file.unlink()
    archive.export(lost, tmp_path / "lost.zip")
    with pytest.raises(RunError, match="normalises stain by 'reinhard'"):
        archive.import_run(tmp_path / "lost.zip", "third")
    with pytest.raises(RunError, match="normalises stain"):
        Reader(lost)
    for left in (copy, lost):
        shutil.rmtree(left.path)
