"""Histories shaped as the logs that people post, invented: what the run doctor says of each."""

from pathlib import Path
from typing import Any

import pytest

from core import storage
from core.doctor import diagnoses
from core.jobs.job import Status
from core.runs import config
from core.runs.calibration import Choice
from core.runs.run_store import HISTORY_COLUMNS, STAGES, Run
from tests.factories import invented

# Validation is lowest in the first epoch and climbs; training goes down all the way.
FIRST = [0.612, 0.571, 0.548, 0.529, 0.509, 0.497, 0.478, 0.466, 0.452, 0.437]
FIRST += [0.421, 0.409, 0.398, 0.381, 0.372, 0.358, 0.349, 0.337, 0.331, 0.322]
FIRST_VALIDATION = [0.578, 0.591, 0.586, 0.612, 0.604, 0.633, 0.621, 0.648, 0.659, 0.641]
FIRST_VALIDATION += [0.672, 0.688, 0.665, 0.701, 0.694, 0.722, 0.709, 0.731, 0.744, 0.739]
# The same within a few epochs of fine-tuning a large network: it soon knows its cells by heart.
FAST = [0.541, 0.302, 0.171, 0.094, 0.052, 0.031, 0.022, 0.015]
FAST_VALIDATION = [0.498, 0.452, 0.561, 0.688, 0.803, 0.871, 0.934, 0.982]
# Training falls; validation stays where a guess is (0.693).
NOTHING_HOLDS = [0.702, 0.671, 0.645, 0.618, 0.597, 0.574, 0.552, 0.531, 0.508, 0.489]
NOTHING_HOLDS_VALIDATION = [0.694, 0.691, 0.697, 0.689, 0.699, 0.693, 0.701, 0.696, 0.692, 0.698]
# "Accuracy stuck at 0.5 and loss at 0.69."
STUCK = [0.7012, 0.6951, 0.6938, 0.6934, 0.6933, 0.6932, 0.6934, 0.6931, 0.6932, 0.6931]
# Hardly better than it, and no better at the end.
NEARLY_STUCK = [0.661, 0.652, 0.655, 0.649, 0.651, 0.648, 0.653, 0.650, 0.647, 0.651]
# Both still come down when the epochs are over; the last is the best.
SHORT = [0.688, 0.671, 0.652, 0.633, 0.618, 0.601, 0.589, 0.574, 0.563, 0.551]
SHORT_VALIDATION = [0.679, 0.664, 0.650, 0.641, 0.622, 0.611, 0.603, 0.589, 0.582, 0.571]
SLOW_VALIDATION = [0.679, 0.668, 0.659, 0.652, 0.644, 0.638, 0.632, 0.625, 0.619, 0.612]
# Training comes down, validation bounces (batch normalisation and a large rate).
BOUNCING = [0.601, 0.552, 0.519, 0.498, 0.476, 0.461, 0.449, 0.438, 0.427, 0.419, 0.411, 0.404]
BOUNCES = [0.583, 0.912, 0.541, 1.204, 0.612, 0.874, 0.498, 1.341, 0.557, 0.803, 0.521, 1.018]
# Training itself swings, by less than the doctor calls a jump.
SWINGING = [0.655, 0.541, 0.702, 0.498, 0.683, 0.512, 0.699, 0.487, 0.661, 0.502, 0.690, 0.495]

# Healthy: down, then level, with usual noise.
GOOD = [0.622, 0.541, 0.493, 0.462, 0.441, 0.428, 0.415, 0.409, 0.402, 0.399]
GOOD += [0.394, 0.392, 0.388, 0.387, 0.384, 0.385, 0.382, 0.383, 0.381, 0.382]
GOOD_VALIDATION = [0.571, 0.522, 0.541, 0.468, 0.481, 0.452, 0.463, 0.441, 0.457, 0.449]
GOOD_VALIDATION += [0.438, 0.446, 0.441, 0.435, 0.443, 0.437, 0.441, 0.436, 0.439, 0.438]
# The best epoch is an early one by chance alone, on a curve that is level.
LEVEL_VALIDATION = [0.452, 0.421, 0.449, 0.437, 0.455, 0.441, 0.448, 0.452, 0.438, 0.446]
LEVEL_VALIDATION += [0.451, 0.443, 0.447, 0.452, 0.439, 0.449, 0.446, 0.451, 0.444, 0.448]
# It swings at first, and settles as the learning rate falls.
SETTLING = [0.583, 0.812, 0.541, 0.904, 0.512, 0.574, 0.498, 0.489, 0.481, 0.479, 0.476, 0.475]
# Past its best in the middle: the best epoch was kept, and nothing is lost.
MIDDLE_VALIDATION = [0.601, 0.561, 0.533, 0.512, 0.497, 0.481, 0.470, 0.462, 0.458, 0.455]
MIDDLE_VALIDATION += [0.461, 0.459, 0.468, 0.471, 0.466, 0.479, 0.482, 0.491, 0.488, 0.502]


