"""Faults of fitting: the network learned too little, too much, or for too long.

One function each, from a `Record` to `Evidence` or None; `core.doctor.diagnoses` lists them.
"""

import numpy as np
import pandas as pd

from core.doctor.record import Evidence, Record
from core.models import weights
from core.runs.config import EPOCHS, MAX_EPOCHS, RECIPES, RunConfig, Setting
from core.runs.run_store import STAGES

# Standard deviation of the logit over all cells below which the output counts as constant: 0.1 is
# at most 2.5 percentage points of probability.
CONSTANT_SPREAD = 0.1
# Below this the output does not depend on the image at all.
DEAD_SPREAD = 1e-6
# Share of the cross-entropy of a guess by class shares above which the network has not learned.
# (The shipped runs end at 0.7.)
UNLEARNED = 0.95
# The loss falls steadily if the later epoch has the lower loss in this share of all pairs; in a
# flat and noisy curve it is half.
STEADY = 0.8
# Validation cross-entropy above that of training: difference in nats, and ratio. Cells of other
# subjects are harder: 0.06 nats in the shipped runs.
OVERFIT_NATS, OVERFIT = 0.2, 1.5
# Relevant rise of the validation cross-entropy above its lowest, in nats; between epochs it varies
# by 0.05 in the shipped runs.
PAST_BEST_NATS = 0.1
# If the best epoch is kept, further epochs only cost time, so many of them are needed for a
# diagnosis. The shipped CNN-16 keeps epoch 6 of 20, which is no fault.
WASTED_EPOCHS, WASTED_SHARE = 30, 0.75
PATIENCE = 10
# Relative decrease of the validation cross-entropy an epoch at the full learning rate, below which
# more epochs are not worthwhile: at 1 % an epoch, twice 10 epochs take a tenth off the loss.
WORTH_AN_EPOCH = 0.01
# Decrease in nats over the last third that could be chance: the shipped runs waver by as much
# when their learning rate is almost 0.
WAVER_NATS = 0.01
# Fewer epochs can explain that a network has not learned.
FEW_EPOCHS = 5
# A flat curve above this share of the cross-entropy of a guess never left it. (Below `UNLEARNED`
# the network may be slow, so the curve has to be flat as well: its decrease from the first epochs
# to the last is less than that by which curves waver.)
NEAR_CHANCE = 0.9
# The best epoch is early within the first fifth of the training, at most 5 epochs: by then a
# network has seen each cell a few times, and is still far from knowing it by heart.
EARLY_SHARE, EARLY_EPOCHS = 0.2, 5
# Change in nats from the best epoch to the last third that is no wavering: the shipped runs differ
# by 0.05 between two epochs at most, and their medians over a third by far less.
EARLY_NATS = 0.05
# The rise is also this multiple of the median change between two epochs, so that the lowest of many
# noisy epochs is not taken for the best.
EARLY_NOISE = 2.0
# Epochs needed to judge a course.
COURSE_EPOCHS = 4


def constant_output(record: Record) -> Evidence | None:
    """Every cell gets practically the same logit."""
    spread = record.spread
    if spread is None or spread >= CONSTANT_SPREAD:
        return None
    evidence = f"Over all cells the {record.logits}."
    if spread >= DEAD_SPREAD:
        return Evidence(evidence, *_learn_more(record))
    rate = record.rate(STAGES[0])[1] / 10
    return Evidence(
        evidence,
        "Train anew with a smaller learning rate: units that no image moves any more are most "
        "often the work of a large step.",
        {"learning_rate": rate},
    )


def underfitting(record: Record) -> Evidence | None:
    """On its own training cells the network is hardly better than a guess by the class shares."""
    fit = record.fit
    if fit is None or record.parts is None:
        return None
    flat = _stays_near_chance(record)
    if fit.training <= UNLEARNED * record.guess and not flat:
        return None
    losses = record.history["cross_entropy"].to_numpy(float)
    course = (
        f" It never left that level: {losses[0]:.3f} in the first epoch, {losses[-1]:.3f} in the "
        f"last of {len(losses)}."
    )
    return Evidence(
        f"On the training cells the prediction error is {fit.training:.3f}; a guess by the class "
        f"shares alone has {record.guess:.3f}.{course if flat else ''}",
        *_learn_more(record),
    )


