"""What comes in which epoch depends on the seed alone."""

from itertools import islice

import numpy as np
import pytest

from core.training import batches

PIXELS = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
LABELS = np.array([1] * 15 + [0] * 5)
ROWS = np.arange(2, 20)


def epochs(number: int, **settings: object) -> list[list[np.ndarray]]:
    options = {"batch_size": 4, "seed": 3, "augmentation": False, "class_weights": False} | settings
    steps = batches.steps(len(ROWS), 4)
    stream = batches.training_batches(PIXELS, LABELS, ROWS, **options)
    return [[images[:, 0, 0, 0] for images, *_ in islice(stream, steps)] for _ in range(number)]


def test_each_epoch_sees_each_row_once_in_an_order_of_its_own() -> None:
    first, second = (np.concatenate(epoch) for epoch in epochs(2))
    assert sorted(first) == sorted(second) == list(ROWS)
    assert list(first) != list(second) != list(ROWS)
    assert [len(batch) for batch in epochs(1)[0]] == [4, 4, 4, 4, 2]


def test_the_seed_decides() -> None:
    def flat(**settings: object) -> list[int]:
        return [int(x) for epoch in epochs(3, **settings) for batch in epoch for x in batch]

    assert flat() == flat() != flat(seed=4)


def test_labels_and_weights_go_with_their_images() -> None:
    stream = batches.training_batches(
        PIXELS, LABELS, ROWS, batch_size=18, seed=0, augmentation=True, class_weights=True
    )
    images, labels, weights = next(stream)
    rows = images[:, 0, 0, 0]
    np.testing.assert_array_equal(labels[:, 0], LABELS[rows])
    # 13 ALL and 5 HEM: both classes weigh nine, and a cell weighs one on average.
    assert weights[labels[:, 0] == 1].sum() == pytest.approx(9, rel=1e-6)
    assert weights[labels[:, 0] == 0].sum() == pytest.approx(9, rel=1e-6)
    assert images.dtype == np.uint8 and labels.dtype == weights.dtype == np.float32


def test_plain_batches_are_the_rows_in_order() -> None:
    read = list(batches.plain_batches(PIXELS, LABELS, ROWS, batch_size=5))
    np.testing.assert_array_equal(np.concatenate([p for p, _ in read])[:, 0, 0, 0], ROWS)
    np.testing.assert_array_equal(np.concatenate([y for _, y in read])[:, 0], LABELS[ROWS])
    assert len(read) == batches.steps(len(ROWS), 5) == 4
