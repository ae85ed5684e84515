"""Faults of the set-up: one function each, from a `Record` to `Evidence` or None.

`core.doctor.diagnoses` lists them.
"""

import numpy as np

from core.doctor.fitting import CONSTANT_SPREAD, STEADY, UNLEARNED, steadiness, times
from core.doctor.record import Evidence, Record
from core.runs.run_store import STAGES

# An epoch is a jump if its loss exceeds the lowest before it by this ratio and difference in nats;
# augmentation and dropout change it by a few hundredths.
JUMP, JUMP_NATS = 1.5, 0.25
# A training that jumps in a smaller share of its epochs, and recovers, is no fault.
JUMPS_SHARE = 0.1
# Multiple of the loss of a guess: if the loss never recovers from it, the first steps were too
# large. (If it recovers, features were large under a new head.)
THROWN = 3.0
# Epochs needed to see a swing; in the second half of them the training should have settled.
SWING_EPOCHS = 8
# Half the epochs differ by this from the mean of their neighbours, in nats and as a share of the
# loss. In the shipped runs it is 0.01 nats, and 0.03 before their learning rate falls.
SWING_NATS, SWING = 0.1, 0.15
# Factors from the learning rate of the architecture at which the rate explains that nothing was
# learned.
FAR_RATE_UP, FAR_RATE_DOWN = 10.0, 100.0
# Epochs needed to judge the decrease of the loss.
PACE_EPOCHS = 4
# Decrease of the loss over the training that counts as too small: at a learning rate below that of
# the architecture, and at the same or a higher one (where too few epochs are more likely).
HARDLY_BELOW_OWN, HARDLY = 0.10, 0.02
# Share of the decrease that a steady fall has in the second half of the epochs, at least; half of
# it if it is even, and next to nothing on a plateau, for which the rate is not the reason.
SECOND_HALF = 0.2
# Share of the loss of a guess that remains early in the training.
EARLY = 0.9
# Penalty after the repair, as a share of the cross-entropy.
PENALTY_SHARE = 0.05
# Ranges of pixels 0..255 after each scaling of `core.models.builders`.
_RANGES = {
    "raw": "0 to 255 (it scales them itself)",
    "unit": "0 to 1",
    "torch": "about -2.1 to 2.6 (ImageNet's mean and deviation)",
    "caffe": "about -124 to 151 (less ImageNet's mean)",
}


def one_unit_softmax(record: Record) -> Evidence | None:
    """A softmax over one unit is 1 whatever the image."""
    if not record.last_layers:
        return None
    last = record.last_layers[0]
    activation = "softmax" if last.class_name == "Softmax" else last.config.activation
    # The units of the output are those of the last layer that has any.
    sizes = (layer.config.units or layer.config.filters for layer in record.last_layers)
    if activation != "softmax" or next(filter(None, sizes), None) != 1:
        return None
    outputs = ""
    if record.predictions is not None:
        logits = record.predictions["logit"]
        outputs = f" Its outputs run from {logits.min():.3g} to {logits.max():.3g}."
    return Evidence(
        f"The last layer, {last.config.name}, is a softmax over one unit, and so gives 1 "
        f"for any image and learns nothing.{outputs}",
        "Give the architecture's head one unit without softmax: its logit, of which a sigmoid "
        "makes the probability.",
    )


def wrong_pixel_scale(record: Record) -> Evidence | None:
    """The original study's pixel scaling, where the network expects another."""
    entry = record.entry
    if record.config.pixels != "original-study" or not entry.study_pixels:
        return None
    own = entry.backbone_options["pixels"]
    twice = " So they were scaled twice." if own == "raw" else ""
    return Evidence(
        f"{entry.title} expects pixels of {_RANGES[own]} and was given "
        f"{_RANGES[entry.study_pixels]}, as in the original study.{twice}{_consequence(record)}",
        "Train anew with the scaling that the network was made for.",
        {"pixels": "own"},
    )


def _consequence(record: Record) -> str:
    spread = record.spread
    sentence = ""
    if spread is not None and spread < CONSTANT_SPREAD:
        sentence = f" Every cell gets practically the same answer: {record.logits}."
    return f"{sentence} {record.beside_always_all}".rstrip()


