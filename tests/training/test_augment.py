"""Random changes to training images: drawn apart from being applied."""

import numpy as np
import pytest

from core.data.synthetic.white_cell import draw_cell
from core.runs.config import AUGMENTATIONS
from core.training import augment, detail
from core.training.augment import Draw

CELLS = np.random.default_rng(0).integers(0, 256, (augment.DIHEDRAL, 5, 5, 3), dtype=np.uint8)


def nothing(images: int = len(CELLS), **changed: np.ndarray) -> Draw:
    """A draw that changes nothing but what is given."""
    zeros, ones = np.zeros(images), np.ones(images)
    still = {"symmetry": zeros.astype(int), "degrees": zeros, "stain": np.ones((images, 3))}
    still |= {"gain": ones, "shift": np.zeros((images, 2)), "zoom": ones}
    still |= {"stored": zeros.astype(int), "quality": np.full(images, 100), "blur": zeros}
    return Draw(**still | {"fill": np.zeros((images, 3), np.uint8)} | changed)


def turned(images: np.ndarray, symmetries: np.ndarray) -> np.ndarray:
    return augment.apply(images, nothing(len(images), symmetry=symmetries))


def drawn(kinds: tuple[str, ...], strength: float = 1.0, seed: int = 7, images: int = 400) -> Draw:
    return augment.draw(np.random.default_rng(seed), images, kinds, strength)


def test_at_strength_0_and_without_kinds_nothing_changes() -> None:
    still = drawn(("rotation", "stain", "brightness", "detail"), strength=0.0, images=len(CELLS))
    for draw in (still, drawn((), images=len(CELLS)), nothing()):
        np.testing.assert_array_equal(augment.apply(CELLS, draw), CELLS)


@pytest.mark.parametrize("kind", [*AUGMENTATIONS[:-1], "all"])
def test_black_stays_black_and_shapes_stay(kind: str) -> None:
    kinds = AUGMENTATIONS[:-1] if kind == "all" else (kind,)
    changed = augment.apply(np.zeros_like(CELLS), drawn(kinds, 3.0, images=len(CELLS)))
    np.testing.assert_array_equal(changed, np.zeros_like(CELLS))
    assert changed.dtype == np.uint8


def test_the_input_is_left_as_it_was() -> None:
    before = CELLS.copy()
    augment.apply(CELLS, drawn(AUGMENTATIONS, images=len(CELLS)))
    np.testing.assert_array_equal(CELLS, before)


def test_the_eight_symmetries_are_different_and_move_no_colour() -> None:
    same = np.repeat(CELLS[:1], augment.DIHEDRAL, axis=0)
    views = turned(same, np.arange(augment.DIHEDRAL))
    assert len({image.tobytes() for image in views}) == augment.DIHEDRAL
    for image in views:
        np.testing.assert_array_equal(
            np.sort(image.reshape(-1, 3), 0), np.sort(CELLS[0].reshape(-1, 3), 0)
        )


def test_four_quarters_and_two_mirrors_are_the_identity() -> None:
    for code, times in ((1, 4), (2, 2), (3, 4), (4, 2), (5, 2), (6, 2), (7, 2)):
        images = CELLS
        for _ in range(times):
            images = turned(images, np.full(len(CELLS), code))
        np.testing.assert_array_equal(images, CELLS)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_rotation_by_quarters_is_the_turn_counter_clockwise(quarters: int) -> None:
    rotated = augment.apply(CELLS, nothing(degrees=np.full(len(CELLS), 90.0 * quarters)))
    assert np.abs(rotated.astype(int) - turned(CELLS, np.full(len(CELLS), quarters))).max() <= 1


def test_a_rotation_there_and_back_keeps_the_middle_of_a_smooth_cell() -> None:
    y, x = np.mgrid[-20:21, -20:21]
    blob = 200 * np.exp(-((x - 3) ** 2 + (y + 4) ** 2) / 60)
    image = np.repeat(blob[:, :, None], 3, 2).astype(np.uint8)
    back = augment.move(augment.move(image, 33.0), -33.0)
    inside = np.hypot(x, y) < 18
    assert np.abs(back.astype(int) - image)[inside].max() <= 6
    assert np.abs(augment.move(image, 33.0).astype(int) - image)[inside].max() > 20


def test_the_background_varies_by_place_size_and_colour() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:20, 10:20] = (200, 100, 50)
    one = {name: values[:1] for name, values in vars(nothing()).items()}

    moved = augment.apply([image], Draw(**one | {"shift": np.array([[0.25, 0.5]])}))[0]
    np.testing.assert_array_equal(moved[30:40, 20:30], image[10:20, 10:20])
    assert (moved.any(axis=2).sum(), moved.sum()) == (100, image.sum())

    larger = augment.apply([image], Draw(**one | {"zoom": np.array([2.0])}))[0]
    assert (larger.max(axis=2) > 100).sum() == pytest.approx(400, rel=0.06)

    fill = np.array([[9, 8, 7]], np.uint8)
    filled = augment.apply([image], Draw(**one | {"fill": fill, "degrees": np.array([45.0])}))[0]
    np.testing.assert_array_equal(filled[[0, 0, -1, -1], [0, -1, 0, -1]], np.tile(fill, (4, 1)))
    assert (filled == (200, 100, 50)).all(axis=2).any() and filled.any(axis=2).all()


