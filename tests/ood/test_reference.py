"""What a run keeps of its training cells: features, distances, limits and ranges."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.geometry import fit
from core.data.images import decode
from core.data.measures import MEASURES
from core.errors import ModelError
from core.models.engine import Engine
from core.ood import reference
from core.runs.run_store import Run
from tests.factories.processes import crowding


def parts(split: list[str], groups: list[str], diameters: list[float]) -> pd.DataFrame:
    """Cells with their split, group and measures; all measures but the diameter are 0.5."""
    number = len(split)
    table = pd.DataFrame(0.5, index=range(number), columns=MEASURES)
    table["diameter_px"] = diameters
    return table.assign(
        image_id=[f"{n}.bmp" for n in range(number)],
        subject=groups,
        group=groups,
        label=[n % 2 for n in range(number)],
        sha256=[str(n) for n in range(number)],
        split=split,
    )


def at(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane at these angles."""
    angles = np.radians(degrees)
    return np.column_stack((np.cos(angles), np.sin(angles))).astype(np.float32)


def test_a_distance_is_the_length_between_unit_vectors_whatever_the_features_length() -> None:
    kept = reference.assemble(
        parts(["train"] * 3, ["a", "b", "c"], [200.0] * 3),
        at(0, 60, 180),
        np.zeros(2, np.float32),
        parts(["train"] * 3, ["a", "b", "c"], [200.0] * 3)[MEASURES],
        limit=1.0,
        reason="",
        appearance_limit=None,
        red_cell=None,
    )
    found = kept.distances(np.array([0.01, 0], np.float32))
    assert found == pytest.approx([0, 1, 2], abs=1e-3)  # chords of 0, 60 and 180 degrees
    assert kept.distance(found) == pytest.approx(2, abs=1e-3)  # of three, the farthest is the fifth
    with pytest.raises(ModelError, match="different runs"):
        kept.distances(np.zeros(3, np.float32))


def test_a_cell_is_never_compared_with_its_own_group() -> None:
    """Each group is a bundle of equal cells: all distances within it are 0, across it 1."""
    features = np.repeat(at(0, 60, 120), 6, axis=0)
    groups = np.repeat(np.array(["a", "b", "c"], object), 6)
    found = reference._distances(features, groups, features, groups)
    assert found == pytest.approx(1, abs=1e-3)
    limit, reason = reference.find_limit(features, groups, features[:0], groups[:0])
    assert limit == pytest.approx(1, abs=1e-2) and "18 reference cells of 3 groups" in reason


def test_the_limit_is_that_of_the_validation_part_where_it_is_large() -> None:
    rng = np.random.default_rng(0)
    training = reference.unit(rng.normal(1, 0.1, (300, 8)))
    near = reference.unit(rng.normal(1, 0.1, (400, 8)))
    groups = np.array([f"t{n % 10}" for n in range(300)], object)
    own = np.array([f"v{n % 20}" for n in range(400)], object)
    limit, reason = reference.find_limit(training, groups, near, own)
    assert limit is not None and reason.startswith("400 validation cells of 20 groups")
    found = reference._distances(near, own, training, groups)
    assert 0.98 <= (found <= limit).mean() <= 1  # it is a 99th percentile, or a little more
    wild, _ = reference.find_limit(
        training, groups, reference.unit(rng.normal(1, 1, (400, 8))), own
    )
    assert wild is not None and wild > 2 * limit


def test_without_groups_there_is_no_limit_and_a_reason() -> None:
    features = at(*range(20))
    unknown = np.array(["unknown"] * 20, object)
    limit, reason = reference.find_limit(features, unknown, features[:0], unknown[:0])
    assert limit is None and "0 known groups" in reason and "3 are needed" in reason


