"""Finds out what a network expects of its pixels and what its outputs mean, by trying.

It reads labelled cells in each range of pixels and each order of channels. Only the right way shows
it what it has learned, so that it ranks blasts above healthy cells, or below where its outputs are
the other way round.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.data.walk import Progress
from core.errors import ConfigError
from core.metrics import classification
from core.models.inputs import CONTRACTS, InputContract
from core.models.runtime import Compiled
from core.runs.adoption import ContractTrial, Wanted

CELLS = 160  # to try on: its ROC AUC is then known to about 0.04
# Ways whose ROC AUC is this near to the best are told apart by how many cells they call rightly: a
# wrong range often leaves the order of the cells and moves all of them to one side.
AS_GOOD = 0.02
_BATCH = 16


@dataclass(frozen=True)
class Meaning:
    """The outputs that mean ALL, and those that mean HEM."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]


def meanings(outputs: int, wanted: Wanted) -> list[Meaning]:
    """What the outputs of a network may mean. Raises `ConfigError` where the user has to say."""
    ends = 2 if outputs == 1 else outputs
    every = range(ends)
    if wanted.positive is None:
        if wanted.negative is not None and ends == 2:
            wanted = wanted.replace(positive=tuple(set(every) - set(wanted.negative)))
        elif ends > 2:
            raise ConfigError(
                f"This model has {outputs} outputs, numbered from 0. Say which mean a blast: "
                "--positive-output 0,2 (and --negative-output, where others are to be left out)."
            )
        else:
            return [Meaning((1,), (0,)), Meaning((0,), (1,))]
    positive = wanted.positive or ()
    negative = wanted.negative or tuple(n for n in every if n not in positive)
    for name, chosen in (("positive", positive), ("negative", negative)):
        if not chosen or not set(chosen) <= set(every):
            raise ConfigError(
                f"The {name} outputs are {chosen}; they can be some of 0 to {ends - 1}, not all."
            )
    if set(positive) & set(negative):
        raise ConfigError(
            f"The outputs {positive} and {negative} overlap; an output means a blast or no blast. "
            "Name each once."
        )
    return [Meaning(tuple(positive), tuple(negative))]


def try_all(
    scores: Compiled,
    pixels: np.ndarray,
    labels: np.ndarray,
    choices: Sequence[Meaning],
    progress: Progress,
) -> list[ContractTrial]:
    """Tries each way to feed a network and the likelier meaning of its outputs, the best first.

    `scores` maps float32 (N, S, S, 3) to the output "scores", (N, outputs); pixels are uint8
    (N, S, S, 3), labels 1 for ALL and 0 (N,).
    """
    trials = []
    for number, contract in enumerate(CONTRACTS):
        found = _read(scores, contract, pixels)
        of_each = [_measure(contract, meaning, found, labels) for meaning in choices]
        trials.append(max(of_each, key=_rank))
        progress(number + 1, len(CONTRACTS))
    return sorted(trials, key=_rank, reverse=True)


def _read(scores: Compiled, contract: InputContract, pixels: np.ndarray) -> np.ndarray:
    starts = range(0, len(pixels), _BATCH)
    parts = [contract.apply(pixels[start : start + _BATCH]) for start in starts]
    return np.concatenate([scores(part)["scores"] for part in parts])


def _measure(
    contract: InputContract, meaning: Meaning, scores: np.ndarray, labels: np.ndarray
) -> ContractTrial:
    logits = logit(scores.astype(float), meaning)
    usable = bool(np.isfinite(logits).all())
    logits = np.nan_to_num(logits, nan=0.0, posinf=0.0, neginf=0.0)
    calls = classification.confusion(labels, (logits > 0).astype(int))
    signed = np.where(labels == 1, -logits, logits)
    return ContractTrial(
        pixels=contract.pixels,
        channels=contract.channels,
        positive=meaning.positive,
        negative=meaning.negative,
        roc_auc=classification.roc_auc(labels, logits) if usable else None,
        balanced_accuracy=float(classification.rates(calls)["balanced_accuracy"]),
        cross_entropy=float(np.logaddexp(0, signed).mean()),
    )


def logit(scores: np.ndarray, meaning: Meaning) -> np.ndarray:
    """The log-odds of ALL, (N,), of scores (N, outputs); see `core.models.graph.assembly`."""
    if scores.shape[1] == 1:
        return scores[:, 0] if 1 in meaning.positive else -scores[:, 0]
    sides = (meaning.positive, meaning.negative)
    positive, negative = (np.logaddexp.reduce(scores[:, list(side)], axis=1) for side in sides)
    return np.asarray(positive - negative)


def _rank(trial: ContractTrial) -> float:
    return trial.roc_auc or 0.0


def choose(trials: Sequence[ContractTrial], wanted: Wanted) -> ContractTrial:
    """The best trial among those that the user leaves open."""
    open_ = [
        trial
        for trial in trials
        if wanted.pixels in (None, trial.pixels) and wanted.channels in (None, trial.channels)
    ]
    best = max(map(_rank, open_))
    as_good = [trial for trial in open_ if _rank(trial) >= best - AS_GOOD]
    return max(as_good, key=lambda t: (round(t.balanced_accuracy or 0, 2), -t.cross_entropy))
