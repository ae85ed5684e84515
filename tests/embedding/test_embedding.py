"""Maps of cells: hand-computed axes, the same points in any order, what has no place, the job."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data import datasets, measures, quality, similar
from core.embedding import embedding_job, embedding_map, map_colours, projection
from core.errors import ConfigError, DataError
from core.evaluation.test_set import OUTCOMES
from core.jobs.reporter import Reporter
from core.report import maps
from core.runs.run_store import Run
from core.workers import embedding as worker


def looks(*diameters: float) -> pd.DataFrame:
    rows = [{"diameter_px": d, "texture": d % 7, "nucleus_share": None} for d in diameters]
    return pd.DataFrame(rows).assign(image_id=[f"{n}.bmp" for n in range(len(diameters))])


def cells(number: int) -> pd.DataFrame:
    return pd.DataFrame({"sha256": [f"{n:064d}" for n in range(number)]})


def test_components_are_those_worked_out_by_hand() -> None:
    # Along (1, 1): -2, 0, 2 times sqrt(2). Across: 1, -2, 1 over sqrt(2) times 2, nothing else.
    along, across = np.array([1, 1]) / np.sqrt(2), np.array([1, -1]) / np.sqrt(2)
    values = np.outer([-4, 0, 4], along) + np.outer([1, -2, 1], across) + [100, 7]
    points, shares = projection.principal_components(values, 2)
    assert points[:, 0] == pytest.approx([-4, 0, 4])
    assert points[:, 1] == pytest.approx([1, -2, 1])  # of two equal weights the first is positive
    assert shares == pytest.approx([32 / 38, 6 / 38])


def test_one_feature_has_one_axis_and_equal_cells_have_none() -> None:
    points, shares = projection.principal_components(np.array([[1.0], [3.0]]), 2)
    assert points.tolist() == [[-1, 0], [1, 0]] and shares.tolist() == [1, 0]
    points, shares = projection.principal_components(np.ones((3, 4)), 2)
    assert not points.any() and not shares.any()


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ConfigError, match="can be pca, umap"):
        projection.project(np.ones((3, 2)), "tsne")


@pytest.mark.parametrize("order", [[4, 2, 0, 1, 3], [3, 4, 0, 2, 1]])
def test_the_order_of_the_cells_does_not_matter(order: list[int]) -> None:
    files, table = cells(5), looks(40, 52, 61, 77, 90)
    one = embedding_map.of_measures(files, table, "pca")
    other = embedding_map.of_measures(files.iloc[order], table.iloc[order], "pca")
    assert one.digests.tolist() == other.digests.tolist()
    assert one.points == pytest.approx(other.points, abs=1e-5)


def test_what_cannot_be_measured_is_left_out_and_counted(tmp_path: Path) -> None:
    table = looks(40, 52, np.nan, 77)
    drawn = embedding_map.of_measures(cells(4), table, "pca")
    assert drawn.left_out == 1 and "1 is left out" in maps.says(drawn, "3 cells", "alike")
    assert drawn.place(cells(4)).index.tolist() == [0, 1, 3]
    drawn.save(tmp_path / "map.npz")
    kept = embedding_map.load(tmp_path / "map.npz")
    assert kept.digests.tolist() == drawn.digests.tolist() and kept.explained == drawn.explained
    assert np.array_equal(kept.points, drawn.points) and kept.left_out == 1
    with pytest.raises(DataError, match="nothing to draw"):
        embedding_map.of_measures(cells(2), looks(np.nan, np.nan), "pca")


def test_distances_of_the_features_are_those_of_the_most_similar_cells() -> None:
    table = looks(40, 52, 61, 77, 90)
    features = similar.features(table)
    nearest = similar.nearest(table, "1.bmp", 4)
    for row, distance in zip(nearest.index, nearest["distance"], strict=True):
        assert np.linalg.norm(features[row] - features[1]) == pytest.approx(distance)


@pytest.mark.slow
def test_a_job_draws_the_map_of_a_data_set_and_is_found_again(workspace: Path) -> None:
    index = datasets.index(datasets.resolve("demo"))
    shutil.rmtree(embedding_job.of_data_set(index, "pca").path)  # another test may have drawn it
    job = embedding_job.of_data_set(index, "pca")
    assert job.map is None
    with Reporter(job) as reporter:
        worker.work(job, reporter)
    job.finish("succeeded")
    drawn = embedding_job.of_data_set(index, "pca").map
    assert drawn is not None and drawn.explained is not None
    placed = drawn.place(index.cells)
    assert len(placed) == len(index.cells) - drawn.left_out
    assert embedding_job.of_data_set(index, "umap").path != job.path
    flags = map_colours.by_flag(placed, measures.measure(index))
    assert set(flags) <= {map_colours.NO_FLAG, map_colours.SEVERAL_FLAGS, *quality.FLAGS}


def test_a_model_s_map_has_every_cell_and_marks_the_errors_of_its_test_part(
    finished_run: Run,
) -> None:
    job = embedding_job.of_run(finished_run, "pca")
    with Reporter(job) as reporter:
        worker.work(job, reporter)
    job.finish("succeeded")
    assert job.map is not None and job.map.left_out == 0
    index = datasets.index(datasets.resolve("demo"))
    placed = job.map.place(index.cells)
    split = pd.read_parquet(finished_run.path / "split.parquet")
    assert set(placed["image_id"]) == set(split["image_id"])
    outcome = map_colours.by_outcome(placed, finished_run)
    tested = set(split.loc[split["split"] == "test", "image_id"])
    assert set(placed.loc[outcome != map_colours.NOT_TESTED, "image_id"]) == tested
    of_all = outcome.isin([OUTCOMES["tp"], OUTCOMES["fn"]])
    assert (placed.loc[of_all, "label"] == 1).all()


def test_colours_of_subjects_are_those_chosen() -> None:
    table = pd.DataFrame({"subject": ["1", "2", None, "2"], "label": [1, 0, None, 1]})
    assert map_colours.largest_subjects(table, 1) == ["2"]
    assert map_colours.by_subject(table, ["2"]).tolist() == [
        map_colours.OTHERS, "subject 2", map_colours.OTHERS, "subject 2",
    ]  # fmt: skip
    assert map_colours.by_class(table.astype({"label": "Int64"})).tolist() == [
        "ALL", "HEM", "unlabelled", "ALL",
    ]  # fmt: skip
