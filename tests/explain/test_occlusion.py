"""Occlusion finds what decides, without a feature map, and is judged as other maps are."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.cells.masks import cell_mask
from core.explain.cam_methods import METHODS
from core.explain.heat_map import views
from core.explain.occlusion import GRID, Occlusion
from core.explain.trust import NO_PLACES, SUPPORTED, UNRELIABLE, judge
from core.metrics.estimate import Estimate
from core.models.engine import Engine
from core.models.graph import anatomy, assembly
from core.models.inputs import InputContract
from tests.factories import foreign, toys

SKILL = Estimate(0.9, 0.8, 0.95)


def test_a_place_has_the_mean_fall_of_the_windows_over_it() -> None:
    view = toys.seen(toys.red_patch_engine(), toys.cell()[0])
    drawn = Occlusion()(view, "ALL").values
    assert drawn.shape == toys.PATCH.shape
    # The patch has four places of one red. The windows over one of them cover 1, 2, 2 and 4, those
    # over a place beside its edge 0, 0, 1 and 2 (or 2 and 4 with it), and beside its corner one 1.
    np.testing.assert_allclose(drawn[toys.PATCH], 1, atol=1e-5)
    assert drawn[3, 6] == pytest.approx((1 + 2) / 9, abs=1e-5)
    assert drawn[3, 5] == pytest.approx(1 / 9, abs=1e-5)
    beyond = np.ones_like(toys.PATCH)
    beyond[3:7, 5:9] = False
    assert drawn[beyond].max() < 1e-5
    assert not Occlusion()(view, "HEM").has_evidence


def test_it_reads_windows_on_the_cell_once_for_all_heads() -> None:
    pixels, mask = toys.cell()
    engine = toys.red_patch_engine()
    read = []
    features = engine.features
    engine.features = lambda images: read.append(len(images)) or features(images)  # type: ignore
    view = toys.seen(engine, pixels)
    method = Occlusion()
    found = judge(view, method(view, "ALL"), method, "ALL", mask, SKILL)
    assert (found.method, found.badge) == ("occlusion", SUPPORTED), found
    windows = sum(read) - engine.images  # less the view, and what the judgement deletes
    assert 60 <= windows <= (GRID + 1) ** 2


def test_an_all_black_image_has_no_evidence() -> None:
    pixels = np.zeros((toys.SIDE, toys.SIDE, 3), np.uint8)
    assert not Occlusion()(toys.seen(toys.red_patch_engine(), pixels), "ALL").has_evidence


def marked(place: tuple[int, int] | None) -> np.ndarray:
    """A purple disc on black, with a green square in one of 4 x 4 places: uint8 (32, 32, 3)."""
    y, x = np.mgrid[: foreign.SIDE, : foreign.SIDE] - (foreign.SIDE - 1) / 2
    pixels = np.zeros((foreign.SIDE, foreign.SIDE, 3), np.uint8)
    pixels[y**2 + x**2 < 14**2] = (120, 60, 140)
    if place is not None:
        down, across = (slice(8 * n, 8 * n + 8) for n in place)
        pixels[down, across] = (90, 250, 90)
    return pixels


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Engine]:
    """The engine of a network by its name, made once."""
    return cache(lambda name: _transformer(name, tmp_path_factory.mktemp("transformer")))


def _transformer(name: str, tmp_path: Path) -> Engine:
    """A transformer with random weights that says ALL of a mark: its head is the change that a mark
    in the middle makes to the class token, or to the mean of the patch tokens."""
    import keras

    from core.models import conversion

    model, contract = foreign.made(name), InputContract("0..1", "rgb")
    pooled = keras.Model(model.input, model.layers[-1 if name == "class token" else -2].input)
    images = np.stack([marked(None), *(marked((y, x)) for y in (1, 2) for x in (1, 2))])
    bare, *others = np.asarray(pooled(contract.apply(images), training=False))
    change = np.mean(others, axis=0) - bare
    for layer in model.layers[-1:] if name == "class token" else model.layers[-2:]:
        kernel, bias = (np.zeros_like(array) for array in layer.get_weights())
        if layer.input.shape[-1] == len(change):
            kernel[:, 0], bias[0] = change, -change @ (bare + change / 2)
        else:
            kernel[0] = 1
        layer.set_weights([kernel, bias])
    found = anatomy.examine(conversion.of_model(model, tmp_path))
    graph, _ = assembly.engine(found, contract, (1,), (0,))
    assembly.save(graph, tmp_path / "engine.xml")
    return Engine(tmp_path / "engine.xml")


@pytest.mark.process
@pytest.mark.parametrize("place", [(1, 1), (1, 2), (2, 1)])
@pytest.mark.parametrize(
    ("name", "key"),
    [("class token", "occlusion"), ("patches", "occlusion"), ("patches", "hires-cam")],
)
def test_a_mark_that_decides_is_found_in_a_transformer(
    name: str, key: str, place: tuple[int, int], transformer: Callable[[str], Engine]
) -> None:
    engine = transformer(name)
    bare, view = (views(engine, image[None])[0] for image in (marked(None), marked(place)))
    assert bare.logit < 0 < view.logit
    method = METHODS[key]()
    heat = method(view, "ALL")
    y, x = np.unravel_index(heat.values.argmax(), heat.values.shape)
    assert (y * 4 // len(heat.values), x * 4 // len(heat.values)) == place
    found = judge(view, heat, method, "ALL", cell_mask(view.pixels), SKILL)
    assert found.badge != UNRELIABLE, found


@pytest.mark.process
def test_a_class_token_alone_has_no_map_and_is_told_of_the_way_out(
    transformer: Callable[[str], Engine],
) -> None:
    view = views(transformer("class token"), marked((1, 2))[None])[0]
    method = METHODS["hires-cam"]()
    heat = method(view, "ALL")
    assert not heat.has_places and not heat.has_evidence
    found = judge(view, heat, method, "ALL", cell_mask(view.pixels), SKILL)
    assert (found.badge, found.reason, found.stamp) == (UNRELIABLE, NO_PLACES, "NO HEAT MAP")
    assert "Occlusion draws one" in found.reason
