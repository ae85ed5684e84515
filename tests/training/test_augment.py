"""The eight symmetries of the square: drawn apart from being applied."""

import numpy as np

from core.training import augment

CELLS = np.random.default_rng(0).integers(0, 256, (augment.DIHEDRAL, 5, 5, 3), dtype=np.uint8)


def test_symmetry_zero_is_the_identity() -> None:
    np.testing.assert_array_equal(augment.apply(CELLS, np.zeros(len(CELLS), int)), CELLS)


def test_the_eight_symmetries_are_different_and_move_no_colour() -> None:
    same = np.repeat(CELLS[:1], augment.DIHEDRAL, axis=0)
    turned = augment.apply(same, np.arange(augment.DIHEDRAL))
    assert len({image.tobytes() for image in turned}) == augment.DIHEDRAL
    for image in turned:
        np.testing.assert_array_equal(
            np.sort(image.reshape(-1, 3), 0), np.sort(CELLS[0].reshape(-1, 3), 0)
        )


def test_four_quarters_and_two_mirrors_are_the_identity() -> None:
    for code, times in ((1, 4), (2, 2), (3, 4), (4, 2), (5, 2), (6, 2), (7, 2)):
        turned = CELLS
        for _ in range(times):
            turned = augment.apply(turned, np.full(len(CELLS), code))
        np.testing.assert_array_equal(turned, CELLS)


def test_drawing_is_replayed_by_its_seed_and_reaches_every_symmetry() -> None:
    first, second = (augment.draw(np.random.default_rng(7), 400) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert set(first) == set(range(augment.DIHEDRAL))