def _stays_near_chance(record: Record) -> bool:
    """Whether the training loss is that of a guess, more or less, from the first epoch on."""
    losses = record.history["cross_entropy"].to_numpy(float)
    if len(losses) < COURSE_EPOCHS or losses.min() <= NEAR_CHANCE * record.guess:
        return False
    return float(losses[0] - _late(losses)) < EARLY_NATS


def _learn_more(record: Record) -> tuple[str, dict[str, Setting] | None]:
    """Advice and repair for a network that has not learned: the first that applies."""
    config, entry = record.config, record.entry
    if entry.pretrained is not None and config.weights == "random" and weights.find(entry):
        return "Train anew with ImageNet weights.", {"weights": "imagenet"}
    if config.l2:
        return "Train anew without the penalty on the weights.", {"l2": 0.0}
    if config.dropout is not None:
        return "Train anew with the architecture's own dropout.", {"dropout": None}
    if config.augmentation and config.augmentation_strength > 1:
        return "Train anew with usual augmentation.", {"augmentation_strength": 1.0}
    if entry.blocks and not config.fine_tune_blocks:
        return (
            "Train anew, and let the backbone's top block train on.",
            {"fine_tune_blocks": 1, "fine_tune_epochs": config.epochs},
        )
    if config.epochs < MAX_EPOCHS:
        return "Train anew for longer.", {"epochs": longer(config.epochs)}
    return "Take an architecture with more weights.", None


def overfitting(record: Record) -> Evidence | None:
    """The kept weights are far better on training cells than on those of other subjects."""
    fit = record.fit
    if fit is None or fit.validation - fit.training < OVERFIT_NATS:
        return None
    if fit.validation < OVERFIT * fit.training:
        return None
    advice, repair = _hold_back(record.config)
    return Evidence(
        f"The prediction error is {fit.training:.3f} on the training cells and "
        f"{fit.validation:.3f} on the validation cells.",
        advice,
        repair,
    )


def _hold_back(config: RunConfig) -> tuple[str, dict[str, Setting] | None]:
    """Advice and repair against overfitting: the first that is not in use yet."""
    usual = RECIPES["recommended"]
    if not config.augmentation:
        repair = {name: usual[name] for name in ("augmentation", "views")}
        return "Train anew with images turned and coloured at random.", repair
    if (config.dropout or 0.0) < 0.5:
        return "Train anew with dropout.", {"dropout": 0.5}
    if not config.l2:
        return "Train anew with a small penalty on the weights.", {"l2": 1e-4}
    return "Train on more subjects, or take a smaller architecture.", None


def overfitting_at_once(record: Record) -> Evidence | None:
    """Training cells were learned from the first epochs on, and those of other subjects were not.

    The validation loss is lowest early and then rises, or never falls below that of a guess.
    """
    if len(record.history) < COURSE_EPOCHS or record.parts is None:
        return None
    training, losses = (
        record.history[name].to_numpy(float)
        for name in ("cross_entropy", "validation_cross_entropy")
    )
    best = int(losses.argmin())
    if _late(training) > training[best] - EARLY_NATS:
        return None
    if _rises_early(losses):
        course = (
            f"was lowest, {losses[best]:.3f}, in epoch {best + 1} of {len(losses)}, and is "
            f"{losses[-1]:.3f} in the last"
        )
    elif losses[best] > UNLEARNED * record.guess and _late(training) < NEAR_CHANCE * record.guess:
        course = f"never fell below {losses[best]:.3f} (a guess has {record.guess:.3f})"
    else:
        return None
    advice, repair = _hold_back(record.config)
    if record.config.keep == "last":
        advice, repair = f"{advice} Keep the best epoch.", (repair or {}) | {"keep": "best"}
        kept = "The last epoch was kept."
    else:
        kept = f"The weights of epoch {best + 1} were kept."
    return Evidence(
        f"The validation prediction error {course}, while that of training fell from "
        f"{training[0]:.3f} to {training[-1]:.3f}. {kept}",
        advice,
        repair,
    )


def _rises_early(losses: np.ndarray) -> bool:
    """Whether the loss is lowest in the first epochs, and rises from there beyond its noise."""
    early = min(EARLY_EPOCHS, max(1, round(EARLY_SHARE * len(losses))))
    noise = EARLY_NOISE * float(np.median(np.abs(np.diff(losses))))
    rise = _late(losses) - losses.min()
    return int(losses.argmin()) < early and rise >= max(EARLY_NATS, noise)


