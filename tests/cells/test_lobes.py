"""Bent and lobed nuclei, on drawn cells and on real ones."""

import cv2
import numpy as np
import pytest

from core.cells.lobes import is_lobed

CYTOPLASM, NUCLEUS = (230, 190, 215), (90, 70, 160)
ROUND = [((50, 50), 28)]
TWO = [((29, 50), 18), ((71, 50), 18)]
THREE = [((50, 30), 14), ((34, 62), 14), ((68, 62), 14)]


def drawn(parts: list[tuple[tuple[int, int], int]]) -> tuple[np.ndarray, np.ndarray]:
    """A cell of 90 pixels with a nucleus of discs; and where it is."""
    image, mask = np.full((101, 101, 3), 240, np.uint8), np.zeros((101, 101), np.uint8)
    cv2.circle(mask, (50, 50), 45, 1, -1)
    image[mask == 1] = CYTOPLASM
    for middle, radius in parts:
        cv2.circle(image, middle, radius, NUCLEUS, -1)
    return image, mask.astype(bool)


@pytest.mark.parametrize(
    ("parts", "lobed"), [(ROUND, False), (TWO, True), (THREE, True), ([], False)]
)
def test_lobes_are_told_from_a_round_nucleus(
    parts: list[tuple[tuple[int, int], int]], lobed: bool
) -> None:
    image, mask = drawn(parts)
    assert is_lobed(image, mask) == lobed
    assert is_lobed(np.ascontiguousarray(image[:, ::-1]), mask) == lobed


def test_a_bent_nucleus_is_one() -> None:
    image, mask = drawn([])
    cv2.ellipse(image, (50, 50), (26, 26), 0, 20, 250, NUCLEUS, 16)
    assert is_lobed(image, mask)


def test_faint_blotches_and_noise_are_no_lobes() -> None:
    image, mask = drawn(TWO)
    faint = cv2.addWeighted(image, 0.15, np.full_like(image, 150), 0.85, 0)
    assert not is_lobed(faint, mask)
    noise = np.random.default_rng(0).integers(60, 250, image.shape, np.uint8)
    assert not is_lobed(noise, mask)