def run_of(
    path: Path, training: list[float], validation: list[float] | None = None, **settings: Any
) -> Run:
    """A run folder with a history; 100 cells a part, half of them ALL, of four groups each."""
    usual = {"epochs": len(training), "class_balance": "none", "schedule": "constant"}
    wanted = config.create("cnn-16", path / "set", "recommended", **(usual | settings))
    path.mkdir(parents=True)
    storage.write_json(path / "config.json", wanted.to_json())
    run = Run(path)
    run.write_status(Status(state="succeeded", phase="measuring"))
    for epoch, losses in enumerate(zip(training, validation or training, strict=True), 1):
        row = dict.fromkeys(HISTORY_COLUMNS, 1.0) | {"epoch": epoch, "stage": STAGES[0]}
        row |= {"loss": losses[0], "penalty": 0.0, "learning_rate": 1e-3}
        row |= {"cross_entropy": losses[0], "validation_cross_entropy": losses[1]}
        run.append_history(row)
    invented.write_split(path)
    return run


def measured(run: Run, sensitivity: float, specificity: float, cells: int = 100) -> Run:
    """Gives the run metrics of a test part with so many cells of each class."""
    tp, tn = round(sensitivity * cells), round(specificity * cells)
    part = {
        "images": 2 * cells,
        "all": cells,
        "hem": cells,
        "groups": 8,
        "accuracy": (tp + tn) / 2 / cells,
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "confusion": {"tp": tp, "fn": cells - tp, "tn": tn, "fp": cells - tn},
        "always_all": {"accuracy": 0.5, "balanced_accuracy": 0.5},
        "intervals": {"balanced_accuracy": [0.55, 0.85]},
    }
    document = {
        "dataset": {"name": "invented", "synthetic": False},
        "protocol": {"leaking": False},
        "parts": {"test": part},
        "training": {},
    }
    storage.write_json(run.path / "metrics.json", document)
    calibration = {"temperature": 1.0, "threshold": 0.5, "reason": "not calibrated"}
    storage.write_json(run.path / "calibration.json", calibration)
    return Run(run.path)


def only(run: Run) -> diagnoses.Diagnosis:
    (diagnosis,) = diagnoses.examine(run)
    return diagnosis


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        (GOOD, GOOD_VALIDATION),
        (GOOD, LEVEL_VALIDATION),
        (GOOD, MIDDLE_VALIDATION),
        (BOUNCING, SETTLING),
        (GOOD[:6], GOOD_VALIDATION[:6]),
    ],
    ids=["down and level", "lowest early by chance", "past its best", "settled", "stopped early"],
)
def test_healthy_courses_are_told_nothing(
    tmp_path: Path, training: list[float], validation: list[float]
) -> None:
    # Stopped early: patience ended it before its 50 epochs.
    run = run_of(tmp_path / "run", training, validation, epochs=50, patience=5)
    assert diagnoses.examine(measured(run, 0.86, 0.81)) == []


@pytest.mark.parametrize(
    ("training", "validation", "epoch"),
    [(FIRST, FIRST_VALIDATION, 1), (FAST, FAST_VALIDATION, 2)],
)
@pytest.mark.parametrize("keep", ["best", "last"])
def test_overfitting_from_the_first_epochs(
    tmp_path: Path, training: list[float], validation: list[float], epoch: int, keep: str
) -> None:
    found = only(run_of(tmp_path / "run", training, validation, keep=keep))
    assert found.key == "overfitting-at-once"
    assert f"lowest, {min(validation):.3f}, in epoch {epoch} of {len(training)}" in found.evidence
    assert f"from {training[0]:.3f} to {training[-1]:.3f}" in found.evidence
    assert found.repair == {"dropout": 0.5} | ({"keep": "best"} if keep == "last" else {})


