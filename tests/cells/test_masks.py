import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from core.cells.masks import (
    BLACK_LEVEL,
    bounding_box,
    cell_mask,
    fill,
    lit_mask,
    outline,
    tidy,
    without_noise,
)
from core.data.synthetic.dataset import draw_cell


def _disc(shape: tuple[int, int], centre: tuple[int, int], radius: float) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


def _paint(mask: np.ndarray, colour=(150, 40, 160)) -> np.ndarray:
    return (mask[:, :, None] * np.array(colour)).astype(np.uint8)


@pytest.mark.parametrize("radius", [1, 10, 60.5])
@pytest.mark.parametrize("centre", [(100, 90), (0, 0), (199, 179)])
def test_a_disc_is_recovered_exactly(radius, centre):
    disc = _disc((200, 180), centre, radius)
    found = cell_mask(_paint(disc))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, disc)


def test_holes_are_filled_and_bays_are_not():
    disc = _disc((200, 200), (100, 100), 60)
    ring = disc & ~_disc((200, 200), (100, 100), 30)
    np.testing.assert_array_equal(cell_mask(_paint(ring)), disc)
    open_ring = ring & ~np.pad(np.ones((5, 100), bool), ((98, 97), (100, 0)))
    np.testing.assert_array_equal(cell_mask(_paint(open_ring)), open_ring)


def test_of_two_regions_the_larger_is_the_cell():
    large, small = _disc((200, 200), (60, 60), 40), _disc((200, 200), (150, 150), 30)
    np.testing.assert_array_equal(cell_mask(_paint(large | small)), large)


def test_one_bright_channel_is_enough_and_faint_noise_is_not():
    disc = _disc((100, 100), (50, 50), 20)
    for colour in ((200, 0, 0), (0, BLACK_LEVEL + 1, 0)):
        np.testing.assert_array_equal(cell_mask(_paint(disc, colour)), disc)
    assert not cell_mask(_paint(disc, (BLACK_LEVEL,) * 3)).any()
    noise = np.random.default_rng(0).integers(0, BLACK_LEVEL + 1, (100, 100, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cell_mask(np.maximum(_paint(disc), noise)), disc)


def test_a_black_image_has_no_cell_and_a_white_one_is_all_cell():
    black = np.zeros((40, 50, 3), np.uint8)
    assert cell_mask(black).shape == (40, 50)
    assert not cell_mask(black).any()
    assert cell_mask(black + 255).all()


def test_any_shape_is_its_largest_region_with_its_holes_filled():
    rng = np.random.default_rng(1)
    for _ in range(40):
        lit = ndimage.gaussian_filter(rng.normal(0, 1, (60, 80)), rng.uniform(0.8, 4)) > 0.02
        regions, count = ndimage.label(lit, np.ones((3, 3)))
        areas = np.bincount(regions.ravel(), minlength=count + 1)[1:]
        if (areas == areas.max()).sum() > 1:
            continue
        wanted = ndimage.binary_fill_holes(regions == 1 + areas.argmax())
        np.testing.assert_array_equal(cell_mask(_paint(lit)), wanted)


@pytest.mark.parametrize("quality", [60, 95])
def test_noise_of_a_jpeg_around_a_cell_is_made_black_and_the_cell_stays(quality):
    cell = draw_cell(subject="1", cell=0, label=1, seed=1)
    file = io.BytesIO()
    Image.fromarray(cell).save(file, "JPEG", quality=quality)
    image = np.array(Image.open(file))
    clean, mask = without_noise(image), cell_mask(image)
    assert (image[~lit_mask(image)] > 0).any() and not clean[~lit_mask(image) & ~mask].any()
    assert (clean[mask] == image[mask]).all()


def test_a_cell_stored_without_loss_stays_as_it_is():
    cell = draw_cell(subject="1", cell=0, label=1, seed=1)
    assert without_noise(cell) is cell


def test_a_drawn_cell_is_found_nearly_whole():
    for label in (0, 1):
        image = draw_cell(subject="H1" if label == 0 else "1", cell=0, label=label, seed=2)
        inside = image.any(axis=2)
        found = cell_mask(image)
        assert not (found & ~inside).any()
        assert found.sum() > 0.98 * inside.sum()


def test_the_bounding_box_is_x_y_width_height():
    mask = np.zeros((50, 80), bool)
    mask[10:13, 20:61] = True
    assert bounding_box(mask) == (20, 10, 41, 3)
    assert all(type(number) is int for number in bounding_box(mask))
    one = np.zeros((50, 80), bool)
    one[49, 79] = True
    assert bounding_box(one) == (79, 49, 1, 1)
    assert bounding_box(np.ones((50, 80), bool)) == (0, 0, 80, 50)


def test_the_bounding_box_just_holds_the_mask():
    disc = _disc((120, 130), (40, 70), 25)
    x, y, width, height = bounding_box(disc)
    assert disc[y : y + height, x : x + width].sum() == disc.sum()
    assert (width, height) == (51, 51)


def test_an_outline_is_drawn_on_the_edge_of_the_mask_only():
    cell = draw_cell(subject="1", cell=0, label=1, seed=1)
    mask = np.zeros(cell.shape[:2], bool)
    mask[100:200, 150:300] = True
    found = outline(cell, mask)
    assert (found[100, 150:300] >= 200).all()  # a smoothed white line
    inner, outer = mask.copy(), mask.copy()
    inner[[100, 101, 198, 199]], inner[:, [150, 151, 298, 299]] = False, False
    outer[98:202, 148:302] = True
    np.testing.assert_array_equal(found[inner], cell[inner])
    np.testing.assert_array_equal(found[~outer], cell[~outer])
    np.testing.assert_array_equal(outline(cell, np.zeros_like(mask)), cell)


def test_the_inside_of_lines_is_filled_their_pixels_included():
    square = np.array([[2, 3], [6, 3], [6, 8], [2, 8]], float)
    inside = fill([square, square + np.array([2, 0])], (12, 12))
    expected = np.zeros((12, 12), bool)
    expected[3:9, 2:9] = True
    np.testing.assert_array_equal(inside, expected)


def test_specks_and_holes_of_a_part_are_removed_and_larger_ones_stay():
    cell = np.ones((100, 100), bool)
    part = np.zeros_like(cell)
    part[10:60, 10:60] = True
    expected = part.copy()
    expected[30:42, 30:42] = part[30:42, 30:42] = False  # 1.4 % of the cell
    part[20:25, 20:25] = False
    part[80:90, 80:90] = True
    np.testing.assert_array_equal(tidy(part, cell), expected)
