import dataclasses
from itertools import product

import cv2
import numpy as np
import pytest

from core.cells.masks import cell_mask
from core.cells.morphology import Morphology, measure
from core.cells.nucleus import fragment_mask, nucleus_mask
from core.data import images
from core.data.synthetic.white_cell import draw_cell
from core.errors import DataError

NUCLEUS, CYTOPLASM, RED_CELL = (65, 24, 75), (110, 80, 130), (100, 62, 88)


def ellipse(shape, centre, axes, angle=0.0):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    down, across = rows - centre[0], columns - centre[1]
    turn = np.radians(angle)
    along = across * np.cos(turn) + down * np.sin(turn)
    aside = down * np.cos(turn) - across * np.sin(turn)
    return (along / axes[0]) ** 2 + (aside / axes[1]) ** 2 <= 1


def disc(radius, shape=(450, 450), centre=(225, 225)):
    return ellipse(shape, centre, (radius, radius))


def paint(*layers):
    """An image of (mask, colour) layers on black, later ones on top."""
    image = np.zeros((*layers[0][0].shape, 3), np.uint8)
    for mask, colour in layers:
        image[mask] = colour
    return image


def about(value, rel=1e-6, tolerance=1e-12):
    return None if value is None else pytest.approx(value, rel=rel, abs=tolerance)


def of_shape(mask) -> Morphology:
    return measure(paint((mask, NUCLEUS)), mask)


@pytest.mark.parametrize("radius", [10, 25, 60, 120, 220])
def test_a_disc_is_round_solid_and_not_elongated_at_any_size(radius):
    found = of_shape(disc(radius))
    assert found.area_px == disc(radius).sum()
    assert found.diameter_px == pytest.approx(2 * radius, rel=0.01)
    assert 0.93 < found.roundness <= 1
    assert found.roundness > 0.97 or radius < 25
    assert found.solidity > (0.93 if radius < 25 else 0.97)
    assert found.elongation == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("angle", [0, 17, 30, 45, 90])
def test_an_ellipse_of_two_to_one_at_any_angle(angle):
    found = of_shape(ellipse((450, 450), (225, 225), (120, 60), angle))
    # Ramanujan's perimeter of the ellipse, and its area.
    h = (60 / 180) ** 2
    perimeter = np.pi * 180 * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
    assert found.elongation == pytest.approx(0.5, abs=0.01)
    assert found.roundness == pytest.approx(4 * np.pi**2 * 7200 / perimeter**2, rel=0.02)
    assert found.solidity > 0.97


@pytest.mark.parametrize("angle", [0, 10, 22.5, 45])
def test_a_square_has_roundness_of_a_quarter_of_pi_at_any_angle(angle):
    corners = cv2.boxPoints(((225, 225), (120, 120), angle)).round().astype(np.int32)
    mask = cv2.fillConvexPoly(np.zeros((450, 450), np.uint8), corners, 1).astype(bool)
    assert of_shape(mask).roundness == pytest.approx(np.pi / 4, rel=0.05)
    assert of_shape(mask).elongation == pytest.approx(0, abs=0.02)


def test_solidity_of_an_l_is_what_a_hand_computes():
    mask = np.zeros((300, 300), bool)
    mask[50:250, 50:250] = True
    mask[50:150, 150:250] = False
    # Three quarters of the square; its hull lacks the triangle outside the inner corner.
    assert of_shape(mask).solidity == pytest.approx(0.75 / 0.875, rel=0.01)


def test_twice_the_scale_doubles_the_diameter_and_keeps_the_shape():
    small = cell_mask(draw_cell(subject="1", cell=0, label=1))
    large = np.kron(small, np.ones((2, 2), bool))
    one, two = of_shape(small), of_shape(large)
    assert two.area_px == 4 * one.area_px
    assert two.diameter_px == pytest.approx(2 * one.diameter_px)
    assert two.elongation == pytest.approx(one.elongation, abs=1e-3)
    assert two.solidity == pytest.approx(one.solidity, abs=0.01)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_turned_or_mirrored_cell_measures_the_same(turn):
    image = draw_cell(subject="H1", cell=1, label=0)
    wanted = dataclasses.asdict(measure(image, cell_mask(image)))
    for other in (np.rot90(image, turn), np.rot90(image, turn)[:, ::-1]):
        other = np.ascontiguousarray(other)
        found = dataclasses.asdict(measure(other, cell_mask(other)))
        for name, value in wanted.items():
            assert found[name] == about(value, 0.01, 0.005), name


