"""The checkpoint after each epoch: everything needed to resume a run."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from core import storage
from core.errors import RunError
from core.untrusted.arrays import load as load_arrays


@dataclass(frozen=True)
class Checkpoint:
    """The state of training after `epoch` epochs.

    stage: 0 for training, 1 for fine-tuning, which began after stage_start epochs. best: the lowest
    validation cross-entropy so far, in best_epoch; waited: epochs since then. rate: the share of
    the learning rate that the schedule "plateau" has left. seconds: spent so far, stage_seconds: on
    the epochs of this stage. state: the arrays of the network and its optimizer, in their order.
    kept: those of the network of the best epoch; empty where the last is kept.
    """

    epoch: int = 0
    stage: int = 0
    stage_start: int = 0
    best: float = float("inf")
    best_epoch: int = 0
    waited: int = 0
    rate: float = 1.0
    seconds: float = 0.0
    stage_seconds: float = 0.0
    state: list[np.ndarray] = field(default_factory=list)
    kept: list[np.ndarray] = field(default_factory=list)


def save(checkpoint: Checkpoint, file: Path) -> None:
    """Writes the checkpoint, atomically."""
    facts = asdict(replace(checkpoint, state=[], kept=[]))
    arrays = {
        f"{name}_{number:05d}": array
        for name in ("state", "kept")
        for number, array in enumerate(getattr(checkpoint, name))
    }
    with storage.atomic(file) as temporary:
        np.savez(temporary, facts=np.array(json.dumps(facts)), **arrays)


def load(file: Path) -> Checkpoint | None:
    """The checkpoint, or None if there is none.

    Raises `RunError` if it is damaged or of another version; pickled content counts as damaged.
    """
    if not file.exists():
        return None
    try:
        arrays = load_arrays(file)
        facts = json.loads(str(arrays["facts"]))
        lists = {
            name: [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}_")]
            for name in ("state", "kept")
        }
        return Checkpoint(**facts | lists)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RunError(
            f"{file} is damaged or of another version. Delete it, and resume the run to start over."
        ) from None
