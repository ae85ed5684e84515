"""The family of heat maps: values by hand, and what all methods share."""

import warnings

import numpy as np
import pytest

from core.errors import ConfigError, ModelError
from core.explain.cam_methods import METHODS, ScoreCam, _linear, method
from core.explain.heat_map import HeatMap, View, views
from core.models.head import HeadOutput
from tests.factories.toys import GRID, PATCH, LinearHead, ToyEngine, cell, red_patch_engine, seen

GRADIENT_BASED = ["grad-cam", "grad-cam++", "hires-cam", "layer-cam", "eigen-cam"]
# Of these the map does not depend on the scale of the gradient.
HOMOGENEOUS = ["grad-cam", "hires-cam", "layer-cam", "eigen-cam"]


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def draw(key: str, features: np.ndarray, gradient: np.ndarray, call: str = "ALL") -> HeatMap:
    """A method that needs no engine, on given features and gradient."""
    return method(key)(View(np.zeros((1, 1, 3), np.uint8), features, gradient, 0.0, None), call)


def _random(seed: int, shape=(7, 7, 16)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.normal(0, 1, shape), 0).astype(np.float32)
    return features, rng.normal(0, 1, shape).astype(np.float32)


FEATURES = np.array([[[1, 0], [2, 1]], [[0, 3], [4, 2]]], np.float32)
GRADIENT = np.array([[[4, -1], [0, -1]], [[2, -1], [2, -1]]], np.float32)


@pytest.mark.parametrize(
    ("key", "blast", "normal"),
    [
        # Channel weights: 2 and -1. Evidence for ALL: 2, 3, -3, 6; for HEM: -2, -3, 3, -6.
        ("grad-cam", [[2 / 6, 3 / 6], [0, 1]], [[0, 0], [1, 0]]),
        # Gradient times feature: 4, -1, -3, 8 - 2.
        ("hires-cam", [[4 / 6, 0], [0, 1]], [[0, 1 / 3], [1, 0]]),
        # Positive gradient times feature: 4, 0, 0, 8; for HEM the second channel's features.
        ("layer-cam", [[1 / 2, 0], [0, 1]], [[0, 1 / 3], [1, 2 / 3]]),
        # Positive gradients are the first channel's alone for ALL, the second's for HEM.
        ("grad-cam++", [[1 / 4, 1 / 2], [0, 1]], [[0, 1 / 3], [1, 2 / 3]]),
    ],
)
def test_a_map_of_two_by_two_by_two_is_as_by_hand(key, blast, normal):
    if key == "grad-cam++":  # 2 + g * sum(A) is 2 - 1 * 6 < 0 for ALL: made positive by scale
        features, gradient = FEATURES / 10, GRADIENT
    else:
        features, gradient = FEATURES, GRADIENT
    for call, expected in (("ALL", blast), ("HEM", normal)):
        found = draw(key, features, gradient, call)
        assert found.has_evidence
        np.testing.assert_allclose(found.values, expected, atol=1e-6)


def test_the_first_component_is_found_from_either_gram_matrix():
    pattern, channels = np.array([[1.0, 2], [3, 0]]), np.array([1.0, 0.5, 0.1, 2, 1])
    for features in (pattern[:, :, None] * channels, pattern[:, :, None] * channels[:2]):
        found = draw("eigen-cam", features, np.ones_like(features))
        np.testing.assert_allclose(found.values, pattern / 3, atol=1e-6)


def test_ablation_of_a_linear_head_weighs_each_channel_by_what_it_adds():
    rng = np.random.default_rng(0)
    weights = rng.normal([1, -3, 0], size=(GRID, GRID, 3))
    view = seen(ToyEngine(weights), cell()[0])
    added = (weights.astype(np.float32) * view.features).sum(axis=(0, 1))
    expected = np.maximum(view.features @ added, 0)
    found = method("ablation-cam")(view, "ALL").values
    np.testing.assert_allclose(found, expected / expected.max(), atol=1e-4)


def test_score_cam_weighs_channels_by_the_probability_under_their_masks():
    engine, (pixels, _) = red_patch_engine(), cell()
    view = seen(engine, pixels)
    up = _linear(GRID, len(pixels))
    weights = []
    for channel in range(3):
        mask = up @ view.features[:, :, channel] @ up.T
        mask = (mask - mask.min()) / (mask.max() - mask.min() + 1e-7)
        masked = (pixels * mask[:, :, None]).astype(np.float32)
        weights.append(1 / (1 + np.exp(-engine.head(engine.features(masked[None])).logit[0])))
    expected = view.features @ np.array(weights)
    found = ScoreCam(channels=None)(view, "ALL").values
    np.testing.assert_allclose(found, expected / expected.max(), atol=1e-5)


def test_score_cam_tries_the_channels_that_vary_most_and_no_more():
    view = seen(red_patch_engine(), cell()[0])
    one = ScoreCam(channels=1)(view, "ALL").values
    kept = view.features.std(axis=(0, 1)).argmax()
    np.testing.assert_allclose(
        one, view.features[:, :, kept] / view.features[:, :, kept].max(), atol=1e-6
    )
    with pytest.raises(ConfigError, match="at least 1 channel"):
        ScoreCam(channels=0)


