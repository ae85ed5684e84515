import warnings

import numpy as np
import pytest

from core.explain.cam import grad_cam


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _random(seed: int, shape=(7, 7, 16)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = np.maximum(rng.normal(0, 1, shape), 0).astype(np.float32)
    return features, rng.normal(0, 1, shape).astype(np.float32)


def test_a_map_of_two_by_two_by_two_is_as_by_hand():
    features = np.array([[[1, 0], [2, 1]], [[0, 3], [4, 2]]], np.float32)
    gradient = np.array([[[4, -1], [0, -1]], [[2, -1], [2, -1]]], np.float32)
    # Channel weights: 2 and -1. Evidence for ALL: 2, 3, -3, 6; for HEM: -2, -3, 3, -6.
    blast, normal = (grad_cam(features, gradient, call) for call in ("ALL", "HEM"))
    np.testing.assert_allclose(blast.values, [[2 / 6, 3 / 6], [0, 1]])
    np.testing.assert_allclose(normal.values, [[0, 0], [1, 0]])
    assert blast.has_evidence
    assert normal.has_evidence


@pytest.mark.parametrize("seed", range(5))
def test_the_map_for_hem_is_the_map_of_the_negated_gradient(seed):
    features, gradient = _random(seed)
    hem = grad_cam(features, gradient, "HEM")
    np.testing.assert_array_equal(hem.values, grad_cam(features, -gradient, "ALL").values)
    both = (hem.values > 0) & (grad_cam(features, gradient, "ALL").values > 0)
    assert not both.any()


@pytest.mark.parametrize("seed", range(5))
def test_a_map_is_finite_from_zero_to_exactly_one(seed):
    found = grad_cam(*_random(seed), "ALL")
    assert (found.values.dtype, found.values.shape) == (np.float32, (7, 7))
    assert np.isfinite(found.values).all()
    assert (found.values.min(), found.values.max()) == (0, 1)


@pytest.mark.parametrize("call", ["ALL", "HEM"])
def test_without_positive_evidence_the_map_is_empty_and_says_so(call):
    features, gradient = _random(0)
    sign = -1 if call == "ALL" else 1
    for against in (sign * np.abs(gradient), np.zeros_like(gradient)):
        found = grad_cam(features, against, call)
        assert not found.has_evidence
        assert not found.values.any()
        assert found.values.shape == (7, 7)
    assert not grad_cam(np.zeros_like(features), gradient, call).has_evidence


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_broken_numbers_are_no_evidence_and_never_reach_the_map(broken):
    features, gradient = _random(1)
    features[3, 3, 0], gradient[:, :, 0] = broken, 1.0
    found = grad_cam(features, gradient, "ALL")
    assert not found.has_evidence
    assert not found.values.any()


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 7.0, 1e12])
def test_the_scale_of_the_logit_and_of_the_features_does_not_matter(scale):
    features, gradient = _random(2)
    plain = grad_cam(features, gradient, "ALL").values
    for scaled in (
        grad_cam(features, np.float32(scale) * gradient, "ALL"),
        grad_cam(np.float32(scale) * features, gradient, "ALL"),
    ):
        assert scaled.has_evidence
        np.testing.assert_allclose(scaled.values, plain, atol=1e-5)


def test_evidence_moves_with_the_features():
    features, gradient = _random(3)
    plain, rolled = (
        grad_cam(f, gradient, "ALL").values for f in (features, np.roll(features, 2, axis=0))
    )
    np.testing.assert_allclose(rolled, np.roll(plain, 2, axis=0), atol=1e-6)


def test_double_precision_from_another_engine_gives_the_same_map():
    features, gradient = _random(4)
    double = grad_cam(features.astype(float), gradient.astype(float), "ALL")
    assert double.values.dtype == np.float32
    np.testing.assert_allclose(double.values, grad_cam(features, gradient, "ALL").values, atol=1e-5)
