"""Deletion and insertion, the share inside, black borders, and shuffled heads."""

import numpy as np
import pytest

from core.data.geometry import fit
from core.data.images import decode
from core.explain import faithfulness
from core.explain.cam_methods import METHODS
from core.explain.faithfulness import (
    LEVELS,
    ORDERINGS,
    _correlation,
    _painted,
    _ranks,
    agreement_with_shuffled,
    coverage,
    deletion,
    inside_share,
    off_cell_peak,
)
from core.explain.heat_map import HeatMap, scaled, views
from core.models import catalog
from core.models.engine import Engine
from core.runs.run_store import Run
from tests.factories.toys import GRID, PATCH, SIDE, ToyEngine, cell, red_patch_engine, seen

TILE = np.ones((SIDE // GRID, SIDE // GRID))


def heat_of(values: np.ndarray) -> HeatMap:
    return scaled(np.asarray(values, float))


def test_deleting_the_patch_that_decides_beats_every_random_ordering() -> None:
    engine, (pixels, mask) = red_patch_engine(), cell()
    view = seen(engine, pixels)
    found = deletion(view, heat_of(PATCH), "ALL", mask)
    assert found.beaten == 1 and found.z > 1.5 and found.advantage > 0
    assert found.deletion_area < found.random_area < found.insertion_area
    turned_round = deletion(view, heat_of(~PATCH), "ALL", mask)
    assert turned_round.beaten <= 0.05 and turned_round.advantage < 0
    # What speaks for ALL speaks against HEM, to the same degree.
    against = deletion(view, heat_of(PATCH), "HEM", mask)
    assert against.advantage == pytest.approx(-found.advantage, abs=1e-5)
    assert against.insertion_area == pytest.approx(-found.insertion_area, abs=1e-5)


def test_the_areas_of_a_single_deciding_region_are_as_by_hand() -> None:
    """The log-odds are the patch's red: whole from the first level on, painted before."""
    engine, (pixels, mask) = red_patch_engine(), cell()
    view = seen(engine, pixels)
    whole = view.logit
    plain = pixels.copy()
    plain[mask] = np.rint(pixels[mask].mean(axis=0))
    empty = float(engine(plain[None]).logit[0])
    found = deletion(view, heat_of(PATCH), "ALL", mask)
    # Insertion: from empty to whole over the first eighth, then whole. Deletion: the reverse.
    first = LEVELS[0]
    area = first * (empty + whole) / 2 + (1 - first) * whole
    assert found.insertion_area == pytest.approx(area, abs=1e-4)
    assert found.deletion_area == pytest.approx(empty + whole - area, abs=1e-4)


def test_random_maps_beat_about_half_of_the_random_orderings() -> None:
    engine, (pixels, mask) = red_patch_engine(), cell()
    view, random = seen(engine, pixels), np.random.default_rng(3)
    found = [
        deletion(view, heat_of(random.random((GRID, GRID))), "ALL", mask, seed).beaten
        for seed in range(20)
    ]
    assert 0.35 < np.mean(found) < 0.65
    assert np.mean(np.array(found) == 1) <= 0.1


def test_it_reads_the_number_of_images_that_it_states_and_repeats_itself() -> None:
    engine, (pixels, mask) = red_patch_engine(), cell()
    view = seen(engine, pixels)
    before = engine.images
    first = deletion(view, heat_of(PATCH), "ALL", mask)
    assert engine.images - before == 2 + (1 + ORDERINGS) * 2 * len(LEVELS)
    assert deletion(view, heat_of(PATCH), "ALL", mask) == first


def test_a_head_to_which_nothing_matters_finds_no_map_better() -> None:
    pixels, mask = cell()
    view = seen(ToyEngine(np.zeros((GRID, GRID, 3))), pixels)
    found = deletion(view, heat_of(PATCH), "ALL", mask)
    assert (found.z, found.beaten, found.advantage) == (0, 0, 0)


def test_painting_leaves_background_outline_and_kept_regions_alone() -> None:
    pixels, mask = cell()
    regions = np.flatnonzero(coverage(mask, (GRID, GRID)).ravel() >= faithfulness.TOUCHES)
    kept = np.zeros((2, len(regions)), bool)
    kept[1, ::2] = True
    empty, half = _painted(pixels, mask, regions, kept, (GRID, GRID))
    assert (empty[~mask] == 0).all()
    painted = mask & (np.kron(np.isin(np.arange(GRID**2), regions).reshape(GRID, GRID), TILE) > 0)
    assert (empty[painted] == empty[painted][0]).all() and painted.sum() > 0.95 * mask.sum()
    np.testing.assert_array_equal(empty[mask & ~painted], pixels[mask & ~painted])
    np.testing.assert_allclose(empty[painted][0], pixels[mask].mean(axis=0), atol=0.5)
    step = SIDE // GRID
    for number, region in enumerate(regions):
        y, x = divmod(int(region), GRID)
        block = np.s_[y * step : (y + 1) * step, x * step : (x + 1) * step]
        np.testing.assert_array_equal(half[block], (empty if number % 2 else pixels)[block])


def test_coverage_and_share_inside_are_as_by_hand() -> None:
    mask = np.zeros((4, 8), bool)
    mask[:, :3] = True
    np.testing.assert_allclose(coverage(mask, (1, 2)), [[0.75, 0]])
    heat = np.zeros((4, 8), np.float32)
    heat[0, :6] = 1, 0.5, 0.5, 1, 0.5, 0.5
    assert inside_share(heat, mask) == 0.5


def test_heat_on_the_black_border_is_seen_and_heat_elsewhere_is_not() -> None:
    _, mask = cell()
    values = np.zeros((GRID, GRID))
    values[6, 6], values[0, GRID - 1] = 1, 0.8
    assert off_cell_peak(heat_of(values), mask) == pytest.approx(0.8)
    values[0, GRID - 1] = 0
    assert off_cell_peak(heat_of(values), mask) == 0
    everywhere = np.ones((SIDE, SIDE), bool)
    assert off_cell_peak(heat_of(np.ones((GRID, GRID))), everywhere) == 0


def test_ranks_share_ties_and_correlate_as_spearman_does() -> None:
    from scipy.stats import rankdata, spearmanr

    random = np.random.default_rng(0)
    one, other = random.integers(0, 6, 40).astype(float), random.integers(0, 6, 40).astype(float)
    np.testing.assert_allclose(_ranks(one), rankdata(one))
    expected = spearmanr(one, other).statistic
    assert _correlation(_ranks(one), _ranks(other)) == pytest.approx(expected)
    assert _correlation(np.ones(5), np.arange(5.0)) == 0


def test_a_map_of_the_features_alone_agrees_with_shuffled_heads() -> None:
    pixels, mask = cell()
    view = seen(red_patch_engine(), pixels)
    eigen, hires = METHODS["eigen-cam"](), METHODS["hires-cam"]()
    assert agreement_with_shuffled(view, eigen(view, "ALL"), eigen, "ALL", mask) > 0.999
    assert agreement_with_shuffled(view, hires(view, "ALL"), hires, "ALL", mask) < 0.3


@pytest.mark.slow
def test_on_a_real_network_the_regions_that_change_it_most_beat_random_orderings(
    finished_run: Run, demo_root
) -> None:
    """What changes the logit when covered by itself is as good a map as there is."""
    from core.cells.masks import cell_mask

    engine, geometry = Engine(finished_run.engine_file), catalog.architecture("cnn-16").geometry
    z = []
    for file in sorted(demo_root.rglob("*.bmp"))[::30]:
        pixels = fit(decode(file), geometry)
        mask = cell_mask(pixels)
        view = views(engine, pixels[None])[0]
        call = "ALL" if view.logit >= 0 else "HEM"
        shape = view.features.shape[:2]
        regions = np.flatnonzero(coverage(mask, shape).ravel() >= faithfulness.TOUCHES)
        covered = _painted(pixels, mask, regions, ~np.eye(len(regions), dtype=bool), shape)
        change = (view.logit - engine.logits(covered, 16)) * (1 if call == "ALL" else -1)
        values = np.zeros(shape)
        values.flat[regions] = change - change.min()
        z.append(deletion(view, heat_of(values), call, mask).z)
        values.flat[regions] = change.max() - change
        z.append(-deletion(view, heat_of(values), call, mask).z)
    assert np.mean(z) > 1
