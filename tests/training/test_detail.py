"""Detail that is lost as in a picture that was stored with loss."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from core.data.geometry import Geometry, fit
from core.data.images import as_jpeg
from core.data.pixel_cache import prepare
from core.data.synthetic.white_cell import draw_cell
from core.training import detail

GEOMETRY = Geometry(size=104)
CELLS = [draw_cell(subject=name, cell=3, label=label) for name, label in (("1", 1), ("H2", 0))]


def seen(image: np.ndarray) -> np.ndarray:
    return fit(prepare(image, GEOMETRY, None), GEOMETRY)


def fineness(image: np.ndarray) -> np.ndarray:
    """The mean absolute difference between neighbours inside the cell: red, green, blue."""
    inside = cv2.erode(image.any(axis=2).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    differences = np.diff(image.astype(float), axis=1)[inside[:, 1:]]
    return np.asarray(np.abs(differences).mean(axis=0))


@pytest.mark.parametrize("quality", [90, 75, 60])
def test_a_resized_cell_changes_as_it_does_when_its_file_is_a_jpeg(quality: int) -> None:
    """Red fades; green and blue, which a JPEG stores coarsely, vary more than before."""
    for cell in CELLS:
        plain = seen(cell)
        stored = io.BytesIO()
        Image.fromarray(cell).save(stored, "JPEG", quality=quality)
        file = fineness(seen(np.asarray(Image.open(stored)))) / fineness(plain)
        quick = fineness(detail.lose(plain, 448, quality)) / fineness(plain)
        np.testing.assert_allclose(quick, file, atol=0.1)


def test_lower_quality_smaller_frames_and_blur_each_change_more() -> None:
    plain = seen(CELLS[1])
    for kinds in (
        [(448, 95, 0.0), (448, 75, 0.0), (448, 30, 0.0)],
        [(448, 75, 0.0), (224, 75, 0.0), (104, 75, 0.0)],
        [(448, 90, 0.0), (448, 90, 2.0), (448, 90, 4.0)],
    ):
        lost = [np.abs(detail.lose(plain, *kind).astype(int) - plain).mean() for kind in kinds]
        assert lost == sorted(lost) and lost[-1] > 1.5 * lost[0] > 0, (kinds, lost)


def test_the_outline_stays_and_the_image_too() -> None:
    plain = seen(CELLS[0])
    before = plain.copy()
    lost = detail.lose(plain, 224, 50, 0.6)
    np.testing.assert_array_equal(plain, before)
    np.testing.assert_array_equal(lost.any(axis=2), plain.any(axis=2))
    assert lost.shape == plain.shape and lost.dtype == np.uint8 and (lost != plain).any()


def test_a_cell_that_touches_the_border_and_an_empty_image_are_taken_too() -> None:
    full = np.full((30, 30, 3), (200, 120, 160), np.uint8)
    assert np.abs(detail.lose(full, 60, 90).astype(int) - full).max() <= 2
    single = np.zeros((30, 30, 3), np.uint8)
    single[29, 0] = 255
    np.testing.assert_array_equal(detail.lose(single, 10, 90).any(axis=2), single.any(axis=2))
    empty = np.zeros((30, 30, 3), np.uint8)
    np.testing.assert_array_equal(detail.lose(empty, 60, 90), empty)


def test_a_jpeg_has_its_quality_and_stores_colours_at_half_the_size() -> None:
    image = np.random.default_rng(0).integers(90, 160, (32, 32, 3), dtype=np.uint8)
    errors = [np.abs(as_jpeg(image, quality).astype(int) - image).mean() for quality in (95, 60)]
    assert 1 < errors[0] < errors[1]
    grey = np.repeat(image[..., :1], 3, axis=2)  # without colours there is none to lose
    assert np.abs(as_jpeg(grey, 95).astype(int) - grey).mean() < errors[0] / 2
