"""Stain normalisation of one cell: what it brings to the target, and what it leaves alone."""

from collections import defaultdict

import numpy as np
import pytest

from core.cells.staining import NORMALISERS, Densities, Macenko, Normaliser, Reinhard, own_pixels
from core.data.synthetic.white_cell import draw_cell
from core.errors import DataError
from core.evaluation.staining import draw_stain, recolour

KINDS: tuple[type[Normaliser], ...] = (Reinhard, Macenko, Densities)


@pytest.fixture(scope="module")
def cells() -> list[np.ndarray]:
    """Drawn cells of both classes."""
    subjects = [(f"{'' if label else 'H'}{number}", label) for number in (1, 2) for label in (0, 1)]
    return [draw_cell(subject=subject, cell=0, label=label) for subject, label in subjects]


def through(image: np.ndarray, exponent: float, gain: float) -> np.ndarray:
    """The cell with all its dyes `exponent` times as dense, in light of another strength."""
    levels = 255 * gain * (image / 255) ** exponent
    return np.where(image > 0, np.clip(np.rint(levels), 1, 255), 0).astype(np.uint8)


def of(kind: type[Normaliser], image: np.ndarray) -> Normaliser:
    return kind.of(image, own_pixels(image)[1])


def numbers(colours: Normaliser) -> np.ndarray:
    return np.concatenate([np.ravel(value) for _, value in colours])


@pytest.mark.parametrize("kind", KINDS)
def test_the_target_is_the_mean_of_the_cells_it_was_fitted_to(
    kind: type[Normaliser], cells: list[np.ndarray]
) -> None:
    assert numbers(kind.fit(cells[:1])) == pytest.approx(numbers(of(kind, cells[0])))
    mean = np.mean([numbers(of(kind, cell)) for cell in cells], axis=0)
    assert numbers(kind.fit(cells)) == pytest.approx(mean, rel=0.01)  # directions have length 1


def test_statistics_by_hand() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[5:35, 5:20], image[5:35, 20:35] = 255, (128, 64, 32)
    found = Densities.fit([image])
    dark = np.log(255 / np.array([128, 64, 32]))
    assert found.mean == pytest.approx(dark / 2, rel=1e-5)
    assert found.deviation == pytest.approx(dark / 2, rel=1e-5)
    grey = np.where(image > 0, 100, 0).astype(np.uint8)
    assert Reinhard.fit([grey]).mean[2] == pytest.approx(0, abs=0.2)  # neither red nor green
    assert Reinhard.fit([grey]).deviation == pytest.approx((0, 0, 0), abs=1e-5)


@pytest.mark.parametrize("kind", NORMALISERS.values())
def test_a_normalised_cell_has_the_colours_of_the_target_and_a_second_time_changes_nothing(
    kind: type[Normaliser], cells: list[np.ndarray]
) -> None:
    target = kind.fit(cells[1:])
    once = target(through(cells[0], 1.3, 0.9))
    assert numbers(of(kind, once)) == pytest.approx(numbers(target), rel=0.02, abs=0.002)
    assert np.abs(target(once).astype(int) - once).max() <= 4
    assert np.abs(target(once).astype(int) - once)[once.any(axis=2)].mean() < 1


def test_adapting_brings_the_mean_to_the_target_and_half_of_the_contrast(
    cells: list[np.ndarray],
) -> None:
    target, own = Densities.fit(cells[1:]), Densities.fit(cells[:1])
    found = Densities.fit([target(cells[0])])
    assert found.mean == pytest.approx(target.mean, rel=0.01)
    volume = [np.linalg.det(one.covariance) for one in (target, own, found)]
    assert volume[2] == pytest.approx(np.sqrt(volume[0] * volume[1]), rel=0.1)
    older = target.replace(correlation=None)
    found = Densities.fit([older(cells[0])])
    half = np.sqrt(np.array(target.deviation) * own.deviation)
    assert found.deviation == pytest.approx(half, rel=0.03)


def test_adapting_takes_the_colours_of_other_dyes_away(cells: list[np.ndarray]) -> None:
    """What is left of them is far less than where each channel is adapted alone."""
    target, left = Densities.fit(cells), defaultdict(list)
    older = target.replace(correlation=None)
    for seed in range(4):
        mixing, light = draw_stain(np.random.default_rng(seed))
        for cell in cells:
            other = recolour(cell, mixing, light)
            for name, adapt in (("now", target), ("older", older)):
                apart = np.abs(adapt(other).astype(int) - adapt(cell))[own_pixels(cell)[1]]
                left[name].append(apart.mean())
    assert np.mean(left["now"]) < 0.6 * np.mean(left["older"])


def test_correlations_that_cannot_be_are_refused(cells: list[np.ndarray]) -> None:
    document = Densities.fit(cells).model_dump()
    with pytest.raises(ValueError, match="correlated"):
        Densities.model_validate(document | {"correlation": (1.0, 1.0, -1.0)})


def test_of_a_flat_cell_only_the_colour_changes(cells: list[np.ndarray]) -> None:
    flat = np.zeros((60, 60, 3), np.uint8)
    flat[10:50, 10:50] = (120, 60, 140)
    target = Densities.fit(cells)
    found = target(flat)[15:45, 15:45].reshape(-1, 3)
    expected = 255 * np.exp(-np.array(target.mean))
    assert np.ptp(found, axis=0).max() == 0 and found[0] == pytest.approx(expected, abs=0.6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_background_stays_black_and_no_pixel_of_the_cell_becomes_background(
    kind: type[Normaliser], cells: list[np.ndarray]
) -> None:
    changed = kind.fit(cells[1:])(cells[0])
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(changed.any(axis=2), cells[0].any(axis=2))
    black = np.zeros((50, 60, 3), np.uint8)
    np.testing.assert_array_equal(kind.fit(cells)(black), black)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_cells_own_pixels_count(kind: type[Normaliser], cells: list[np.ndarray]) -> None:
    wide = np.zeros((700, 900, 3), np.uint8)
    wide[100:550, 200:650] = cells[0]
    assert numbers(of(kind, wide)) == pytest.approx(numbers(of(kind, cells[0])))
    target = kind.fit(cells[1:])
    np.testing.assert_array_equal(target(wide)[100:550, 200:650], target(cells[0]))


@pytest.mark.parametrize(
    ("kind", "exponent", "gain"),
    [
        (Reinhard, 1.0, 0.8),
        (Reinhard, 0.8, 1.0),
        (Macenko, 0.75, 1.0),
        (Macenko, 1.3, 1.0),
        (Densities, 1.0, 0.8),
        (Densities, 1.0, 1.05),
    ],
)
def test_light_and_density_of_the_stain_leave_no_trace(
    kind: type[Normaliser], exponent: float, gain: float, cells: list[np.ndarray]
) -> None:
    target, inner = kind.fit(cells), own_pixels(cells[0])[1]
    changed = through(cells[0], exponent, gain)
    before = np.abs(changed.astype(int) - cells[0])[inner].mean()
    after = np.abs(target(changed).astype(int) - target(cells[0]))[inner].mean()
    assert after < 2.5 and after < before / 5  # levels; the first picture was rounded twice


def test_without_a_cell_there_is_nothing_to_fit() -> None:
    with pytest.raises(DataError, match="No image shows a cell"):
        Reinhard.fit([np.zeros((40, 40, 3), np.uint8)])
