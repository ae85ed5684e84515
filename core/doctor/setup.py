"""Illnesses of the set-up: one function each, from a `Record` to `Evidence` or None.

`core.doctor.diagnoses` lists them.
"""

import numpy as np

from core.doctor.fitting import CONSTANT_SPREAD, STEADY, UNLEARNED, steadiness, times
from core.doctor.record import Evidence, Record
from core.runs.run_store import STAGES

# An epoch whose loss is this much above the lowest before it, in parts and in nats, is a jump;
# augmentation and dropout make it go up and down by a few hundredths.
JUMP, JUMP_NATS = 1.5, 0.25
# A training that jumps in fewer of its epochs, and recovers, has come to no harm.
JUMPS_SHARE = 0.1
# So many times the loss of a guess, and never recovered from: the first steps threw the weights
# off. (Recovered, it is but an unlucky start: large features under a fresh head.)
THROWN = 3.0
# A rate so many times the architecture's own, up or down, is to blame where nothing was learned.
FAR_RATE_UP, FAR_RATE_DOWN = 10.0, 100.0
# Epochs that a pace is judged from.
PACE_EPOCHS = 4
# Fallen by less over the whole training, the loss has hardly fallen: at a rate below the
# architecture's own, and (where too few epochs are the likelier reason) at its own or above.
HARDLY_BELOW_OWN, HARDLY = 0.10, 0.02
# In early learning so much of the guess's loss is still there.
EARLY = 0.9
# Penalty aimed at, as a share of the cross-entropy: enough to count, far from leading.
PENALTY_SHARE = 0.05
# What the pixel scalings of `core.models.builders` make of pixels 0..255.
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
    # A layer with units has made its own; one without has those of the layer before.
    sizes = (layer.config.units or layer.config.filters for layer in record.last_layers)
    if activation != "softmax" or next(filter(None, sizes), None) != 1:
        return None
    said = ""
    if record.predictions is not None:
        logits = record.predictions["logit"]
        said = f" Its outputs run from {logits.min():.3g} to {logits.max():.3g}."
    return Evidence(
        f"The last layer, {last.config.name}, is a softmax over one unit, and so gives 1 "
        f"for any image and learns nothing.{said}",
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
    said = ""
    if spread is not None and spread < CONSTANT_SPREAD:
        said = f" Every cell gets practically the same answer: {record.logits}."
    return f"{said} {record.beside_always_all}".rstrip()


def learning_rate_too_high(record: Record) -> Evidence | None:
    """The loss ran away, or jumps, or was thrown off and never came back."""
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
                f"The cross-entropy jumps: from {lowest:.2f} to {losses[jump]:.3g} in epoch "
                f"{jump + 1}, and {times(len(jumps))} over {len(losses)} epochs"
            )
            return _slower(record, record.history["stage"].iloc[jump], text)
    if losses[-1] < UNLEARNED * record.guess:
        return None
    own, rate = record.entry.learning_rate, record.rate(STAGES[0])[1]
    if losses.max() > THROWN * record.guess or rate >= FAR_RATE_UP * own:
        text = (
            f"The cross-entropy was {losses[0]:.3g} in the first epoch and is {losses[-1]:.3g} in "
            f"the last, no better than a guess by the class shares ({record.guess:.2f})"
        )
        return _slower(record, STAGES[0], text)
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
    """The loss falls steadily, but hardly."""
    rows = record.history[record.history["stage"] == STAGES[0]]
    losses = rows["cross_entropy"].to_numpy(float)
    if len(losses) < PACE_EPOCHS or record.parts is None or losses[-1] < EARLY * record.guess:
        return None
    own, (setting, rate) = record.entry.learning_rate, record.rate(STAGES[0])
    fallen = (losses[0] - losses[-1]) / losses[0]
    hardly = fallen < (HARDLY_BELOW_OWN if rate < own else HARDLY)
    if not hardly or not (rate <= own / FAR_RATE_DOWN or steadiness(losses) >= STEADY):
        return None
    return Evidence(
        f"Over {len(losses)} epochs the cross-entropy went from {losses[0]:.3f} to "
        f"{losses[-1]:.3f} only (a guess by the class shares has {record.guess:.3f}), at a "
        f"learning rate of {rate:g} ({record.entry.title} has {own:g}).",
        "Train anew with a larger learning rate.",
        {setting: _round(min(max(rate * 10, own), 1e3))},
    )


def penalty_dominated(record: Record) -> Evidence | None:
    """By the end the penalty on the weights is larger than the cross-entropy."""
    if record.history.empty:
        return None
    last = record.history.iloc[-1]
    if last["penalty"] <= last["cross_entropy"]:
        return None
    # The penalty goes with l2; unpenalised, the weights stay as large as they began.
    goal = PENALTY_SHARE * last["cross_entropy"] / record.history["penalty"].max()
    return Evidence(
        f"Of a loss of {last['loss']:.2f} in the last epoch, {last['penalty']:.2f} is the penalty "
        f"and {last['cross_entropy']:.2f} the cross-entropy (L2 {record.config.l2:g}); the "
        f"accuracy in training is {last['accuracy']:.2f}. A high loss beside a high accuracy is "
        "this penalty, not overfitting.",
        "Train anew with a smaller penalty, so that the error counts.",
        {"l2": _round(record.config.l2 * goal)},
    )


def _round(value: float) -> float:
    """To two significant digits, as a person would set it."""
    return float(f"{value:.2g}")
