"""Where each fault begins, on histories written by hand."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from core import storage
from core.doctor import diagnoses, measuring, setup
from core.errors import RunError
from core.jobs.job import Status
from core.models import builders
from core.runs import config, run_store
from core.runs.metrics import Confusion, PartMetrics
from core.runs.run_store import HISTORY_COLUMNS, Run
from tests.factories import invented
from tests.factories.examined import keys, only, repaired


def by_hand(
    path: Path,
    training: list[float],
    validation: list[float] | None = None,
    *,
    penalty: float = 0.0,
    state: str = "succeeded",
    error: str | None = None,
    phase: str = "measuring",
    **settings: Any,
) -> Run:
    """A run folder without predictions: 100 cells a part, half of them ALL, two groups each."""
    usual = {"epochs": max(len(training), 1), "schedule": "constant", "class_balance": "none"}
    wanted = config.create("cnn-16", path / "set", "recommended", **(usual | settings))
    run = Run(path)
    path.mkdir(exist_ok=True)
    storage.write_json(path / "config.json", wanted.to_json())
    run.write_status(Status(state=state, error=error, phase=phase))
    for epoch, loss in enumerate(training, 1):
        fine_tuning = epoch > wanted.epochs
        row = dict.fromkeys(HISTORY_COLUMNS, 1.0) | {
            "epoch": epoch,
            "stage": run_store.STAGES[fine_tuning],
            "cross_entropy": loss,
            "penalty": penalty,
            "loss": loss + penalty,
            "validation_cross_entropy": (validation or training)[epoch - 1],
            "learning_rate": 1e-3,
        }
        run.append_history(row)
    invented.write_split(path)
    return run


FLAT = [0.4] * 10
FALLING = [round(0.69 * 0.9**epoch, 4) for epoch in range(10)]


@pytest.mark.parametrize(
    ("training", "validation", "settings", "expected"),
    [
        (FLAT, FLAT, {}, []),
        # 41 epochs after the best are wasted, of 42; of 60 they would be under three quarters.
        ([0.4] * 42, [0.4, *[0.45] * 41], {}, ["past-the-best"]),
        ([0.4] * 60, [*[0.5] * 18, 0.4, *[0.45] * 41], {}, []),
        ([0.4] * 30, [0.4, *[0.45] * 29], {}, []),
        # Kept last: 0.1 above the best is within what a curve wavers by.
        (FLAT, [0.4, *[0.5] * 9], {"keep": "last"}, []),
        (FLAT, [0.4, *[0.51] * 9], {"keep": "last"}, ["past-the-best"]),
        # 0.2 nats above, and half as much again.
        (FLAT, [0.61] * 10, {}, ["overfitting"]),
        (FLAT, [0.59] * 10, {}, []),
        ([0.01] * 10, [0.2] * 10, {}, []),
        # Half ALL: a guess has ln 2 = 0.6931, of which 95 % is 0.658.
        ([0.66] * 10, [0.66] * 10, {}, ["underfitting"]),
        # A flat curve is ill from 90 %, 0.624, and a falling one is not.
        ([0.63] * 10, [0.63] * 10, {}, ["underfitting"]),
        ([0.62] * 10, [0.62] * 10, {}, []),
        ([0.72, 0.66, *[0.65] * 8], [0.72, 0.66, *[0.65] * 8], {}, []),
        # One jump of 20 epochs, recovered; two; one never recovered.
        ([0.4, 0.9, *[0.3] * 18], FLAT * 2, {}, []),
        ([0.4, 0.9, 0.4, 0.9, *[0.3] * 16], FLAT * 2, {}, ["learning-rate-too-high"]),
        ([*[0.4] * 18, 0.9, 0.5], FLAT * 2, {}, ["learning-rate-too-high"]),
        # A bad start alone is none if it is made up for.
        ([9.0, *[0.4] * 9], [0.6, *[0.4] * 9], {}, []),
        ([9.0, *[0.69] * 9], [0.69] * 10, {}, ["learning-rate-too-high"]),
        # Falling steadily by a tenth an epoch, and by less than a hundredth.
        (FALLING, FALLING, {}, ["too-few-epochs"]),
        ([0.4 * 0.992**n for n in range(10)], [0.4 * 0.992**n for n in range(10)], {}, []),
        (FALLING, [*[0.4] * 9, 0.399], {}, []),
        # A training loss that rises is no overfitting.
        (FALLING[::-1], FALLING[::-1], {"keep": "last"}, ["learning-rate-too-high"]),
        # The same slow fall at a hundredth of the architecture's rate, and at its own.
        ([0.69 - 0.003 * n for n in range(10)], None, {"learning_rate": 1e-5}, "low"),
        ([0.69 - 0.003 * n for n in range(10)], None, {}, ["underfitting"]),
    ],
)
def test_thresholds(
    tmp_path: Path,
    training: list[float],
    validation: list[float] | None,
    settings: dict[str, Any],
    expected: list[str] | str,
) -> None:
    run = by_hand(tmp_path / "run", training, validation, **settings)
    assert keys(run) == (["learning-rate-too-low"] if expected == "low" else expected)
    if expected:
        assert repaired(run) != run.config


@pytest.mark.parametrize(("penalty", "ill"), [(0.4, False), (0.41, True)])
def test_a_penalty_that_leads(tmp_path: Path, penalty: float, ill: bool) -> None:
    run = by_hand(tmp_path / "run", FLAT, penalty=penalty, l2=0.016)
    assert keys(run) == (["penalty-dominated"] if ill else [])
    if ill:
        assert repaired(run).l2 == pytest.approx(0.016 * 0.05 * 0.4 / 0.41, rel=0.05)


NO_NUMBER = {"state": "failed", "error": "The loss became nan in epoch 1, step 3: ..."}


def test_a_failed_run_is_examined_and_an_unfinished_one_is_not(tmp_path: Path) -> None:
    found = only(by_hand(tmp_path / "a", [], **NO_NUMBER), "learning-rate-too-high")
    assert "in the first epoch, at a learning rate of 0.001" in found.evidence
    assert found.repair == {"learning_rate": 1e-4}
    run = by_hand(tmp_path / "b", FLAT, **NO_NUMBER)
    vgg = run.config.to_json() | {"architecture": "vgg16", "fine_tune_blocks": 1}
    storage.write_json(run.path / "config.json", vgg | {"fine_tune_epochs": 5})
    run = Run(run.path)
    run.write_status(Status(**NO_NUMBER, phase="fine-tuning"))
    assert only(run, "learning-rate-too-high").repair == {"fine_tune_rate": 1e-5}
    for state in ("queued", "running"):
        assert keys(by_hand(tmp_path / state, FALLING, state=state)) == []
    assert keys(by_hand(tmp_path / "other", [], state="failed", error="The disk is full.")) == []
    assert keys(by_hand(tmp_path / "stopped", FALLING, state="cancelled", epochs=50)) == []


def test_repairs_are_merged_and_the_graver_one_holds(tmp_path: Path) -> None:
    run = by_hand(tmp_path / "run", FLAT, [0.3, *[0.7] * 9], keep="last", penalty=1.0, l2=0.1)
    assert keys(run) == ["penalty-dominated", "past-the-best"]
    merged = repaired(run)
    assert (merged.keep, merged.l2) == ("best", pytest.approx(0.002))
    assert config.change(merged, {"keep": "last", "l2": 0.1}) == run.config


def test_repairs_against_overfitting_come_one_after_the_other(tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = []
    settings: dict[str, Any] = {"augmentation": ()}
    for number in range(4):
        run = by_hand(tmp_path / str(number), [0.1] * 10, [0.6] * 10, **settings)
        steps.append(dict(only(run, "overfitting").repair or {}))
        settings |= steps[-1]
    assert [sorted(step) for step in steps] == [["augmentation", "views"], ["dropout"], ["l2"], []]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    run = by_hand(tmp_path / "run", FLAT)
    (run.path / "model.keras").write_text("no zip")
    with pytest.raises(RunError, match=r"model\.keras of run run is damaged"):
        diagnoses.examine(run)
    (run.path / "model.keras").unlink()
    (run.path / "history.csv").write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(RunError, match="lacks accuracy, cross_entropy"):
        diagnoses.examine(run)


@pytest.mark.parametrize("layer", ["Softmax", "Activation"])
def test_a_softmax_layer_of_its_own_is_found_too(tmp_path: Path, layer: str) -> None:
    """And one over two units, which is a proper head, is not."""
    for units in (1, 2):
        run = by_hand(tmp_path / str(units), FLAT)
        last = layers.Softmax() if layer == "Softmax" else layers.Activation("softmax")
        head = keras.Sequential([keras.Input((3,)), layers.Dense(units), last])
        inputs = keras.Input((3,))
        keras.Model(inputs, head(inputs)).save(run.path / "model.keras")
        assert keys(run) == (["one-unit-softmax"] if units == 1 else [])


def test_the_faults_are_named_once_and_say_what_to_do() -> None:
    names = [fault.key for fault in diagnoses.FAULTS]
    assert len(set(names)) == len(names) == 17
    assert len({fault.title for fault in diagnoses.FAULTS}) == len(names)
    for fault in diagnoses.FAULTS:
        assert set(fault.explains) <= set(names) - {fault.key}


def test_the_ranges_told_are_those_the_builders_make() -> None:
    extremes = np.array([0, 255], np.float32).reshape(2, 1, 1, 1) * np.ones((2, 1, 1, 3), "f4")
    for scaling, told in setup._RANGES.items():
        inputs = keras.Input((1, 1, 3))
        made = keras.Model(inputs, builders._scaled(inputs, scaling)).predict_on_batch(extremes)
        low, high = (float(word) for word in told.split() if word.lstrip("-")[0].isdigit())
        assert made.min() == pytest.approx(low, abs=0.5 if scaling == "caffe" else 0.05)
        assert made.max() == pytest.approx(high, abs=0.5 if scaling == "caffe" else 0.05)


def test_without_an_interval_cells_count_as_independent() -> None:
    """Sensitivity 0.8 of 20 and specificity 0.5 of 20: 0.65 with a standard error of 0.0715."""
    test = PartMetrics(
        images=40,
        all=20,
        hem=20,
        groups=2,
        confusion=Confusion(tp=16, fp=10, fn=4, tn=10),
        sensitivity=0.8,
        specificity=0.5,
        always_all={},
        intervals={},
    )
    assert measuring._standard_error(test) == pytest.approx(0.0715, abs=1e-4)