def _late(losses: np.ndarray) -> float:
    """The median of the last third."""
    return float(np.median(losses[-max(1, len(losses) // 3) :]))


def past_the_best(record: Record) -> Evidence | None:
    """The last epoch was kept though an earlier one is better, or very many came after the best."""
    losses = record.history["validation_cross_entropy"].to_numpy(float)
    if not len(losses):
        return None
    best = int(losses.argmin())
    after = len(losses) - 1 - best
    evidence = (
        f"The validation prediction error was lowest, {losses[best]:.3f}, in epoch {best + 1}; "
        f"{times(after, 'epoch')} later it is {losses[-1]:.3f}."
    )
    if record.config.keep == "last":
        if losses[-1] - losses[best] <= PAST_BEST_NATS:
            return None
        return Evidence(evidence, "Train anew and keep the best epoch.", {"keep": "best"})
    if after < WASTED_EPOCHS or after < WASTED_SHARE * len(losses):
        return None
    return Evidence(
        f"{evidence} The best epoch was kept, so only time was lost.",
        f"Next time stop after {PATIENCE} epochs without progress.",
        {"patience": PATIENCE},
    )


def too_few_epochs(record: Record) -> Evidence | None:
    """Training ended while the loss of both parts was still falling."""
    if record.status.state != "succeeded" or record.history.empty or record.parts is None:
        return None
    config = record.config
    stage = record.history["stage"].iloc[-1]
    rows = record.history[record.history["stage"] == stage]
    setting = "epochs" if stage == STAGES[0] else "fine_tune_epochs"
    epochs = getattr(config, setting)
    if len(rows) < epochs or epochs == MAX_EPOCHS:
        return None
    losses = rows["validation_cross_entropy"].to_numpy(float)
    pace = _pace(rows)
    unlearned = record.fit is not None and record.fit.training > UNLEARNED * record.guess
    if pace < WORTH_AN_EPOCH and not (len(record.history) < FEW_EPOCHS and unlearned):
        return None
    course = f"went from {losses[0]:.3f} to {losses[-1]:.3f}" if len(losses) > 1 else ""
    course = course or f"is {losses[0]:.3f}"
    last = int(losses.argmin()) == len(losses) - 1
    best = ", its best in the last," if last and len(losses) > 1 else ""
    decrease = f", at the end by {pace:.1%} an epoch of full learning rate" if pace > 0 else ""
    return Evidence(
        f"Over {times(len(rows), 'epoch')} the validation prediction error{best} {course}"
        f"{decrease}; a guess by the class shares has {record.guess:.3f}.",
        "Train anew for longer.",
        {setting: longer(epochs)},
    )


def _pace(rows: pd.DataFrame) -> float:
    """Relative decrease of the validation cross-entropy an epoch at full learning rate.

    Over the last third of the epochs; 0 unless both parts fall steadily in it, and by more than a
    curve wavers. Epochs are weighted by their share of the highest learning rate, because a lower
    rate flattens the curve.
    """
    tail = rows.tail(max(len(rows) // 3, 1) + 1)
    if len(tail) < 2:
        return 0.0
    curves = [tail[name].to_numpy(float) for name in ("cross_entropy", "validation_cross_entropy")]
    if min(steadiness(curve) for curve in curves) < STEADY:
        return 0.0
    if curves[1][0] - curves[1][-1] < WAVER_NATS:
        return 0.0
    rates = rows["learning_rate"].to_numpy(float) / rows["learning_rate"].max()
    steps = ((rates[:-1] + rates[1:]) / 2)[-(len(tail) - 1) :]  # a row has its last step's rate
    losses = curves[1]
    return float((losses[0] - losses[-1]) / losses[-1] / steps.sum())


def longer(epochs: int) -> int:
    """Returns twice the epochs, at least `EPOCHS` and at most `MAX_EPOCHS`."""
    return min(max(2 * epochs, EPOCHS), MAX_EPOCHS)


def times(number: int, what: str = "time") -> str:
    """Returns the number with its noun."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def steadiness(values: np.ndarray) -> float:
    """Returns the share of pairs of epochs in which the later has the lower value, 0..1."""
    earlier, later = np.triu_indices(len(values), 1)
    return float((values[later] < values[earlier]).mean())