def test_where_no_subject_is_known_pictures_are_held_against_one_another() -> None:
    features = at(*np.linspace(0, 20, 40))
    table = parts(["train"] * 40, [None] * 40, [200.0] * 40)  # type: ignore[list-item]
    kept = reference.build(table, features, None)
    assert 0 < kept["limit"] < 0.1  # neighbours lie half a degree apart, 0.009
    named = reference.build(table.assign(group=[*["a"] * 20, *["b"] * 20]), features, None)
    assert np.isnan(named["limit"]) and "2 known groups" in str(named["reason"])
    # One subject known: the others may be one other.
    one = reference.build(table.assign(group=["a", *[None] * 39]), features, None)
    assert np.isnan(one["limit"])


def test_ranges_have_the_stated_margin_and_missing_measures_are_said_as_none() -> None:
    table = parts(["train"] * 401, ["a"] * 401, [100.0] + [200.0] * 399 + [400.0])
    kept = reference.assemble(
        table,
        np.ones((401, 2)),
        np.zeros(2),
        table[MEASURES],
        limit=None,
        reason="",
        appearance_limit=None,
        red_cell=None,
    )
    low, high = kept.diameter or (0, 0)
    # One cell in 401 lies beyond the robust ends, so neither outlier stretches the range.
    assert low == pytest.approx(200 / 1.15) and high == pytest.approx(200 * 1.15)
    assert kept.focus == pytest.approx(0.5 * 0.95) and kept.typical_diameter == 200
    nothing = table.assign(diameter_px=np.nan, focus=np.nan)
    kept = reference.assemble(
        nothing,
        np.ones((401, 2)),
        np.zeros(2),
        nothing[MEASURES],
        limit=None,
        reason="",
        appearance_limit=None,
        red_cell=None,
    )
    assert kept.diameter is None and kept.focus is None


def test_a_finished_run_holds_the_features_its_engine_gives(
    finished_run: Run, demo_root: Path
) -> None:
    kept = reference.load(finished_run)
    assert kept is not None and kept.limit is not None and kept.red_cell == 125
    assert len(kept.cells) == len(kept.features) == len(kept.measures)
    assert set(kept.cells["split"]) == {"train"}
    engine = Engine(finished_run.engine_file)
    for row in (0, 7, len(kept.cells) - 1):
        image = decode(demo_root / kept.cells["image_id"][row])
        pooled = engine(fit(image, finished_run.geometry)[None]).features[0].mean(axis=(0, 1))
        distances = kept.distances(pooled)
        assert int(distances.argmin()) == row and distances[row] < 0.1 * kept.limit
    with np.load(finished_run.path / reference.FILE, allow_pickle=False) as arrays:
        assert arrays["features"].dtype == np.float16  # and nothing in it needs pickle


def test_a_damaged_or_foreign_file_is_an_error_and_a_missing_one_is_none(
    finished_run: Run, tmp_path: Path
) -> None:
    copy = Run(tmp_path / "copy")
    copy.path.mkdir()
    split = pd.read_parquet(finished_run.path / "split.parquet")
    split.to_parquet(copy.path / "split.parquet")
    assert reference.load(copy) is None
    whole = (finished_run.path / reference.FILE).read_bytes()
    (copy.path / reference.FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged or of another run"):
        reference.load(copy)
    (copy.path / reference.FILE).write_bytes(whole)
    assert reference.load(copy) is not None
    split.iloc[:-20].to_parquet(copy.path / "split.parquet")
    split[split["split"] != "train"].to_parquet(copy.path / "split.parquet")
    with pytest.raises(ModelError, match=r"split\.parquet 0 of training"):
        reference.load(copy)


def test_a_search_among_as_many_cells_as_c_nmc_has_takes_milliseconds() -> None:
    rng = np.random.default_rng(0)
    number = 10_661
    table = pd.DataFrame({"label": np.zeros(number, int)})
    measures = pd.DataFrame(0.5, index=range(2), columns=MEASURES)
    features = reference.unit(rng.random((number, 1536), np.float32))
    kept = reference.assemble(
        table,
        features,
        np.zeros(1536, np.float32),
        measures,
        limit=None,
        reason="",
        appearance_limit=None,
        red_cell=None,
    )
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        kept.distances(features[5])
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.05 * crowding()  # 5 ms on an idle machine