def test_overfitting_of_a_network_that_never_beats_a_guess_on_others(tmp_path: Path) -> None:
    found = only(run_of(tmp_path / "run", NOTHING_HOLDS, NOTHING_HOLDS_VALIDATION))
    assert found.key == "overfitting-at-once"
    assert "never fell below 0.689 (a guess has 0.693)" in found.evidence


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "worse"),
    [(0.43, 0.91, "ALL"), (0.94, 0.61, "HEM"), (0.72, 0.88, None), (0.55, 0.60, None)],
)
def test_a_class_that_is_missed_far_more_often(
    tmp_path: Path, sensitivity: float, specificity: float, worse: str | None
) -> None:
    for balance in ("none", "weights"):
        run = run_of(tmp_path / balance, GOOD, GOOD_VALIDATION, class_balance=balance)
        run = measured(run, sensitivity, specificity)
        if worse is None:
            assert diagnoses.examine(run) == []
            continue
        found = only(run)
        missed = 1 - (sensitivity if worse == "ALL" else specificity)
        assert found.key == "one-class-missed"
        assert f"threshold of 0.5 it misses {missed:.0%} of {worse} (100" in found.evidence
        assert "operating point" in found.advice
        assert found.repair == ({"class_balance": "weights"} if balance == "none" else None)


def test_a_class_missed_by_choice_or_by_chance_is_none(tmp_path: Path) -> None:
    run = measured(run_of(tmp_path / "run", GOOD, GOOD_VALIDATION), 0.94, 0.61)
    chosen = run.calibration.replace(choice=Choice(max_missed=0.05))
    chosen.write(run.path / "calibration.json")
    assert diagnoses.examine(run) == []
    few = run_of(tmp_path / "few", GOOD, GOOD_VALIDATION)
    assert diagnoses.examine(measured(few, 0.6, 0.9, cells=10)) == []


def test_the_run_that_overfits_at_once_and_misses_most_blasts_is_told_both(tmp_path: Path) -> None:
    run = measured(run_of(tmp_path / "run", FIRST, FIRST_VALIDATION), 0.43, 0.91)
    found = {diagnosis.key: diagnosis for diagnosis in diagnoses.examine(run)}
    assert list(found) == ["overfitting-at-once", "one-class-missed"]
    assert "misses 57% of ALL" in found["one-class-missed"].evidence
    merged = diagnoses.repaired(run)
    assert merged is not None and (merged.dropout, merged.class_balance) == (0.5, "weights")


@pytest.mark.parametrize("losses", [STUCK, NEARLY_STUCK])
def test_a_plateau_from_the_start(tmp_path: Path, losses: list[float]) -> None:
    found = only(run_of(tmp_path / "run", losses))
    assert found.key == "underfitting"
    assert f"never left that level: {losses[0]:.3f} in the first epoch" in found.evidence


@pytest.mark.parametrize("validation", [SHORT_VALIDATION, SLOW_VALIDATION])
def test_the_best_epoch_is_the_last(tmp_path: Path, validation: list[float]) -> None:
    found = only(run_of(tmp_path / "run", SHORT, validation))
    assert found.key == "too-few-epochs" and found.repair == {"epochs": 20}
    assert f"its best in the last, went from 0.679 to {validation[-1]:.3f}" in found.evidence


@pytest.mark.parametrize(
    ("training", "validation", "part"),
    [(BOUNCING, BOUNCES, "validation"), (SWINGING, BOUNCING, "training")],
)
def test_a_loss_that_swings(
    tmp_path: Path, training: list[float], validation: list[float], part: str
) -> None:
    found = only(run_of(tmp_path / "run", training, validation))
    assert found.key == "oscillating" and f"the {part} prediction error" in found.evidence
    assert "at a learning rate of 0.001" in found.evidence
    assert found.repair == {"learning_rate": 1e-4}
