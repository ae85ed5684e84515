"""Random changes to training images: drawn first, then applied, so that they can be replayed."""

import numpy as np

DIHEDRAL = 8


def draw(rng: np.random.Generator, images: int) -> np.ndarray:
    """One of the eight symmetries of the square for each image: int64 (N,), 0..7."""
    return rng.integers(0, DIHEDRAL, size=images)


def apply(images: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
    """Turns each image by symmetry % 4 quarters, mirrored first from 4 on. A cell has no up.

    uint8 (N, S, S, 3) and int (N,) to a new array of the images' shape; 0 is the identity.
    """
    result = np.empty_like(images)
    for row, (image, code) in enumerate(zip(images, symmetry, strict=True)):
        mirrored = image[:, ::-1] if code >= DIHEDRAL // 2 else image
        result[row] = np.rot90(mirrored, int(code) % 4)
    return result
