import warnings

import numpy as np
import pytest

from core.evaluation.calibration import call, fit, probability


def _data(cells: int = 4000, groups: int = 20, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Labels drawn from the probabilities that their logits state, and groups."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, cells)
    labels = (rng.random(cells) < 1 / (1 + np.exp(-logits))).astype(int)
    return labels, logits, np.arange(cells) % groups


@pytest.mark.parametrize("factor", [1.0, 3.0, 6.0])
def test_the_temperature_undoes_the_factor_that_made_logits_over_confident(factor):
    labels, logits, groups = _data()
    contract = fit(labels, factor * logits, groups)
    assert contract["method"] == "temperature"
    assert contract["temperature"] == pytest.approx(factor, rel=0.1)
    assert contract["threshold"] == 0.5
    assert "4000 validation cells from 20 groups" in contract["reason"]


def test_the_fit_lowers_the_loss_and_no_other_temperature_beats_it():
    labels, logits, groups = _data(cells=400)
    signs = np.where(labels == 1, 1, -1)

    def loss(temperature):
        return np.logaddexp(0, -signs * 3 * logits / temperature).mean()

    best = fit(labels, 3 * logits, groups)["temperature"]
    assert all(loss(best) <= loss(t) + 1e-9 for t in np.geomspace(0.5, 10, 200))


def test_separable_cells_do_not_make_the_probabilities_extreme():
    labels, logits, groups = _data(cells=200)
    contract = fit(labels, np.where(labels == 1, 5.0, -5.0), groups)
    assert 0.5 <= contract["temperature"] <= 0.51
    hopeless = fit(labels, -logits, groups)
    assert 9.9 <= hopeless["temperature"] <= 10


@pytest.mark.parametrize(
    ("cells", "groups"), [(49, 10), (400, 2), (0, 1)], ids=["cells", "groups", "nothing"]
)
def test_too_little_validation_is_left_alone_with_a_reason(cells, groups):
    contract = fit(*_data(cells, groups))
    assert (contract["method"], contract["temperature"]) == ("none", 1.0)
    assert f"{cells} cells" in contract["reason"]


def test_validation_of_one_class_is_left_alone_with_a_reason():
    labels, logits, groups = _data(400)
    contract = fit(np.ones_like(labels), logits, groups)
    assert contract["method"] == "none"
    assert "both classes" in contract["reason"]


def test_fifty_cells_of_three_groups_are_enough():
    assert fit(*_data(50, 3))["method"] == "temperature"


@pytest.mark.parametrize("temperature", [0.5, 1.0, 10.0])
def test_a_probability_is_monotone_and_never_overflows(temperature):
    logits = np.concatenate([[-1e4, -800], np.linspace(-30, 30, 301), [800, 1e4]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = probability(logits, {"temperature": temperature})
    assert found.dtype == np.float64
    assert (np.diff(found) >= 0).all()
    assert (np.diff(found[np.abs(logits) < 15 * temperature]) > 0).all()
    assert (found[0], found[-1]) == (0.0, 1.0)


def test_a_probability_is_the_logistic_function_of_the_scaled_logit():
    logits = np.array([[-2.0, 0.0], [1.0, 3.0]], np.float32)
    found = probability(logits, {"temperature": 2.0})
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits / 2)))
    np.testing.assert_allclose(probability(-logits, {"temperature": 2.0}), 1 - found)
    assert probability(np.float32(0), {"temperature": 3.0}) == 0.5


def test_the_temperature_never_changes_a_call_at_one_half():
    logits = np.random.default_rng(1).normal(0, 5, 200)
    calls = {
        tuple(call(p, {"threshold": 0.5}) for p in probability(logits, {"temperature": t}))
        for t in (0.5, 1.0, 7.0)
    }
    assert len(calls) == 1


def test_the_threshold_itself_is_called_all():
    contract = {"threshold": 0.3}
    assert call(0.3, contract) == "ALL"
    assert call(np.nextafter(0.3, 0), contract) == "HEM"
    assert call(1.0, contract) == "ALL"
