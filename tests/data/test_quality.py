import cv2
import numpy as np
import pytest

from core.cells.masks import cell_mask
from core.cells.morphology import measure
from core.data import images
from core.data.quality import FLAGS, flags
from core.data.synthetic.white_cell import draw_cell

ATTACHED = {"11_1_2", "21_1_2", "13_13_1", "13_13_2", "13_13_3", "13_14_4"}  # seen by eye


@pytest.fixture(scope="module")
def cell():
    """A drawn cell without the flaws that some drawn cells have."""
    return next(image for image in drawn_cells() if not found(image))


def drawn_cells():
    return (draw_cell(subject=str(s), cell=0, label=1, seed=5) for s in range(20))


def found(image):
    mask = cell_mask(image)
    return flags(image, mask, measure(image, mask) if mask.any() else None)


def blurred(image, sigma):
    """Only the cell's pixels, weighted, so that its outline on black stays."""
    mask = cell_mask(image)
    weight = mask.astype(np.float32)
    total = cv2.GaussianBlur(image.astype(np.float32) * weight[..., None], (0, 0), sigma)
    mean = total / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)[..., None]
    return np.clip(mean.round() * mask[..., None], 0, 255).astype(np.uint8)


def brighter(image, gain):
    return np.clip(image * float(gain), 0, 255).astype(np.uint8)


def with_lobe(image, colour):
    image = image.copy()
    mask = cell_mask(image)
    right = np.flatnonzero(mask.any(axis=0)).max()
    lobe = cv2.circle(np.zeros(mask.shape, np.uint8), (int(right) + 25, 225), 45, 1, -1) > 0
    image[lobe & ~mask] = colour
    return image


def with_speck(image, radius):
    image = image.copy()
    cv2.circle(image, (40, 40), radius, (80, 40, 90), -1)
    return image


def moved_to_the_border(image):
    return np.ascontiguousarray(image[:, np.flatnonzero(cell_mask(image).any(axis=0)).min() + 30 :])


def test_most_drawn_cells_have_no_flag_and_every_flag_is_a_sentence():
    assert sum(not found(image) for image in drawn_cells()) >= 12
    assert all(text.endswith(".") and len(text.split()) > 5 for text in FLAGS.values())


@pytest.mark.parametrize(
    ("defect", "flag"),
    [
        (lambda image: np.zeros_like(image), "empty"),
        (moved_to_the_border, "touches the border"),
        (lambda image: with_speck(image, 25), "several components"),
        (lambda image: with_lobe(image, (125, 85, 105)), "attached fragment"),
        (lambda image: blurred(image, 3), "out of focus"),
        (lambda image: brighter(image, 0.4), "too dark"),
        (lambda image: brighter(image, 3), "too bright"),
    ],
)
def test_each_flag_is_raised_by_its_defect_and_by_no_other(cell, defect, flag):
    assert found(defect(cell)) == (flag,)


@pytest.mark.parametrize(
    "harmless",
    [
        lambda image: with_speck(image, 4),
        lambda image: brighter(image, 0.7),
        lambda image: brighter(image, 1.5),
        lambda image: np.ascontiguousarray(np.rot90(image)),
        lambda image: np.pad(image, ((75, 75), (75, 75), (0, 0))),
        lambda image: np.ascontiguousarray(image[80:-80, 60:-60]),
    ],
)
def test_a_speck_other_light_and_other_frames_raise_none(cell, harmless):
    assert found(harmless(cell)) == ()


def test_several_defects_come_in_the_order_of_the_catalogue(cell):
    names = found(with_speck(moved_to_the_border(brighter(cell, 0.4)), 30))
    assert names == ("touches the border", "several components", "too dark")


def test_one_pixel_and_all_lit_images():
    pixel = np.zeros((30, 50, 3), np.uint8)
    pixel[10, 20] = (90, 40, 100)
    assert found(pixel) == ()
    lit = np.full((450, 450, 3), (90, 40, 100), np.uint8)
    assert found(lit) == ("touches the border", "out of focus")
    assert found(np.full((60, 90, 3), 255, np.uint8))[-1] == "too bright"


def test_a_mask_with_a_cell_needs_its_figures(cell):
    with pytest.raises(ValueError, match="morphology"):
        flags(cell, cell_mask(cell))


@pytest.mark.slow
def test_drawn_cells_are_told_from_their_blurred_selves():
    cells = [draw_cell(subject=str(s), cell=0, label=s % 2, seed=2) for s in range(24)]
    sharp = [("out of focus" in found(image)) for image in cells]
    soft = [("out of focus" in found(blurred(image, 2.5))) for image in cells]
    assert np.mean(sharp) <= 0.1
    assert np.mean(soft) >= 0.95


@pytest.fixture(scope="module")
def real_cells(real_data):
    return {
        file.stem: images.decode(file)
        for file in sorted((real_data / "cnmc_sample").rglob("*.bmp"))
    }


def test_the_real_cells_flagged_are_those_with_a_red_cell_attached(real_cells):
    raised = {name: names for name, image in real_cells.items() if (names := found(image))}
    assert {name[4:-4] for name in raised} == ATTACHED
    assert set(raised.values()) == {("attached fragment",)}


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [2, 3, 5, 8])
def test_real_cells_blurred_by_two_pixels_or_more_are_out_of_focus(real_cells, sigma):
    names = [found(blurred(image, sigma)) for image in real_cells.values()]
    assert np.mean(["out of focus" in each for each in names]) >= 0.95
