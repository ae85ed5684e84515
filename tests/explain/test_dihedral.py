"""The aggregated map over eight views."""

import numpy as np
import pytest

from core.explain.cam_methods import METHODS, method
from core.explain.dihedral import VIEWS, aggregate, turned, turned_back
from core.explain.heat_map import View
from tests.factories.toys import GRID, ToyEngine, cell, red_patch_engine, seen


def test_eight_views_differ_and_each_is_undone() -> None:
    image = np.arange(48).reshape(4, 4, 3)
    found = [turned(image, view) for view in range(VIEWS)]
    assert len({view.tobytes() for view in found}) == VIEWS
    for number, view in enumerate(found):
        np.testing.assert_array_equal(turned_back(view, number), image)
    np.testing.assert_array_equal(found[0], image)


@pytest.fixture
def equivariant() -> ToyEngine:
    """Its head weighs all positions alike, so its maps turn with the image."""
    return ToyEngine(np.broadcast_to([1.0, -3.0, 0.5], (GRID, GRID, 3)))


@pytest.mark.parametrize("key", METHODS)
def test_an_equivariant_networks_aggregated_map_is_its_map_exactly(
    key: str, equivariant: ToyEngine
) -> None:
    pixels, _ = cell()
    for call in ("ALL", "HEM"):
        plain = method(key)(seen(equivariant, pixels), call).values
        found = aggregate(equivariant, pixels, method(key), call)
        np.testing.assert_allclose(found.heat_map.values, plain, atol=1e-5)
        assert found.stability == pytest.approx(1 if plain.any() else 0, abs=1e-5)


def test_the_aggregated_map_turns_with_the_image_whatever_the_network() -> None:
    engine = ToyEngine(np.random.default_rng(0).normal([1, -3, 0], size=(GRID, GRID, 3)))
    pixels, _ = cell()
    layer = METHODS["layer-cam"]()
    upright = aggregate(engine, pixels, layer, "ALL")
    for view in range(1, VIEWS):
        found = aggregate(engine, turned(pixels, view), layer, "ALL")
        expected = turned(upright.heat_map.values, view)
        np.testing.assert_allclose(found.heat_map.values, expected, atol=1e-5)
        assert found.stability == pytest.approx(upright.stability, abs=1e-5)


def test_a_network_that_looks_at_one_place_is_unstable_and_an_empty_map_stays_empty() -> None:
    engine, (pixels, _) = red_patch_engine(), cell()
    before = engine.images
    found = aggregate(engine, pixels, METHODS["hires-cam"](), "ALL")
    assert engine.images - before == VIEWS
    assert found.stability < 0.3 and found.heat_map.has_evidence
    none = aggregate(engine, pixels, METHODS["hires-cam"](), "HEM")
    assert not none.heat_map.has_evidence and none.stability == 0
    assert isinstance(seen(engine, pixels), View)
