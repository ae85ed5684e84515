import dataclasses
import time

import numpy as np
import pandas as pd
import pytest

from core.cells.morphology import Morphology
from core.data.similar import WEIGHTS, nearest
from core.errors import DataError


def random_table(rows, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.normal(10, 2, rows) for name in WEIGHTS})
    return table.assign(image_id=[f"cell-{i}" for i in range(rows)], subject="7")


def test_the_columns_are_fields_of_morphology():
    assert set(WEIGHTS) <= {field.name for field in dataclasses.fields(Morphology)}


def test_a_twin_is_first_at_distance_zero_and_the_cell_is_not_its_own():
    table = random_table(50)
    table.loc[31, list(WEIGHTS)] = table.loc[4, list(WEIGHTS)]
    found = nearest(table, "cell-4", 5)
    assert found["image_id"].iloc[0] == "cell-31"
    assert found["distance"].iloc[0] == 0
    assert found["distance"].is_monotonic_increasing
    assert "cell-4" not in set(found["image_id"])
    assert list(found.columns) == [*table.columns, "distance"]
    assert "distance" not in table.columns


def test_the_distance_is_what_a_hand_computes():
    # Median 2 and quartiles 1 and 3, so one robust SD is 2 / 1.349.
    table = pd.DataFrame({"image_id": list("abcde"), "texture": [0.0, 1, 2, 3, 4]})
    found = nearest(table, "a", 4)
    assert list(found["image_id"]) == list("bcde")
    np.testing.assert_allclose(found["distance"], np.arange(1, 5) * 1.349 / 2)


def test_units_and_order_of_rows_do_not_matter():
    table = random_table(80)
    wanted = nearest(table, "cell-9", 6)
    other = table.assign(diameter_px=table["diameter_px"] * 1000 + 5)
    other = other.sample(frac=1, random_state=2).set_index(np.arange(80) % 3)
    found = nearest(other, "cell-9", 6)
    assert list(found["image_id"]) == list(wanted["image_id"])
    np.testing.assert_allclose(found["distance"], wanted["distance"])


def test_one_wild_figure_does_not_change_the_scale_for_the_others():
    table = random_table(80)
    wanted = nearest(table, "cell-9", 3)["image_id"]
    table.loc[50, "texture"] = 1e9
    found = nearest(table, "cell-9", 79)
    assert set(found["image_id"].iloc[:3]) == set(wanted)
    assert np.isfinite(found["distance"]).all()


def test_unknown_figures_are_left_out_of_the_comparison():
    table = random_table(40)
    wanted = nearest(table.drop(columns="nucleus_share"), "cell-3", 5)
    for unknown in (np.nan, None, np.inf):
        part = table.assign(nucleus_share=table["nucleus_share"].astype(object))
        part["nucleus_share"] = unknown
        found = nearest(part, "cell-3", 5)
        assert list(found["image_id"]) == list(wanted["image_id"])
        np.testing.assert_allclose(found["distance"], wanted["distance"])


def test_a_cell_without_any_figure_comes_last():
    table = random_table(10)
    table.loc[2, list(WEIGHTS)] = np.nan
    found = nearest(table, "cell-0", 20)
    assert len(found) == 9
    assert found["image_id"].iloc[-1] == "cell-2"
    assert np.isnan(found["distance"].iloc[-1])
    assert nearest(table, "cell-2", 3)["distance"].isna().all()


def test_a_constant_column_says_nothing():
    table = random_table(30)
    same = nearest(table.assign(red=7.0), "cell-1", 5)
    without = nearest(table.drop(columns="red"), "cell-1", 5)
    assert list(same["image_id"]) == list(without["image_id"])


@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_as_many_as_asked_for_or_as_there_are(count):
    assert len(nearest(random_table(12), "cell-0", count)) == min(count, 11)


def test_what_cannot_be_answered_is_said():
    table = random_table(5)
    with pytest.raises(DataError, match="nobody"):
        nearest(table, "nobody", 3)
    with pytest.raises(DataError, match="none of the columns"):
        nearest(table[["image_id", "subject"]], "cell-0", 3)
    with pytest.raises(ValueError, match="-1"):
        nearest(table, "cell-0", -1)


def test_fifteen_thousand_cells_take_a_moment():
    table = random_table(15_000)
    taken = []
    for _ in range(5):
        start = time.thread_time()
        nearest(table, "cell-77", 12)
        taken.append(time.thread_time() - start)
    assert min(taken) < 0.05  # about 10 ms; the rest is for a slower machine