def test_interpolation_keeps_samples_and_lies_on_lines_between():
    matrix = _linear(4, 10)
    np.testing.assert_allclose(matrix @ np.array([0.0, 3, 6, 9]), np.arange(10))
    np.testing.assert_allclose(matrix.sum(axis=1), 1)


@pytest.mark.parametrize("key", METHODS)
def test_every_method_draws_a_map_from_zero_to_exactly_one(key):
    noise = np.random.default_rng(1).normal(size=(GRID, GRID, 3))
    # Against green, so that the red patch speaks for ALL and the purple around it for HEM.
    view = seen(ToyEngine(0.2 * noise + [1, -3, 0]), cell()[0])
    for call in ("ALL", "HEM"):
        found = method(key)(view, call)
        assert (found.values.dtype, found.values.shape) == (np.float32, (GRID, GRID))
        assert found.has_evidence
        assert (found.values.min(), found.values.max()) == (0, 1)
    assert METHODS[key].title and METHODS[key].paper
    with pytest.raises(KeyError):
        method(key)(view, "maybe")


@pytest.mark.parametrize("key", ["hires-cam", "layer-cam"])
def test_methods_that_look_at_positions_find_the_patch_that_decides(key):
    found = method(key)(seen(red_patch_engine(), cell()[0]), "ALL").values
    assert (found[~PATCH] == 0).all() and (found[PATCH] > 0.9).all()


@pytest.mark.parametrize("key", sorted(set(GRADIENT_BASED) - {"eigen-cam"}))
@pytest.mark.parametrize("seed", range(3))
def test_the_map_for_hem_is_the_map_of_the_negated_gradient(key, seed):
    features, gradient = _random(seed)
    hem = draw(key, features, gradient, "HEM").values
    np.testing.assert_array_equal(hem, draw(key, features, -gradient, "ALL").values)
    assert not np.array_equal(hem, draw(key, features, gradient, "ALL").values)


def test_the_eigen_map_is_the_same_for_either_call():
    features, gradient = _random(0)
    maps = [draw("eigen-cam", features, gradient, call).values for call in ("ALL", "HEM")]
    np.testing.assert_array_equal(*maps)


@pytest.mark.parametrize("key", ["grad-cam", "hires-cam", "layer-cam"])
@pytest.mark.parametrize("call", ["ALL", "HEM"])
def test_without_positive_evidence_the_map_is_empty_and_says_so(key, call):
    features, gradient = _random(0)
    sign = -1 if call == "ALL" else 1
    for against in (sign * np.abs(gradient), np.zeros_like(gradient)):
        found = draw(key, features, against, call)
        assert not found.has_evidence
        assert not found.values.any()
        assert found.values.shape == (7, 7)
    assert not draw(key, np.zeros_like(features), gradient, call).has_evidence


@pytest.mark.parametrize("key", GRADIENT_BASED)
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_broken_numbers_are_no_evidence_and_never_reach_the_map(key, broken):
    features, gradient = _random(1)
    features[3, 3, 0], gradient[:, :, 0] = broken, 1.0
    found = draw(key, features, gradient)
    assert not found.has_evidence
    assert not found.values.any()


@pytest.mark.parametrize("key", HOMOGENEOUS)
@pytest.mark.parametrize("scale", [1e-12, 1e-3, 7.0, 1e12])
def test_the_scale_of_the_logit_and_of_the_features_does_not_matter(key, scale):
    features, gradient = _random(2)
    plain = draw(key, features, gradient).values
    for scaled in (
        draw(key, features, np.float32(scale) * gradient),
        draw(key, np.float32(scale) * features, gradient),
    ):
        assert scaled.has_evidence
        np.testing.assert_allclose(scaled.values, plain, atol=1e-5)


@pytest.mark.parametrize("key", GRADIENT_BASED)
def test_evidence_moves_with_features_and_gradient(key):
    features, gradient = _random(3)
    plain = draw(key, features, gradient).values
    rolled = draw(key, np.roll(features, 2, axis=0), np.roll(gradient, 2, axis=0)).values
    np.testing.assert_allclose(rolled, np.roll(plain, 2, axis=0), atol=1e-5)


@pytest.mark.parametrize("key", GRADIENT_BASED)
def test_double_precision_from_another_engine_gives_the_same_map(key):
    features, gradient = _random(4)
    double = draw(key, features.astype(float), gradient.astype(float))
    assert double.values.dtype == np.float32
    np.testing.assert_allclose(double.values, draw(key, features, gradient).values, atol=1e-4)


def test_features_and_gradient_of_different_shapes_are_refused():
    features, gradient = _random(0)
    with pytest.raises(ModelError, match="must both be"):
        draw("grad-cam", features, gradient[:5])


def test_an_unknown_method_is_answered_with_those_there_are():
    with pytest.raises(ConfigError, match=r"'cam'; it can be grad-cam, grad-cam\+\+"):
        method("cam")


def test_under_another_head_logit_gradient_and_head_are_that_heads():
    view = seen(red_patch_engine(), cell()[0])
    other = LinearHead(np.full((GRID, GRID, 3), 2.0))
    found = view.under(other)
    assert isinstance(other(view.features[None]), HeadOutput)
    assert found.logit == pytest.approx(2 * view.features.sum(), rel=1e-5)
    assert (found.gradient == 2).all() and found.head is other
    assert view.head is view.engine.head and len(views(view.engine, view.pixels[None])) == 1
