"""The stream of training batches: what comes in which epoch depends on the seed alone."""

from collections.abc import Iterator
from itertools import count

import numpy as np

from core.training import augment

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def steps(images: int, batch_size: int) -> int:
    """Batches an epoch; the last may be smaller."""
    return -(-images // batch_size)


def training_batches(
    pixels: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    augmentation: bool,
    class_weights: bool,
) -> Iterator[Batch]:
    """Epoch after epoch without end: each draws its own order and augmentation from (seed, epoch).

    `pixels` uint8 (N, S, S, 3), `labels` 0 or 1 (N,), `rows` the training rows. Yields pixels
    uint8 (B, S, S, 3), labels float32 (B, 1) and loss weights float32 (B,).
    """
    weight = _weights(labels[rows]) if class_weights else np.ones(2, np.float32)
    for epoch in count():
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(rows)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            images = pixels[chosen]
            if augmentation:
                images = augment.apply(images, augment.draw(rng, len(images)))
            yield images, labels[chosen, None].astype(np.float32), weight[labels[chosen]]


def _weights(labels: np.ndarray) -> np.ndarray:
    """Both classes weigh the same in the loss; the mean weight is 1. Float32 (2,)."""
    counts = np.bincount(labels, minlength=2)
    return (len(labels) / (2 * counts)).astype(np.float32)


def plain_batches(
    pixels: np.ndarray, labels: np.ndarray, rows: np.ndarray, *, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows once, in order: pixels and labels as in `training_batches`."""
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        yield pixels[chosen], labels[chosen, None].astype(np.float32)
