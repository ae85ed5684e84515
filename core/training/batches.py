"""Training batches: the seed alone decides the order and augmentation of each epoch."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from core.runs.config import RunConfig
from core.training import augment, covering

# A row and the symmetry asked of it, to the image (or the features) in that view.
LookUp = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Batch(NamedTuple):
    """inputs (B, ...), labels float32 (B,) of 0 and 1, loss weights float32 (B,).

    Where the evidence of places shall add up, also the first C of the inputs with parts covered,
    and the visible share of each of their places, float32 (C, h, w); see `core.training.covering`.
    """

    inputs: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    covered: np.ndarray | None = None
    visible: np.ndarray | None = None


def steps(images: int, batch_size: int) -> int:
    """Batches an epoch; the last may be smaller."""
    return -(-images // batch_size)


def epoch_rows(labels: np.ndarray, rows: np.ndarray, config: RunConfig, epoch: int) -> np.ndarray:
    """Returns the training rows of an epoch in order, int (N,).

    The class balance "sampling" keeps the number of cells, half of each class: cells of the smaller
    class are repeated.
    """
    rng = np.random.default_rng([config.seed, epoch])
    if config.class_balance != "sampling":
        return rng.permutation(rows)
    classes = [rows[labels[rows] == label] for label in (0, 1)]
    half = -(-len(rows) // 2)
    drawn = [_repeated(rng, members, half) for members in classes]
    return rng.permutation(np.concatenate(drawn))[: len(rows)]


def _repeated(rng: np.random.Generator, rows: np.ndarray, number: int) -> np.ndarray:
    """Repeats rows to `number`; how often two rows occur differs by at most one."""
    whole, rest = divmod(number, len(rows))
    return np.concatenate([np.tile(rows, whole), rng.permutation(rows)[:rest]])


def epoch_batches(
    look_up: LookUp,
    labels: np.ndarray,
    rows: np.ndarray,
    config: RunConfig,
    epoch: int,
    regions: tuple[int, int] | None = None,
) -> Iterator[Batch]:
    """One epoch: its order and augmentation are drawn from (seed, epoch), counted from 0.

    `labels` are 0 or 1 for all cells (N,), `rows` the training rows. With `regions`, the shape
    (h, w) of the feature map, batches hold covered images, too, of half of their cells.
    """
    order = epoch_rows(labels, rows, config, epoch)
    weight = class_weights(labels[rows]) if config.class_balance == "weights" else np.ones(2)
    rng = np.random.default_rng([config.seed, epoch, 1])
    for start in range(0, len(order), config.batch_size):
        chosen = order[start : start + config.batch_size]
        inputs = look_up(chosen, rng)
        truth = labels[chosen]
        batch = Batch(inputs, truth.astype(np.float32), weight[truth].astype(np.float32))
        if regions:
            # Of every other cell: as much is learned of covers, and an epoch takes a fifth less.
            covered, visible = covering.cover(inputs[: -(-len(inputs) // 2)], regions, rng)
            batch = batch._replace(covered=covered, visible=visible)
        yield batch


def augmented(pixels: np.ndarray, config: RunConfig) -> LookUp:
    """Returns a function that looks up pixels, uint8 (N, S, S, 3), and augments them."""

    def look_up(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not config.augmentation:
            plain: np.ndarray = pixels[rows]
            return plain
        strength = config.augmentation_strength
        drawn = augment.draw(rng, len(rows), config.augmentation, strength)
        return augment.apply([pixels[row] for row in rows], drawn)

    return look_up


def class_weights(labels: np.ndarray) -> np.ndarray:
    """Both classes weigh the same in the loss; the mean weight is 1. Float64 (2,)."""
    weights: np.ndarray = len(labels) / (2 * np.bincount(labels, minlength=2))
    return weights


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yields the same batches; a thread prepares the next one meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
