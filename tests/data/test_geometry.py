"""The window of a network is cut from a picture, or padded, and fitted to its size."""

import numpy as np
import pytest

from core.data.geometry import Geometry, fit, window
from core.data.synthetic.dataset import draw_cell


@pytest.fixture(scope="module")
def cell() -> np.ndarray:
    return draw_cell(subject="1", cell=0, label=1, seed=1)


def test_the_window_keeps_the_centre_of_a_larger_image_at_its_scale():
    image = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    np.testing.assert_array_equal(window(image, 450), image[75:525, 75:525])


def test_the_window_pads_a_smaller_image_in_black():
    image = np.full((300, 200, 3), 7, np.uint8)
    found = window(image, 450)
    assert found.shape == (450, 450, 3)
    np.testing.assert_array_equal(found[75:375, 125:325], image)
    assert found.sum() == image.sum()


@pytest.mark.parametrize("shape", [(451, 449), (33, 1001), (7, 8), (450, 600)])
@pytest.mark.parametrize("side", [5, 224, 450])
def test_the_window_cuts_one_axis_and_pads_the_other_within_half_a_pixel(shape, side):
    image = np.random.default_rng(1).integers(1, 256, (*shape, 3), dtype=np.uint8)
    found = window(image, side)
    assert found.shape == (side, side, 3)
    inside = found[:, :, 0] > 0
    for axis, length in enumerate(shape):
        lit = np.flatnonzero(inside.any(axis=1 - axis))
        assert len(lit) == min(length, side)
        assert abs(lit[0] - (side - 1 - lit[-1])) <= 1
    rows, columns = (min(length, side) for length in shape)
    top, left = ((length - min(length, side)) // 2 for length in shape)
    np.testing.assert_array_equal(
        found[inside], image[top : top + rows, left : left + columns].reshape(-1, 3)
    )


def test_the_window_of_an_equal_image_is_the_image_itself(cell):
    np.testing.assert_array_equal(window(cell, 450), cell)


def test_fit_has_the_asked_size_and_leaves_a_flat_colour_flat(cell):
    flat = np.full((450, 450, 3), (200, 30, 90), np.uint8)
    for size in (96, 224, 299, 450):
        found = fit(flat, Geometry(450, size))
        assert found.shape == (size, size, 3)
        assert found.dtype == np.uint8
        assert (found == (200, 30, 90)).all()
    np.testing.assert_array_equal(fit(cell, Geometry(450, 450)), cell)


def test_fit_averages_areas(cell):
    blocks = cell.reshape(150, 3, 150, 3, 3).mean(axis=(1, 3))
    assert np.abs(fit(cell, Geometry(450, 150)) - blocks).max() <= 1
    for size in (96, 224):
        difference = fit(cell, Geometry(450, size)).mean(axis=(0, 1)) - cell.mean(axis=(0, 1))
        assert np.abs(difference).max() < 1
