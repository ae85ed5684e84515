"""The training loop on networks small enough to compute by hand, and resuming it anywhere."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.errors import RunError
from core.runs import config
from core.runs.run_store import HISTORY_COLUMNS
from core.training.checkpoint import Checkpoint
from tests.factories.small_trainings import (
    LABELS,
    POINTS,
    TUNED,
    data,
    linear,
    make_run,
    recorded,
    train,
)

if TYPE_CHECKING:
    import keras

    from core.training import loop

SOFTPLUS = math.log1p(math.exp(-1.5))  # the cross-entropy of a logit of 1.5 for the right class


@pytest.mark.parametrize(("smoothing", "loss"), [(0.0, SOFTPLUS), (0.2, SOFTPLUS + 0.15)])
def test_a_step_is_what_is_computed_by_hand(smoothing: float, loss: float) -> None:
    import keras
    import tensorflow as tf

    from core.training.step import make_step

    model = linear()
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    step = make_step(model, optimizer, smoothing)
    # Logits 1.5 and -1.5, both right; a smoothed label of 0.9 costs 0.1 * 1.5 more.
    batch = POINTS[:2], np.float32([1, 0]), np.float32([1, 3])
    values = step(*map(tf.constant, batch)).numpy()
    # Weights 1 and 3, over two cells: twice the loss. The penalty is 0.1 * (1 + 1).
    np.testing.assert_allclose(values, [2 * loss + 0.2, SOFTPLUS, 0.2, 1.0], rtol=1e-6)
    # Adam's first step is the rate, against the sign of the gradient.
    probability = 1 / (1 + math.exp(1.5)) - smoothing / 2  # how far from the smoothed label
    gradients = np.array([-probability / 2 + 0.2, 3 * probability - 0.2, probability])
    moved = np.concatenate([array.ravel() for array in model.get_weights()]) - [1, -1, 0.5]
    np.testing.assert_allclose(moved, -0.01 * np.sign(gradients), rtol=1e-3)


def test_accuracy_counts_cells_on_the_right_side_of_one_half() -> None:
    import keras
    import tensorflow as tf

    from core.training.step import make_step

    model = linear()
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    labels = np.float32([1, 1, 1, 1])  # logits 1.5, -1.5, 2.5, -1.5
    values = make_step(model, optimizer)(
        *map(tf.constant, (POINTS[:4], labels, np.ones(4, np.float32)))
    )
    assert values.numpy()[3] == 0.5


def test_an_epoch_reports_both_parts_and_the_penalty_apart() -> None:
    run = make_run(epochs=1, batch_size=4)  # batches of four and of two
    train(run, linear(), rate=1e-8)
    logits = POINTS @ [1, -1] + 0.5
    costs = np.logaddexp(0, np.where(LABELS == 1, -logits, logits))
    right = (logits > 0) == (LABELS == 1)
    (row,) = run.history.to_dict("records")
    assert set(row) == set(HISTORY_COLUMNS)
    expected = {
        "epoch": 1,
        "stage": "training",
        "loss": costs[:6].mean() + 0.2,
        "cross_entropy": costs[:6].mean(),
        "penalty": 0.2,
        "accuracy": right[:6].mean(),
        "validation_cross_entropy": costs[6:].mean(),
        "validation_accuracy": right[6:].mean(),
        "learning_rate": 1e-8,
    }
    for name, value in expected.items():
        assert row[name] == (pytest.approx(value, rel=1e-5) if name != "stage" else value), name
    assert row["images_per_second"] > 0 and row["seconds"] > 0
    status = run.status
    assert (status.epoch, status.done, status.total) == (1, 2, 2)
    for name in ("loss", "cross_entropy", "penalty", "accuracy", "learning_rate"):
        assert getattr(status, name) == pytest.approx(row[name]), name
    assert status.images_per_second and status.seconds_left is not None


def test_time_left_counts_the_epochs_of_the_stage_and_nothing_before_it() -> None:
    from core.training import loop

    two = Checkpoint(epoch=2, seconds=100.0, stage_seconds=10.0)  # 90 s went into features
    plain, tuned = (make_run(epochs=5, **more).config for more in ({}, TUNED))
    stage = loop.Stage(0, 5, 0.1)
    # Five seconds an epoch, two into the third: three more, and two epochs.
    assert loop._seconds_left(two, stage, plain, 2.0, 0.5) == pytest.approx(13)
    # In the first epoch the steps tell: two seconds for a quarter make eight.
    assert loop._seconds_left(Checkpoint(), stage, plain, 2.0, 0.25) == pytest.approx(6 + 4 * 8)
    assert loop._seconds_left(two, stage, tuned, 2.0, 0.5) is None
    later = Checkpoint(epoch=6, stage=1, stage_start=5, stage_seconds=8.0)
    assert loop._seconds_left(later, loop.Stage(1, 2, 0.1), tuned, 3.0, 0.5) == pytest.approx(5)


def test_rates_follow_their_schedule() -> None:
    from core.training import loop

    stage = loop.Stage(1, 4, 0.1)
    start, middle, late = (Checkpoint(epoch=10 + n, stage_start=10, rate=0.25) for n in (0, 2, 3))
    constant, cosine, plateau = (make_run(schedule=name).config for name in config.SCHEDULES)
    for so_far in (start, middle, late):
        assert loop.learning_rate(constant, stage, so_far, 0.5) == 0.1
        assert loop.learning_rate(plateau, stage, so_far, 0.5) == pytest.approx(0.025)
    assert loop.learning_rate(cosine, stage, start, 0.0) == pytest.approx(0.1)
    assert loop.learning_rate(cosine, stage, middle, 0.0) == pytest.approx(0.05)
    assert loop.learning_rate(cosine, stage, late, 1.0) == pytest.approx(0, abs=1e-12)
    # A third of the way: cos 60 degrees is one half.
    assert loop.learning_rate(cosine, stage, start, 4 / 3) == pytest.approx(0.075)


def scripted(logits: list[float]) -> "loop.Data":
    """Data whose one validation cell gets these logits, epoch by epoch, times the weight."""
    coming: Iterator[float] = iter(logits)
    return data(
        look_up=lambda rows, rng: POINTS[rows, :1],
        plain=lambda rows: np.float32([[next(coming)]]),
        validation=np.array([0]),
    )


def single() -> "keras.Model":
    """logit = x."""
    import keras

    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.set_weights([np.float32([[1]]), np.float32([0])])
    return model


def test_patience_counts_epochs_without_a_lower_cross_entropy() -> None:
    run = make_run(epochs=9, patience=2)
    ended = train(run, single(), scripted([1, 2, 1.5, 2, 9, 9]), rate=1e-8)
    assert list(run.history["epoch"]) == [1, 2, 3, 4]
    assert (ended.epoch, ended.best_epoch, ended.waited) == (4, 2, 2)
    assert ended.best == pytest.approx(math.log1p(math.exp(-2)), rel=1e-6)


def test_plateau_halves_the_rate_after_every_three_epochs_in_vain() -> None:
    run = make_run(epochs=10, schedule="plateau")
    train(run, single(), scripted([2, 1, 1, 1, 1, 1, 1, 3, 1, 1]), rate=1e-8)
    halves = np.array([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(run.history["learning_rate"], 1e-8 * halves, rtol=1e-6)


@pytest.mark.parametrize(("keep", "epoch"), [("best", 2), ("last", 4)])
def test_the_weights_kept_are_those_of_the_best_epoch_or_of_the_last(
    keep: str, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = recorded(monkeypatch)
    model = single()
    train(make_run(keep=keep), model, scripted([10, 50, 20, 30]))
    states = {number: so_far.state for number, so_far in seen.items()}
    for got, expected in zip(model.get_weights(), states[epoch], strict=False):
        np.testing.assert_array_equal(got, expected)
    assert not np.array_equal(states[2][0], states[4][0])


def test_a_loss_that_is_no_number_names_the_rate() -> None:
    for bad in (
        data(look_up=lambda rows, rng: POINTS[rows] * np.float32(1e37)),
        data(plain=lambda rows: POINTS[rows] * np.float32(np.nan)),
        data(plain=lambda rows: np.float32([[-3e38, 3e38], [0, 0]])),
    ):
        run = make_run()
        with pytest.raises(RunError, match=r"in epoch 1.* learning rate of 100\. .*smaller one"):
            train(run, linear(), bad, rate=100.0)
        assert run.history.empty and not run.checkpoint_file.exists()
