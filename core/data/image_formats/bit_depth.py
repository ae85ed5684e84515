"""The significant bits of samples that are stored in 16: cameras write 10, 12 or 14 of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

STORED = 16
DEPTHS = (8, 10, 12, 14, STORED)
MAX_SAMPLE_VALUE, S_MAX_SAMPLE_VALUE = 281, 341  # tags of TIFF


def stated_by(tags: Mapping[int, Any] | None, data: bytes, largest: int) -> int | None:
    """Returns the largest sample that a file says it may hold; None if it does not say.

    `tags` are those of a TIFF file, None of another; `data` is the file, `largest` its largest
    sample.
    """
    if tags is not None:
        stated = tags.get(S_MAX_SAMPLE_VALUE, tags.get(MAX_SAMPLE_VALUE))
        return None if stated is None else int(np.max(stated))
    chunk = data.find(b"sBIT", 8, data.find(b"IDAT"))
    if chunk < 0:
        return None
    length = int.from_bytes(data[chunk - 4 : chunk], "big")
    stated = (1 << max(data[chunk + 4 : chunk + 4 + length], default=STORED)) - 1
    # By its specification PNG scales such samples up to 16 bits, though few cameras do.
    return stated if largest <= stated else (1 << STORED) - 1


def significant_bits(samples: np.ndarray, stated: int | None = None) -> int:
    """Returns how many of the 16 bits of each sample count: one of `DEPTHS`.

    `samples` is a uint16 array of any shape that is not empty, `stated` the largest sample that
    the file allows, if it says so. That counts unless a sample is larger; else the largest sample
    decides. Samples that were widened from 8 bits by repeating them, or moved up to the top of the
    16, use all of them, however dark the picture is.
    """
    largest = int(samples.max())
    if stated is not None and largest <= stated:
        return _holding(stated)
    depth = _holding(largest)
    if largest > 0xFF and np.array_equal(samples >> 8, samples & 0xFF):
        return STORED
    moved_up = depth > 12 and not np.bitwise_or.reduce(samples, axis=None) & 0b11
    return STORED if moved_up else depth


def describe(samples: np.ndarray, bits: int, stated: int | None) -> str:
    """Says in a sentence how many bits were taken to count, and why. Arguments as above."""
    largest = int(samples.max())
    why = (
        "as the file says"
        if stated is not None and largest <= stated
        else f"by the largest value in it, {largest}"
    )
    return f"Its 16-bit samples were taken to hold {bits} significant bits, {why}."


def _holding(value: int) -> int:
    return next(depth for depth in DEPTHS if value < 1 << depth or depth == STORED)
