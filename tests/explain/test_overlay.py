import colorsys

import cv2
import numpy as np
import pytest

from core.data.synthetic.dataset import draw_cell
from core.explain.overlay import OPACITY, SCALE, overlay, resize_heat


@pytest.fixture(scope="module")
def cell() -> np.ndarray:
    return draw_cell(subject="1", cell=0, label=1, seed=1)


def _lightness(colours: np.ndarray) -> np.ndarray:
    """CIE L* of RGB uint8 (N, 3)."""
    floats = colours.astype(np.float32)[None] / 255
    return cv2.cvtColor(floats, cv2.COLOR_RGB2LAB)[0, :, 0]


def test_no_heat_leaves_the_image_untouched(cell):
    np.testing.assert_array_equal(overlay(cell, np.zeros(cell.shape[:2], np.float32)), cell)
    np.testing.assert_array_equal(overlay(cell, np.ones(cell.shape[:2], np.float32), 0.0), cell)


def test_full_heat_at_full_opacity_is_the_top_of_the_scale(cell):
    found = overlay(cell, np.ones(cell.shape[:2], np.float32), 1.0)
    assert (found == SCALE[255]).all()


def test_a_pixel_is_mixed_as_by_hand():
    image = np.array([[[100, 50, 200]]], np.uint8)
    share = 0.5 * OPACITY
    wanted = (1 - share) * image[0, 0] + share * SCALE[127]
    found = overlay(image, np.full((1, 1), 0.5, np.float32))[0, 0]
    assert np.abs(found - wanted).max() <= 0.5001


def test_every_pixel_lies_between_the_image_and_the_scale(cell):
    heat = np.random.default_rng(0).random(cell.shape[:2], np.float32)
    found = overlay(cell, heat).astype(int)
    assert (found.dtype, found.shape) == (int, cell.shape)
    colour = SCALE[(heat * 255).astype(np.uint8)].astype(int)
    assert (found >= np.minimum(cell, colour) - 1).all()
    assert (found <= np.maximum(cell, colour) + 1).all()


def test_the_overlay_is_an_image_and_leaves_its_inputs_alone(cell):
    before, heat = cell.copy(), np.full(cell.shape[:2], 0.7, np.float32)
    found = overlay(cell, heat)
    assert (found.dtype, found.shape) == (np.uint8, cell.shape)
    np.testing.assert_array_equal(cell, before)
    assert (heat == np.float32(0.7)).all()


def test_the_colour_scale_gets_lighter_all_the_way():
    assert (SCALE.shape, SCALE.dtype) == ((256, 3), np.uint8)
    lightness = _lightness(SCALE)
    assert (np.diff(lightness) > -0.3).all()  # 8-bit rounding
    assert (np.diff(lightness[::8]) > 0).all()
    assert lightness[-1] - lightness[0] > 40


def test_the_colour_scale_has_no_hue_of_purple_stain():
    hues = [360 * colorsys.rgb_to_hsv(*(colour / 255))[0] for colour in SCALE]
    assert min(hues) > 45
    assert max(hues) < 200  # purple and pink begin at about 250


@pytest.mark.parametrize("shape", [(450, 450), (30, 47), (7, 7), (3, 5)])
def test_resized_heat_has_the_shape_of_the_image_and_stays_in_range(shape):
    heat = np.random.default_rng(1).random((7, 7), np.float32).round()  # cubic overshoots
    found = resize_heat(heat, shape)
    assert (found.shape, found.dtype) == (shape, np.float32)
    assert found.min() >= 0
    assert found.max() <= 1


def test_resizing_keeps_flat_heat_flat_and_the_peak_in_its_place():
    for level in (0.0, 0.4, 1.0):
        flat = resize_heat(np.full((7, 9), level, np.float32), (70, 90))
        np.testing.assert_allclose(flat, level, atol=1e-6)
    heat = np.zeros((7, 9), np.float32)
    heat[2, 6] = 1
    row, column = np.unravel_index(resize_heat(heat, (70, 90)).argmax(), (70, 90))
    assert (row // 10, column // 10) == (2, 6)