def test_where_the_cell_lies_and_what_is_around_it_do_not_matter():
    image = draw_cell(subject="2", cell=0, label=1)
    mask = cell_mask(image)
    wanted = measure(image, mask)
    wide, padding = (600, 600), ((30, 120), (100, 50))
    moved = np.full((*wide, 3), 200, np.uint8)
    moved_mask = np.pad(mask, padding)
    moved[moved_mask] = image[mask]
    found = measure(moved, moved_mask)
    for name, value in dataclasses.asdict(wanted).items():
        assert getattr(found, name) == about(value, 1e-4), name


def test_colours_are_means_over_the_cell():
    mask = disc(80)
    found = measure(paint((mask, (60, 30, 120))), mask)
    assert (found.red, found.green, found.blue) == pytest.approx((60, 30, 120))
    assert found.brightness == pytest.approx(120)
    assert found.saturation == pytest.approx(0.75, abs=0.005)
    assert found.density == pytest.approx(np.log10(255 / 30), abs=1e-4)
    assert found.texture == pytest.approx(0, abs=1e-4)
    assert found.focus == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("radius", "share"), [*product((30, 110, 400), (0.2, 0.5, 0.7)), (900, 0.5)]
)
def test_a_drawn_nucleus_is_found_with_its_share(share, radius):
    frame = (450, 450) if radius < 200 else (2 * radius + 200, 2 * radius + 200)
    middle = (frame[0] // 2, frame[1] // 2)
    cell = disc(radius, frame, middle)
    nucleus = disc(radius * np.sqrt(share), frame, middle)
    image = paint((cell, CYTOPLASM), (nucleus, NUCLEUS))
    found = nucleus_mask(image, cell)
    assert 2 * (found & nucleus).sum() / (found.sum() + nucleus.sum()) > 0.97
    figures = measure(image, cell)
    assert figures.nucleus_share == pytest.approx(share, abs=0.03)
    assert figures.nucleus_share == pytest.approx(found.sum() / cell.sum())
    assert figures.nucleus_cytoplasm_ratio == pytest.approx(
        figures.nucleus_share / (1 - figures.nucleus_share)
    )
    assert figures.density == pytest.approx(np.log10(255 / NUCLEUS[1]), abs=0.02)


def test_lobes_belong_to_the_nucleus_and_granules_do_not():
    cell = disc(110)
    lobes = disc(35, centre=(180, 180)) | disc(35, centre=(270, 270))
    image = paint((cell, CYTOPLASM), (lobes, NUCLEUS), (disc(6, centre=(190, 280)), NUCLEUS))
    found = nucleus_mask(image, cell)
    assert cv2.connectedComponents(found.astype(np.uint8))[0] == 3
    assert not found[190, 280]


@pytest.mark.parametrize(
    ("inner", "why"),
    [(NUCLEUS, "one colour"), ((70, 30, 78), "under the contrast"), (None, "a rim alone")],
)
def test_no_nucleus_where_no_cytoplasm_can_be_told_apart(inner, why):
    cell = disc(110)
    image = paint((cell, NUCLEUS), (disc(60), inner or NUCLEUS))
    if inner is None:
        image = paint((cell, CYTOPLASM), (disc(107), NUCLEUS))
    assert not nucleus_mask(image, cell).any(), why
    assert measure(image, cell).nucleus_share is None
    assert measure(image, cell).nucleus_cytoplasm_ratio is None


def test_coarser_and_stronger_chromatin_has_more_texture():
    cell = disc(110)
    noise = np.random.default_rng(0).normal(0, 1, cell.shape)

    def textured(grain, strength):
        grains = cv2.GaussianBlur(noise, (0, 0), grain)
        image = paint((cell, (130, 100, 150))) + (strength * grains / grains.std())[..., None]
        return measure((np.clip(image, 1, 255) * cell[..., None]).astype(np.uint8), cell).texture

    assert textured(3, 4) < textured(3, 8) < textured(3, 16)
    assert textured(3, 8) > 2 * textured(20, 8)


def test_a_fragment_is_neither_cell_colour_nor_cytoplasm():
    cell = disc(100, centre=(225, 180))
    lobe = disc(45, centre=(225, 315)) & ~cell
    image = paint((cell, NUCLEUS), (lobe, RED_CELL))
    mask = cell | lobe
    found = fragment_mask(image, mask)
    assert 2 * (found & lobe).sum() / (found.sum() + lobe.sum()) > 0.93
    figures = measure(image, mask)
    assert figures.fragment_share == pytest.approx(lobe.sum() / mask.sum(), abs=0.015)
    assert figures.green == pytest.approx(NUCLEUS[1], abs=1)
    assert figures.nucleus_share is None


@pytest.mark.parametrize("pattern", ["cytoplasm around", "blue lobe", "red inside"])
def test_what_is_no_fragment(pattern):
    cell = disc(100, centre=(225, 180))
    lobe = disc(45, centre=(225, 315)) & ~cell
    image, mask = {
        "cytoplasm around": (paint((cell, RED_CELL), (disc(60, centre=(225, 180)), NUCLEUS)), cell),
        "blue lobe": (paint((cell, NUCLEUS), (lobe, (80, 62, 120))), cell | lobe),
        "red inside": (paint((cell, NUCLEUS), (disc(40, centre=(225, 180)), RED_CELL)), cell),
    }[pattern]
    assert not fragment_mask(image, mask).any()
    assert measure(image, mask).fragment_share == 0


def test_focus_does_not_depend_on_strength_and_falls_with_blur():
    image = draw_cell(subject="3", cell=0, label=1)
    mask = cell_mask(image)
    sharp = measure(image, mask).focus
    dimmed = (image * 0.7).astype(np.uint8)
    assert measure(dimmed, mask).focus == pytest.approx(sharp, rel=0.05)
    inside = cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    values = [sharp] + [
        measure(np.where(inside[..., None], cv2.GaussianBlur(image, (0, 0), s), image), mask).focus
        for s in (1.5, 3, 5)
    ]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("shape", [(1, 1), (450, 450), (40, 500), (600, 600)])
def test_one_pixel_and_images_that_are_all_cell(shape):
    image = np.full((*shape, 3), NUCLEUS, np.uint8)
    figures = measure(image, np.ones(shape, bool))
    assert figures.area_px == shape[0] * shape[1]
    assert figures.solidity == 1
    assert all(v is None or np.isfinite(v) for v in dataclasses.asdict(figures).values())
    assert (figures.focus is None) == (min(shape) < 26)


def test_any_mask_and_noise_gives_finite_figures_in_their_ranges():
    rng = np.random.default_rng(3)
    for _ in range(60):
        shape = rng.integers(1, 90, 2)
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        mask = cv2.blur(rng.random(shape), (5, 5)) > rng.uniform(0.2, 0.6)
        if not mask.any():
            continue
        figures = measure(image, mask)
        for name in ("roundness", "solidity", "elongation", "fragment_share", "saturation"):
            assert 0 <= getattr(figures, name) <= 1, name
        assert figures.nucleus_share is None or 0 < figures.nucleus_share < 1
        assert not (nucleus_mask(image, mask) & ~mask).any()
        assert all(v is None or np.isfinite(v) for v in dataclasses.asdict(figures).values())


@pytest.mark.parametrize("function", [measure, nucleus_mask, fragment_mask])
def test_no_cell_and_a_mask_of_another_size_are_refused(function):
    black = np.zeros((40, 50, 3), np.uint8)
    with pytest.raises(DataError, match="empty"):
        function(black, cell_mask(black))
    with pytest.raises(DataError, match=r"\(40, 51\)"):
        function(black, np.ones((40, 51), bool))


def test_neither_image_nor_mask_is_changed():
    image = draw_cell(subject="4", cell=0, label=1)
    mask = cell_mask(image)
    kept = image.copy(), mask.copy()
    measure(image, mask)
    assert (image == kept[0]).all() and (mask == kept[1]).all()


@pytest.mark.parametrize(("folder", "dice"), [("dataset_1", 0.93), ("dataset_2", 0.94)])
def test_nuclei_agree_with_those_outlined_by_hand(real_data, folder, dice):
    scores, errors = [], []
    files = sorted((real_data / "wbc_masks" / folder).glob("*.bmp"))
    for file in files:
        outlined = images.decode(file.with_suffix(".png"))[:, :, 0]
        cell, nucleus = outlined > 0, outlined == 255
        image = images.decode(file) * cell[..., None].astype(np.uint8)
        found = nucleus_mask(image, cell)
        if found.any():
            scores.append(2 * (found & nucleus).sum() / (found.sum() + nucleus.sum()))
            errors.append(abs(int(found.sum()) - int(nucleus.sum())) / cell.sum())
    assert len(scores) > 0.9 * len(files)
    assert np.mean(scores) > dice
    assert np.mean(errors) < 0.05


def test_real_cells_that_are_nearly_all_nucleus_have_no_visible_cytoplasm(real_data):
    shares = []
    for file in sorted((real_data / "cnmc_sample").rglob("*.bmp")):
        image = images.decode(file)
        shares.append(measure(image, cell_mask(image)).nucleus_share)
    seen = [share for share in shares if share is not None]
    assert len(seen) < 0.2 * len(shares)
    assert all(share > 0.6 for share in seen)