def test_changes_of_background_and_detail_leave_those_of_the_cell_as_they_were() -> None:
    kinds = ("dihedral", "rotation", "stain", "brightness")
    rngs = np.random.default_rng(3), np.random.default_rng(3)
    plain = augment.draw(rngs[0], 50, kinds)
    varied = augment.draw(rngs[1], 50, AUGMENTATIONS)
    for name in ("symmetry", "degrees", "stain", "gain"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(varied, name))
    assert rngs[0].random() == rngs[1].random()
    assert 0.2 < varied.fill.any(axis=1).mean() < 0.8


def test_brightness_is_one_factor_for_all_channels_cut_at_white() -> None:
    grey = np.full((2, 1, 1, 3), (40, 100, 240), np.uint8)
    changed = augment.apply(grey, nothing(2, gain=np.array([0.5, 1.2])))
    np.testing.assert_array_equal(changed[:, 0, 0], [(20, 50, 120), (48, 120, 255)])


def test_stain_raises_each_channel_to_a_power_of_its_own() -> None:
    image = np.full((1, 1, 1, 3), 102, np.uint8)  # 0.4 of white
    changed = augment.apply(image, nothing(1, stain=np.array([[0.5, 1.0, 2.0]])))
    # 255 * 0.4^0.5 = 161.3, 255 * 0.4 = 102, 255 * 0.4^2 = 40.8
    np.testing.assert_array_equal(changed[0, 0, 0], (161, 102, 41))


def test_each_kind_draws_what_is_its_own_and_no_other() -> None:
    own = {"dihedral": "symmetry", "rotation": "degrees", "stain": "stain", "brightness": "gain"}
    own |= {"position": "shift", "scale": "zoom", "fill": "fill", "detail": "stored quality blur"}
    everything, still = vars(drawn(AUGMENTATIONS)), vars(nothing(400))
    for kind, fields in own.items():
        for name, values in vars(drawn((kind,))).items():
            expected = everything if name in fields.split() else still
            np.testing.assert_array_equal(values, expected[name], err_msg=f"{kind} {name}")
        assert all(len(np.unique(everything[field])) > 7 for field in fields.split())


def test_half_of_the_images_lose_detail_more_of_it_at_more_strength() -> None:
    for strength, least, worst in ((0.5, 317, 75), (1.0, 224, 50), (2.0, 112, 1)):
        it = drawn(("detail",), strength, images=2000)
        stored = it.stored[it.stored > 0]
        assert len(stored) / 2000 == pytest.approx(augment.STORED, abs=0.05)
        assert (stored.min(), stored.max()) == (pytest.approx(least, abs=3), augment.FRAME)
        assert (it.quality.min(), it.quality.max()) == (worst, 99)
        assert 0.98 * augment.BLUR * strength < it.blur.max() <= augment.BLUR * strength


def test_the_detail_that_is_drawn_is_lost_before_the_background_changes() -> None:
    cell = draw_cell(subject="1", cell=0, label=1)[1:449:4, 1:449:4]
    lost = {"stored": np.array([224]), "quality": np.array([60]), "blur": np.array([0.5])}
    changed = augment.apply([cell], nothing(1, **lost, fill=np.array([[9, 8, 7]], np.uint8)))[0]
    off = ~cell.any(axis=2)
    np.testing.assert_array_equal(changed[off], np.tile((9, 8, 7), (off.sum(), 1)))
    np.testing.assert_array_equal(changed[~off], detail.lose(cell, 224, 60, 0.5)[~off])


def test_drawing_is_replayed_by_its_seed_and_reaches_every_symmetry() -> None:
    first, second, other = (drawn(AUGMENTATIONS, seed=seed) for seed in (7, 7, 8))
    for name in vars(first):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))
    assert set(first.symmetry) == set(range(augment.DIHEDRAL))


def test_strength_scales_what_is_drawn_within_its_bounds() -> None:
    once, twice = drawn(AUGMENTATIONS, 1.0), drawn(AUGMENTATIONS, 2.0)
    np.testing.assert_allclose(twice.degrees, 2 * once.degrees)
    np.testing.assert_allclose(np.log(twice.stain), 2 * np.log(once.stain), atol=1e-12)
    np.testing.assert_allclose(np.log(twice.gain), 2 * np.log(once.gain), atol=1e-12)
    np.testing.assert_array_equal(twice.symmetry, once.symmetry)
    for values, bound in (
        (once.degrees, augment.ROTATION_DEGREES),
        (np.log(once.stain), augment.STAIN),
        (np.log(once.gain), augment.BRIGHTNESS),
    ):
        assert 0.95 * bound < np.abs(values).max() <= bound
