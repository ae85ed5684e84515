"""What comes in which epoch depends on the seed alone."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from core.runs import config
from core.runs.config import RunConfig
from core.training import batches
from core.training.batches import Batch

PIXELS = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
LABELS = np.array([1] * 15 + [0] * 5)
ROWS = np.arange(2, 20)  # 13 ALL and 5 HEM


def settings(**changed: object) -> RunConfig:
    plain = {"augmentation": (), "class_balance": "none", "batch_size": 4, "seed": 3}
    return config.create("cnn-16", Path("data"), "recommended", **plain | changed)


def epoch(number: int, **changed: object) -> list[Batch]:
    chosen = settings(**changed)
    look_up = batches.augmented(PIXELS, chosen)
    return list(batches.epoch_batches(look_up, LABELS, ROWS, chosen, number))


def rows_of(stream: list[Batch]) -> list[int]:
    return [int(row) for batch in stream for row in batch.inputs[:, 0, 0, 0]]


def test_each_epoch_sees_each_row_once_in_an_order_of_its_own() -> None:
    first, second = (rows_of(epoch(number)) for number in (0, 1))
    assert sorted(first) == sorted(second) == list(ROWS)
    assert first != second != list(ROWS) != first
    assert [len(batch.labels) for batch in epoch(0)] == [4, 4, 4, 4, 2]
    assert len(epoch(0)) == batches.steps(len(ROWS), 4)


def test_the_seed_decides_and_no_epoch_needs_the_one_before() -> None:
    augmented = {"augmentation": ("dihedral", "stain", "brightness")}
    straight = [epoch(number, **augmented) for number in range(3)]
    for again, once in zip(epoch(2, **augmented), straight[2], strict=True):
        for values, expected in zip(again, once, strict=True):
            np.testing.assert_array_equal(values, expected)
    assert rows_of(epoch(2, seed=4)) != rows_of(epoch(2))


def test_labels_and_weights_go_with_their_images() -> None:
    (batch,) = epoch(0, batch_size=18, class_balance="weights", augmentation="dihedral")
    rows = batch.inputs[:, 0, 0, 0]
    np.testing.assert_array_equal(batch.labels, LABELS[rows])
    # Both classes weigh nine, and a cell weighs one on average.
    assert batch.weights[batch.labels == 1].sum() == pytest.approx(9, rel=1e-6)
    assert batch.weights[batch.labels == 0].sum() == pytest.approx(9, rel=1e-6)
    assert batch.inputs.dtype == np.uint8
    assert batch.labels.dtype == batch.weights.dtype == np.float32
    assert all((batch.weights == 1).all() for batch in epoch(0))


def test_sampling_gives_as_many_of_each_class_and_each_cell_its_turn() -> None:
    epochs = [np.array(rows_of(epoch(number, class_balance="sampling"))) for number in range(60)]
    for rows in epochs:
        assert len(rows) == len(ROWS)
        assert (LABELS[rows] == 1).sum() == (LABELS[rows] == 0).sum() == 9
        seen = np.bincount(rows, minlength=20)
        assert set(seen[15:]) == {1, 2}  # nine of five cells: each once, four of them twice
        assert seen[:15].max() == 1
    often = np.bincount(np.concatenate(epochs), minlength=20)
    assert often[15:].sum() == often[:15].sum() == 540
    np.testing.assert_allclose(often[15:], 540 / 5, rtol=0.15)
    np.testing.assert_allclose(often[2:15], 540 / 13, rtol=0.4)
    assert (epochs[0] != epochs[1]).any()
    assert all((batch.weights == 1).all() for batch in epoch(0, class_balance="sampling"))


def test_an_odd_number_of_cells_is_sampled_to_within_one() -> None:
    rows = batches.epoch_rows(LABELS, ROWS[:-1], settings(class_balance="sampling"), 0)
    assert len(rows) == 17
    assert abs((LABELS[rows] == 1).sum() - (LABELS[rows] == 0).sum()) == 1


def test_augmented_pixels_are_changed_as_the_config_says() -> None:
    bright = np.full((1, 4, 4, 3), 128, np.uint8)
    for strength, changed in (("0", False), ("1", True)):
        chosen = settings(augmentation="brightness", augmentation_strength=strength)
        look_up = batches.augmented(bright, chosen)
        got = look_up(np.zeros(8, int), np.random.default_rng(0))
        assert (len(np.unique(got)) > 1) is changed


def test_ahead_gives_the_same_batches_and_makes_the_next_one_meanwhile() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            yield number

    stream = batches.ahead(numbers())  # type: ignore[arg-type]
    assert next(stream) == 0
    deadline = time.monotonic() + 5
    while made != [0, 1] and time.monotonic() < deadline:
        time.sleep(0.005)
    assert made == [0, 1]
    assert list(stream) == [1, 2, 3, 4]


def test_ahead_passes_an_exception_on_behind_what_came_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk went")

    stream = batches.ahead(broken())  # type: ignore[arg-type]
    assert next(stream) == 1
    with pytest.raises(OSError, match="the disk went"):
        next(stream)


def test_an_abandoned_stream_ends_its_thread() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    def use() -> None:
        for _ in batches.ahead(endless()):  # type: ignore[arg-type]
            raise ValueError("not a number")

    before = set(threading.enumerate())
    with suppress(ValueError):
        use()
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_with_regions_each_batch_has_its_covered_inputs() -> None:
    chosen = settings(augmentation=("dihedral",))
    look_up = batches.augmented(np.full((20, 8, 8, 3), 9, np.uint8), chosen)
    for batch in batches.epoch_batches(look_up, LABELS, ROWS, chosen, 0, regions=(4, 4)):
        assert batch.covered is not None and batch.visible is not None
        assert len(batch.covered) == -(-len(batch.inputs) // 2)
        assert batch.visible.shape == (len(batch.covered), 4, 4)
