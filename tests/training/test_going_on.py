"""A training that is stopped goes on from its checkpoint, and ends the same."""

import numpy as np
import pytest

from core.errors import RunError
from core.jobs.reporter import Cancelled, Reporter
from core.runs.run_store import HISTORY_COLUMNS, Run
from core.training import checkpoint
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


def test_a_stop_between_epochs_leaves_a_checkpoint_of_the_last_one() -> None:
    run = make_run(epochs=500)

    def look_up(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if len(run.history) == 3:
            run.request_stop()
        return POINTS[rows]

    with pytest.raises(Cancelled):
        train(run, linear(), data(look_up=look_up))
    so_far = checkpoint.load(run.checkpoint_file)
    assert so_far is not None and so_far.epoch == len(run.history) >= 3


def two_stages(run: Run, so_far: Checkpoint) -> list[np.ndarray]:
    """Trains a network with dropout and batch statistics in both stages, as `fit` does.

    With patience, validation is on wrong labels, so that it only ever gets worse.
    """
    import keras

    from core.training import loop

    keras.utils.set_random_seed(3)
    inputs = keras.Input((2,))
    x = keras.layers.Dense(16, activation="relu")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    source = data(
        look_up=lambda rows, rng: POINTS[rows] + rng.normal(size=(len(rows), 2)),
        labels=np.append(LABELS[:6], 1 - LABELS[6:]) if run.config.patience else LABELS,
    )
    with Reporter(run) as reporter:
        if so_far.stage == 0:
            stage = loop.Stage(0, run.config.epochs, 0.1)
            so_far = loop.train(run, reporter, model, source, stage, so_far)
        model.layers[1].trainable = False  # another set of variables to optimise
        stage = loop.Stage(1, run.config.fine_tune_epochs, 0.01)
        loop.train(run, reporter, model, source, stage, so_far)
    return model.get_weights()


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "cosine", "keep": "best"},
        {"schedule": "plateau", "keep": "last", "epochs": 6, "patience": 4},
    ],
    ids=["cosine, best", "plateau, last, patience"],
)
def test_going_on_from_any_checkpoint_ends_the_same(
    settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings | TUNED
    straight = make_run(**settings)
    with monkeypatch.context() as patch:
        seen = recorded(patch)
        wanted = two_stages(straight, Checkpoint())
    history = straight.history
    assert set(history["stage"]) == {"training", "fine-tuning"}
    assert list(seen) == list(history["epoch"])
    if "patience" in settings:  # both have something to forget
        assert list(history["stage"]).count("training") == 5
        assert set(history["learning_rate"][:5]) == {0.1, 0.05}
    for epoch, so_far in seen.items():
        run = make_run(**settings)
        # As a killed worker leaves it: one row more than the checkpoint knows, and a torn one.
        text = (straight.path / "history.csv").read_text().splitlines(keepends=True)
        (run.path / "history.csv").write_text("".join(text[: epoch + 2]) + "9,trai")
        got = two_stages(run, so_far)
        for array, expected in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(array, expected, err_msg=f"from epoch {epoch}")
        same = [name for name in HISTORY_COLUMNS if name not in ("seconds", "images_per_second")]
        assert run.history[same].equals(history[same])


def test_a_checkpoint_of_another_network_is_refused() -> None:
    run = make_run()
    with pytest.raises(RunError, match="another version"):
        train(run, linear(), so_far=Checkpoint(epoch=1, state=[np.zeros(3)]))