def learning_rate_too_high(record: Record) -> Evidence | None:
    """The loss was not finite, jumps, or rose at the start and never recovered."""
    losses = record.history["cross_entropy"].to_numpy(float)
    if record.failed_in_numbers:
        stage = record.status.phase if record.status.phase in STAGES else STAGES[0]
        before = f" after {len(losses)} whole epochs" if len(losses) else " in the first epoch"
        return _slower(record, stage, f"The loss was no longer a number{before}")
    if not len(losses) or record.parts is None:
        return None
    jumps = _jumps(losses)
    if len(jumps):
        jump = int(jumps[0])
        lowest = losses[:jump].min()
        often = len(jumps) >= JUMPS_SHARE * len(losses)
        if often or losses[-1] > lowest:
            text = (
                f"The prediction error jumps: from {lowest:.2f} to {losses[jump]:.3g} in epoch "
                f"{jump + 1}, and {times(len(jumps))} over {len(losses)} epochs"
            )
            return _slower(record, record.history["stage"].iloc[jump], text)
    if losses[-1] < UNLEARNED * record.guess:
        return None
    own, rate = record.entry.learning_rate, record.rate(STAGES[0])[1]
    if losses.max() > THROWN * record.guess or rate >= FAR_RATE_UP * own:
        text = (
            f"The prediction error was {losses[0]:.3g} in the first epoch and is {losses[-1]:.3g} "
            f"in the last, no better than a guess by the class shares ({record.guess:.2f})"
        )
        return _slower(record, STAGES[0], text)
    return None


def oscillating(record: Record) -> Evidence | None:
    """The loss of a part still swings up and down in the second half of the epochs."""
    if record.failed_in_numbers or len(record.history) < SWING_EPOCHS:
        return None
    late = record.history.iloc[len(record.history) // 2 - 1 :]
    parts = {"training": "cross_entropy", "validation": "validation_cross_entropy"}
    swings = {name: late[column].to_numpy(float) for name, column in parts.items()}
    for name, losses in swings.items():
        swing = float(np.median(np.abs(losses[1:-1] - (losses[:-2] + losses[2:]) / 2)))
        if swing >= max(SWING_NATS, SWING * float(np.median(losses))):
            text = (
                f"In the second half of {len(record.history)} epochs the {name} prediction error "
                f"goes up and down between {losses.min():.3f} and {losses.max():.3f}, half the "
                f"time by {swing:.2f} or more from one epoch to the next"
            )
            return _slower(record, late["stage"].iloc[-1], text)
    return None


def _jumps(losses: np.ndarray) -> np.ndarray:
    """Epochs (from 0) whose loss is far above the lowest before."""
    lowest = np.minimum.accumulate(losses)[:-1]
    return 1 + np.flatnonzero((losses[1:] > JUMP * lowest) & (losses[1:] > lowest + JUMP_NATS))


def _slower(record: Record, stage: str, evidence: str) -> Evidence:
    setting, rate = record.rate(stage)
    own = record.entry.learning_rate
    return Evidence(
        f"{evidence}, at a learning rate of {rate:g} ({record.entry.title} has {own:g}).",
        "Train anew with a smaller learning rate.",
        {setting: _round(max(min(rate / 10, own), 1e-8))},
    )


def learning_rate_too_low(record: Record) -> Evidence | None:
    """The loss falls steadily, but by too little."""
    rows = record.history[record.history["stage"] == STAGES[0]]
    losses = rows["cross_entropy"].to_numpy(float)
    if len(losses) < PACE_EPOCHS or record.parts is None or losses[-1] < EARLY * record.guess:
        return None
    own, (setting, rate) = record.entry.learning_rate, record.rate(STAGES[0])
    fallen = (losses[0] - losses[-1]) / losses[0]
    hardly = fallen < (HARDLY_BELOW_OWN if rate < own else HARDLY)
    if not hardly or not (rate <= own / FAR_RATE_DOWN or _falls_steadily(losses)):
        return None
    return Evidence(
        f"Over {len(losses)} epochs the prediction error went from {losses[0]:.3f} to "
        f"{losses[-1]:.3f} only (a guess by the class shares has {record.guess:.3f}), at a "
        f"learning rate of {rate:g} ({record.entry.title} has {own:g}).",
        "Train anew with a larger learning rate.",
        {setting: _round(min(max(rate * 10, own), 1e3))},
    )


def _falls_steadily(losses: np.ndarray) -> bool:
    later = losses[len(losses) // 2] - losses[-1]
    return bool(steadiness(losses) >= STEADY and later >= SECOND_HALF * (losses[0] - losses[-1]))


def penalty_dominated(record: Record) -> Evidence | None:
    """In the last epoch the penalty on the weights exceeds the cross-entropy."""
    if record.history.empty:
        return None
    last = record.history.iloc[-1]
    if last["penalty"] <= last["cross_entropy"]:
        return None
    # The penalty is proportional to l2; without it the weights keep their initial size.
    goal = PENALTY_SHARE * last["cross_entropy"] / record.history["penalty"].max()
    return Evidence(
        f"Of a loss of {last['loss']:.2f} in the last epoch, {last['penalty']:.2f} is the penalty "
        f"and {last['cross_entropy']:.2f} the prediction error (L2 {record.config.l2:g}); the "
        f"accuracy in training is {last['accuracy']:.2f}. A high loss beside a high accuracy is "
        "this penalty, not overfitting.",
        "Train anew with a smaller penalty, so that the error counts.",
        {"l2": _round(record.config.l2 * goal)},
    )


def _round(value: float) -> float:
    """Rounds to two significant digits."""
    return float(f"{value:.2g}")
