"""A sample of a data set: its shares of classes, spread over the groups."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.splits import (
    draw,
    pool,
    sample,
    split,
)
from core.errors import ConfigError
from tests.factories.groups import SEEDS, table_of_groups


def test_drawing_is_sampling_and_then_splitting(demo_index):
    options = {"balance": "balanced", "seed": 5}
    drawn = draw(demo_index, "subject", sample_of=60, **options)
    sampled = sample(pool(demo_index, "subject"), 60, **options)
    wanted = split(demo_index, "subject", seed=5, cells=sampled)
    pd.testing.assert_frame_equal(drawn, wanted)
    whole = draw(demo_index, "subject", sample_of=None, **options)
    pd.testing.assert_frame_equal(whole, split(demo_index, "subject", seed=5))


def test_a_natural_sample_keeps_the_class_shares(demo_index):
    for images in (10, 25, 60, 119, 120):
        drawn = sample(demo_index.cells, images, balance="natural", seed=1)
        assert len(drawn) == images
        assert drawn["image_id"].is_unique
        assert abs(drawn["label"].sum() - 0.6 * images) <= 0.5
        assert drawn.index.is_monotonic_increasing


def test_a_balanced_sample_is_half_and_half(demo_index):
    for images in (2, 31, 96):
        drawn = sample(demo_index.cells, images, balance="balanced", seed=1)
        assert drawn["label"].sum() == (images + 1) // 2
        assert len(drawn) == images


@pytest.mark.parametrize("balance", ["natural", "balanced"])
@given(seed=SEEDS, images=st.integers(10, 60))
def test_a_sample_is_spread_over_the_groups(balance, seed, images):
    cells = table_of_groups({"a": (0, 50), "b": (0, 4), "c": (0, 30), "d": (40, 0), "e": (40, 0)})
    taken = sample(cells, images, balance=balance, seed=seed)["group"].value_counts()
    for groups in (["a", "b", "c"], ["d", "e"]):
        have = cells["group"].value_counts()[groups]
        got = taken.reindex(groups, fill_value=0)
        open_ended = got[got < have]  # groups that still had cells to give
        assert got.max() - open_ended.min() <= 1


def test_a_sample_of_cells_without_subjects_is_drawn_all_the_same():
    cells = table_of_groups({"a": (30, 30)}).assign(group=None)
    drawn = sample(cells, 20, balance="balanced", seed=0)
    assert (len(drawn), drawn["label"].sum()) == (20, 10)


def test_a_seed_decides_the_sample(demo_index):
    drawn = [
        tuple(sample(demo_index.cells, 30, balance="natural", seed=seed)["image_id"])
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("images", "balance", "message"),
    [
        (121, "natural", "needs 73 ALL images; the data set has 72"),
        (98, "balanced", "needs 49 HEM images; the data set has 48"),
        (10, "uniform", "balance is 'uniform'; it can be natural, balanced"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(demo_index, images, balance, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        sample(demo_index.cells, images, balance=balance, seed=0)


def test_a_sample_too_small_for_both_classes_asks_for_more_and_not_for_fewer(demo_index):
    with pytest.raises(ConfigError) as caught:
        sample(demo_index.cells, 1, balance="balanced", seed=0)
    assert "fewer" not in str(caught.value)
