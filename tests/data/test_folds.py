"""The folds of a cross-validation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.indexing import Index
from core.data.splits import (
    cross_validation,
    draw,
    pool,
)
from core.errors import ConfigError, DataError
from tests.factories.groups import SEEDS, check_disjoint_and_complete, table_of_groups


def _folds(found: Index, method: str, folds: int, cells: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """The part of each cell in each fold, (folds, cells)."""
    options = {"seed": seed, "folds": folds, "cells": cells}
    drawn = [cross_validation(found, method, fold=fold, **options) for fold in range(folds)]
    assert all(parts["image_id"].equals(cells["image_id"]) for parts in drawn)
    return np.array([parts["split"] for parts in drawn])


@pytest.mark.parametrize("method", ["subject", "image"])
@given(seed=SEEDS, folds=st.integers(3, 5))
@settings(max_examples=10)
def test_over_the_folds_every_cell_is_tested_once_and_validates_once(
    demo_index, method, seed, folds
):
    parts = _folds(demo_index, method, folds, pool(demo_index, method), seed)
    for part, times in (("test", 1), ("validation", 1), ("train", folds - 2)):
        assert ((parts == part).sum(axis=0) == times).all()
    # The next fold's test part is what validates.
    assert np.array_equal(parts == "validation", np.roll(parts == "test", -1, axis=0))


@given(
    seed=SEEDS,
    hem=st.lists(st.tuples(st.integers(1, 39), st.integers(0, 1)), min_size=6, max_size=6),
    blasts=st.lists(st.integers(1, 39), min_size=5, max_size=5),
)
@settings(max_examples=10)
def test_no_fold_divides_a_group_and_each_part_has_both_classes(demo_index, seed, hem, blasts):
    sizes = [*hem, *((0, number) for number in blasts)]
    cells = table_of_groups({f"g{number}": counts for number, counts in enumerate(sizes)})
    for parts in _folds(demo_index, "subject", 3, cells, seed):
        check_disjoint_and_complete(cells.assign(split=parts))


def test_folds_of_images_hold_equal_shares_of_each_class(demo_index):
    cells = table_of_groups({"a": (31, 47), "b": (20, 3)})
    for fold in _folds(demo_index, "image", 5, cells):
        for label, number in ((0, 51), (1, 50)):
            tested = ((fold == "test") & (cells["label"] == label)).sum()
            assert number // 5 <= tested <= -(-number // 5)


def test_the_seed_and_the_number_of_folds_decide_them_and_nothing_else(demo_index):
    cells = pool(demo_index, "subject")
    drawn = {seed: _folds(demo_index, "subject", 3, cells, seed) for seed in range(5)}
    assert np.array_equal(drawn[0], _folds(demo_index, "subject", 3, cells, 0))
    assert any(not np.array_equal(drawn[0], drawn[seed]) for seed in range(1, 5))
    options = {"seed": 2, "sample_of": 60, "balance": "balanced"}
    tested = [
        draw(demo_index, "subject", folds=3, fold=fold, **options).query("split == 'test'")
        for fold in range(3)
    ]
    together = pd.concat(tested)["image_id"]
    sampled = draw(demo_index, "subject", **options)["image_id"]
    assert sorted(together) == sorted(sampled) and together.is_unique


def test_folds_that_cannot_be_are_refused(demo_index):
    options = {"seed": 0, "fold": 0}
    cells = pool(demo_index, "subject")
    with pytest.raises(ConfigError, match="'folds'; cross-validation takes subject or image"):
        cross_validation(demo_index, "folds", folds=3, cells=cells, **options)
    with pytest.raises(DataError, match=r"needs at least 9\. Add subjects"):
        cross_validation(demo_index, "subject", folds=9, cells=cells, **options)
    few = table_of_groups({"a": (2, 9)})
    with pytest.raises(DataError, match=r"With 3 folds, one of .* lacks a class"):
        cross_validation(demo_index, "image", folds=3, cells=few, **options)
