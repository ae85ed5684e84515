"""The colours of training cells, and what adapting other cells to them costs."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cells.staining import METHODS, Densities
from core.data.images import decode
from core.data.indexing import Index
from core.data.splits import split
from core.errors import DataError, RunError
from core.evaluation import staining
from core.models.engine import Engine
from core.runs.run_store import Run
from core.runs.stain import AdaptationCost, Stain


@pytest.fixture(scope="module")
def parts(demo_index: Index) -> pd.DataFrame:
    """A few cells of each group, split."""
    return split(demo_index, "subject", seed=0).groupby("group").head(5).reset_index(drop=True)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_colours_are_those_of_the_training_groups_alone(
    method: str, demo_index: Index, parts: pd.DataFrame
) -> None:
    training = parts["split"] == "train"
    found = staining.fit_stain(demo_index.root, parts, method)
    # Files of other parts are not opened: these do not exist.
    gone = parts["image_id"].where(training, "gone.bmp")
    assert staining.fit_stain(demo_index.root, parts.assign(image_id=gone), method) == found
    pictures = [decode(demo_index.root / name) for name in parts.loc[training, "image_id"]]
    assert found.colours.mean == pytest.approx(Densities.fit(pictures).mean)
    assert (found.cells, found.groups) == (training.sum(), parts.loc[training, "group"].nunique())
    assert (found.normaliser is None) == (method == "none")
    assert Stain.parse(found.to_json()) == found


def test_a_large_part_is_sampled_with_as_many_cells_of_each_group(
    demo_index: Index, parts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = parts.loc[parts["split"] == "train", "group"].nunique()
    monkeypatch.setattr(staining, "TRAINING_CELLS", 2 * groups)
    found = staining.fit_stain(demo_index.root, parts, "none")
    assert (found.cells, found.groups) == (2 * groups, groups)


def test_a_cell_that_has_changed_is_not_taken(demo_index: Index, parts: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="has changed since it was indexed"):
        staining.fit_stain(demo_index.root, parts.assign(sha256="0"), "none")
    with pytest.raises(DataError, match="cannot be read"):
        staining.fit_stain(demo_index.root / "elsewhere", parts, "none")


@pytest.fixture
def measured(finished_run: Run, tmp_path: Path) -> Run:
    """A copy of a finished run, whose own validation part has too few groups for a cost."""
    assert finished_run.stain is not None and finished_run.stain.adaptation is None
    copy = Run(tmp_path / "copy")
    shutil.copytree(finished_run.path, copy.path)
    return copy


def cost(run: Run, cells: pd.DataFrame, root: Path) -> AdaptationCost | None:
    assert run.stain is not None
    return staining.measure_cost(run, run.stain, root, cells, Engine(run.engine_file)).adaptation


@pytest.mark.slow
def test_the_cost_is_of_the_validation_part_and_is_kept(
    measured: Run, demo_index: Index, parts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staining, "VALIDATION_CELLS", 30)
    as_validation = parts.assign(split=parts["split"].replace("train", "validation"))
    cells = as_validation["split"] == "validation"
    found = cost(measured, as_validation, demo_index.root)
    assert found is not None and found.change > 0
    assert (found.cells, found.stains) == (30, 4) and cells.sum() > 30
    assert found.groups == as_validation.loc[cells, "group"].nunique()
    assert measured.stain is not None and measured.stain.adaptation == found
    assert cost(measured, parts, demo_index.root) == found  # too few groups, and nothing is lost


@pytest.mark.slow
def test_stains_that_are_like_that_of_training_cost_less(
    measured: Run, demo_index: Index, parts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = parts.assign(split="validation").groupby("group").head(2)
    usual = cost(measured, cells, demo_index.root)
    for name in ("DYE", "LIGHT", "NEIGHBOUR"):
        monkeypatch.setattr(staining, name, 0.01)
    near = cost(measured, cells, demo_index.root)
    assert usual and near and near.change < usual.change


def test_a_run_of_an_older_version_is_measured_from_its_data_set(
    measured: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = measured.stain
    measured.stain_file.unlink()
    assert staining.measure_again(measured) == before
    control = measured.config.replace(inputs="size")
    control.write(measured.path / "config.json")
    with pytest.raises(RunError, match="is a control"):
        staining.measure_again(Run(measured.path))


def test_the_colours_of_an_older_version_are_fitted_anew_and_what_it_normalises_by_is_kept(
    measured: Run,
) -> None:
    before = measured.stain
    assert before is not None
    before.replace(colours=before.colours.replace(correlation=None)).write(measured.stain_file)
    assert staining.measure_again(measured) == before


def test_a_drawn_stain_leaves_black_alone_and_none_changes_nothing(demo_root: Path) -> None:
    image = decode(sorted(demo_root.rglob("*.bmp"))[0])
    mixing, light = staining.draw_stain(np.random.default_rng(1))
    changed = staining.recolour(image, mixing, light)
    np.testing.assert_array_equal(changed.any(axis=2), image.max(axis=2) > 16)
    assert np.abs(changed.astype(int) - image).max() > 10
    same = staining.recolour(image, np.eye(3), np.zeros(3))
    assert np.abs(same.astype(int) - image)[image.max(axis=2) > 16].max() <= 1


def test_a_run_whose_stain_is_lost_cannot_be_read(finished_run: Run, tmp_path: Path) -> None:
    copy = Run(tmp_path / "lost")
    shutil.copytree(finished_run.path, copy.path)
    copy.stain_file.unlink()
    assert copy.stain is None and copy.normaliser is None  # as a run of an older version
    finished_run.config.replace(stain_normalisation="reinhard").write(copy.path / "config.json")
    with pytest.raises(RunError, match="normalises stain by 'reinhard'"):
        _ = Run(copy.path).stain
