import json
import warnings

import numpy as np
import pytest

from core.errors import ConfigError
from core.metrics.calibration import fit
from core.runs.calibration import Calibration


def _calibration(fields: dict[str, object]) -> Calibration:
    return Calibration.parse({"temperature": 1.0, "threshold": 0.5, "reason": ""} | fields)


def probability(logits: np.ndarray, fields: dict[str, object]) -> np.ndarray:
    return _calibration(fields).probability(logits)


def interval(logit: float, fields: dict[str, object]) -> tuple[float, float] | None:
    return _calibration(fields).interval_at(logit)


def call(value: float, fields: dict[str, object]) -> str:
    return _calibration(fields).call(value)


def leaning(value: float, fields: dict[str, object]) -> str:
    return _calibration(fields).leaning(value)


def close(value: float, fields: dict[str, object]) -> bool:
    return _calibration(fields).close(value)


def _data(cells: int = 4000, groups: int = 20, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Labels drawn from the probabilities that their logits state, and groups."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, cells)
    labels = (rng.random(cells) < 1 / (1 + np.exp(-logits))).astype(int)
    return labels, logits, np.arange(cells) % groups


@pytest.mark.parametrize("factor", [1.0, 3.0, 6.0])
def test_the_fit_undoes_the_factor_and_the_shift_that_made_logits_wrong(factor):
    labels, logits, groups = _data()
    contract = fit(labels, factor * (logits - 0.8), groups)
    assert contract["method"] == "platt"
    assert contract["temperature"] == pytest.approx(factor, rel=0.1)
    assert contract["shift"] == pytest.approx(0.8, abs=0.15)
    assert contract["threshold"] == 0.5
    assert "4000 validation cells from 20 groups" in contract["reason"]


def test_the_fit_lowers_the_loss_and_no_other_temperature_beats_it():
    labels, logits, groups = _data(cells=400)
    signs = np.where(labels == 1, 1, -1)

    def loss(temperature):
        return np.logaddexp(0, -signs * 3 * logits / temperature).mean()

    best = fit(labels, 3 * logits, groups, method="temperature")["temperature"]
    assert all(loss(best) <= loss(t) + 1e-9 for t in np.geomspace(0.5, 10, 200))


def test_separable_cells_do_not_make_the_probabilities_extreme():
    labels, logits, groups = _data(cells=200)
    for method in ("temperature", "platt"):
        contract = fit(labels, np.where(labels == 1, 5.0, -5.0), groups, method=method)
        assert contract["temperature"] == pytest.approx(0.5, rel=0.02)
        assert contract["shift"] == pytest.approx(0, abs=0.01)
        hopeless = fit(labels, -logits, groups, method=method)
        assert hopeless["temperature"] == pytest.approx(10, rel=0.01)


def test_class_weights_are_undone_by_the_shift_that_theory_gives():
    # Weighted by the other class's frequency, the odds are off by the ratio of both.
    rng = np.random.default_rng(2)
    labels = (rng.random(9000) < 2 / 3).astype(int)
    logits = 2 * (rng.normal(2 * labels - 1, 1.0))  # the log-odds where both are as frequent
    contract = fit(labels, logits, np.arange(9000) % 60, method="platt")
    assert contract["temperature"] == pytest.approx(1, rel=0.05)
    assert contract["shift"] == pytest.approx(np.log(2), abs=0.1)
    found = probability(logits, contract)
    assert found.mean() == pytest.approx(labels.mean(), abs=0.01)


def test_the_probability_is_the_middle_of_its_own_interval():
    labels, logits, groups = _data(600, 30, seed=4)
    contract = fit(labels, 0.4 * (logits - 1.0), groups, method="platt")
    for logit in (-1.5, -0.4, 0.0, 0.6):
        low, high = interval(logit, contract)
        stated = probability(np.array([logit]), contract)[0]
        odds = np.log([p / (1 - p) for p in (low, stated, high)])
        assert odds[1] == pytest.approx((odds[0] + odds[2]) / 2, abs=0.1 * (odds[2] - odds[0]))


def test_few_groups_of_a_class_get_no_shift():
    labels, logits, groups = _data(400, 20)
    rare = np.where(labels == 1, groups % 4, 100 + groups)
    assert fit(labels, logits, rare)["method"] == "temperature"
    assert fit(labels, logits, rare)["shift"] == 0
    with pytest.raises(ConfigError, match=r"4 groups with ALL .*Platt scaling needs 5 of each"):
        fit(labels, logits, rare, method="platt")


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
    shifted = probability(logits, {"temperature": 2.0, "shift": 0.7})
    np.testing.assert_allclose(shifted, 1 / (1 + np.exp(-(logits / 2 + 0.7))))
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


def _stepped(cells: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Cells of 40 groups whose probability is a step of the logit, which no temperature has."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, cells)
    labels = (rng.random(cells) < np.where(logits < 1, 0.1, 0.6)).astype(int)
    return labels, logits, np.arange(cells) % 40


def test_isotonic_is_chosen_where_it_is_better_on_groups_left_out():
    labels, logits, groups = _stepped(2000)
    contract = fit(labels, logits, groups)
    assert contract["method"] == "isotonic"
    assert "on groups left out" in contract["reason"] and "of Platt scaling" in contract["reason"]
    found = probability(np.array([-3.0, 0.0, 2.0, 3.0]), contract)
    np.testing.assert_allclose(found, [0.1, 0.1, 0.6, 0.6], atol=0.1)
    assert fit(*_data(2000, 40))["method"] == "platt"
    assert fit(*(values[:499] for values in (labels, logits, groups)))["method"] == "platt"
    assert fit(labels, logits, groups % 9)["method"] == "platt"


def test_isotonic_probabilities_are_monotone_inside_zero_and_one_and_calibrated():
    labels, logits, groups = _stepped(600, seed=1)
    logits = np.round(logits, 1)  # ties
    labels[logits > 4] = 1
    contract = json.loads(json.dumps(fit(labels, logits, groups, method="isotonic")))
    found = probability(np.sort(np.append(logits, [-1e4, 1e4])), contract)
    assert (np.diff(found) >= 0).all() and found.min() > 0 and found.max() < 1
    assert probability(logits, contract).mean() == pytest.approx(labels.mean(), abs=0.01)
    # Cells keep their order, so a threshold can lie between any two of them.
    distinct = np.unique(logits)
    assert (np.diff(probability(distinct, contract)) > 0).all()


@pytest.mark.parametrize("method", ["isotonic", "platt", "temperature"])
def test_a_method_that_lacks_cells_is_refused_by_name(method):
    with pytest.raises(
        ConfigError, match=f"'{method}' cannot be fitted: the validation part has 40"
    ):
        fit(*_data(40, 10), method=method)
    assert fit(*_data(40, 10), method="none")["reason"] == "not calibrated, by choice"


def test_a_contract_survives_json_and_names_what_it_was_fitted_on():
    data = _data(600, 30)
    contract = fit(*data)
    again = json.loads(json.dumps(contract, allow_nan=False))
    assert again == contract
    assert (again["operating_point"], again["review"]) == (None, None)
    assert {name: again["fitted_on"][name] for name in ("cells", "groups", "groups_all")} == {
        "cells": 600,
        "groups": 30,
        "groups_all": 30,
    }
    moved = data[1].copy()
    moved[0] += 1e-9
    assert fit(data[0], moved, data[2])["fitted_on"]["sha256"] != contract["fitted_on"]["sha256"]


def test_an_interval_holds_the_probability_has_width_at_even_odds_and_shrinks_with_groups():
    widths = []
    for groups in (6, 30, 150):
        labels, logits, _ = _data(10 * groups, seed=3)
        contract = fit(labels, logits, np.arange(10 * groups) // 10)
        for logit in (-50.0, -3.0, 0.0, 0.7, 9.0, 1e4):
            low, high = interval(logit, contract)
            assert 0 <= low <= probability(np.array([logit]), contract)[0] <= high <= 1
        low, high = interval(0.0, contract)
        widths.append(high - low)
    assert widths[0] > widths[1] > widths[2] > 0.02


def test_intervals_hold_the_true_probability_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    held = []
    for _ in range(25):
        member = np.arange(600) // 15
        logits = rng.normal(0, 1.5, 600) + rng.normal(0, 1, 40)[member]
        labels = (rng.random(600) < 1 / (1 + np.exp(-logits))).astype(int)
        contract = fit(labels, 2 * logits, member, method="temperature")
        for logit in (-2.0, 0.0, 2.0):
            low, high = interval(2 * logit, contract)
            held.append(low <= 1 / (1 + np.exp(-logit)) <= high)
    assert 0.88 <= np.mean(held) <= 1


def test_there_is_no_interval_with_two_groups_of_a_class_or_of_an_old_contract():
    labels, logits, groups = _data(200, 20)
    groups = np.where(labels == 1, groups % 2, groups)
    groups = np.where(labels == 0, groups + 100, groups)
    assert interval(0.0, fit(labels, logits, groups)) is None
    assert interval(0.0, {"temperature": 1.0, "threshold": 0.5}) is None


def test_calls_within_the_band_go_to_review_and_lean_to_a_side():
    contract = {"threshold": 0.3, "review": {"low": 0.2, "high": 0.6}}
    values = (0.19, 0.2, 0.29, 0.3, 0.6, 0.61)
    calls = [call(value, contract) for value in values]
    assert calls == ["HEM", "review", "review", "review", "review", "ALL"]
    sides = [leaning(value, contract) for value in values]
    assert sides == ["HEM", "HEM", "HEM", "ALL", "ALL", "ALL"]
    assert close(0.31, contract) and not close(0.4, contract)
    assert close(1.0, {"threshold": 1.0}) and not close(0.0, contract)
