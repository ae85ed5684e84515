import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from core.errors import DataError
from core.metrics.classification import NAMES, confusion, measure, predictive_values, rates

HAND = np.array([1, 1, 1, 1, 1, 0, 0, 0]), np.array([0.9, 0.8, 0.7, 0.5, 0.1, 0.6, 0.2, 0.3])


def test_a_small_part_is_measured_as_by_hand():
    found = measure(*HAND)
    assert (found["images"], found["all"], found["hem"]) == (8, 5, 3)
    assert found["confusion"] == {"tp": 4, "fp": 1, "fn": 1, "tn": 2}
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert found["sensitivity"] == pytest.approx(4 / 5)
    assert found["specificity"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["weighted_f1"] == pytest.approx((5 * 8 / 10 + 3 * 4 / 6) / 8)
    assert found["roc_auc"] == pytest.approx((3 + 3 + 3 + 2 + 0) / 15)
    assert found["pr_auc"] == pytest.approx((1 + 1 + 1 + 4 / 5 + 5 / 8) / 5)
    errors = (0.1, 0.2, 0.3, 0.5, 0.9, 0.6, 0.2, 0.3)
    assert found["brier"] == pytest.approx(sum(e * e for e in errors) / 8)
    # Each cell in a bin of its own.
    assert found["ece"] == pytest.approx(sum(errors) / 8)


def test_the_ece_is_taken_over_ten_bins_and_an_edge_belongs_to_the_one_above():
    # 0.05 and 0.08 share a bin with one ALL in two; 0.1 is of the next; 1 of the last.
    found = measure([1, 0, 0, 1], [0.05, 0.08, 0.1, 1.0])
    assert found["ece"] == pytest.approx((2 * abs(0.065 - 0.5) + 0.1 + 0) / 4)
    assert measure([1, 1], [1.0, 1.0])["ece"] == measure([1, 1], [1.0, 1.0])["brier"] == 0


def test_predictive_values_follow_from_bayes_and_the_prevalence():
    # Of 1,000 cells 200 are ALL: 180 found, 20 missed; of 800 HEM 640 spared, 160 accused.
    found = predictive_values(0.9, 0.8, 0.2)
    assert found["ppv"] == pytest.approx(180 / 340)
    assert found["npv"] == pytest.approx(640 / 660)
    always = predictive_values(1.0, 0.0, 0.2)
    assert always["ppv"] == pytest.approx(0.2) and np.isnan(always["npv"])
    stack = predictive_values(np.array([0.9, np.nan]), np.array([0.8, 0.8]), 0.2)
    assert stack["ppv"][0] == found["ppv"] and np.isnan(stack["ppv"][1])


def test_at_the_part_s_own_prevalence_they_are_its_precision():
    labels, probabilities = HAND
    found, calls = measure(*HAND), (probabilities >= 0.5).astype(int)
    values = predictive_values(found["sensitivity"], found["specificity"], 5 / 8)
    assert values["ppv"] == pytest.approx(sk.precision_score(labels, calls))
    assert values["npv"] == pytest.approx(sk.precision_score(1 - labels, 1 - calls))


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 1.1, np.nan])
def test_a_prevalence_outside_its_range_is_refused(prevalence):
    with pytest.raises(DataError, match="between 0 and 1"):
        predictive_values(0.9, 0.8, prevalence)


def test_always_all_stands_beside_it():
    found = measure(*HAND)["always_all"]
    assert found == pytest.approx(
        {
            "accuracy": 5 / 8,
            "balanced_accuracy": 0.5,
            "weighted_f1": 5 / 8 * 10 / 13,
            "sensitivity": 1.0,
            "specificity": 0.0,
            "roc_auc": 0.5,
            "pr_auc": 5 / 8,
            "brier": 3 / 8,
            "ece": 3 / 8,
        }
    )


def test_every_named_metric_is_there_and_is_a_plain_number():
    found = measure(*HAND)
    for name in NAMES:
        assert type(found[name]) is float
        assert name in found["always_all"]
    assert all(type(count) is int for count in found["confusion"].values())


def test_the_threshold_belongs_to_all():
    assert measure([1, 0], [0.5, 0.4])["accuracy"] == 1.0
    assert measure([1, 0], [0.5, 0.4], threshold=0.51)["sensitivity"] == 0.0
    assert measure([1, 0], [0.5, 0.4], threshold=0.4)["specificity"] == 0.0


def _ece_by_hand(labels, probabilities):
    total = 0.0
    for number in range(10):
        low, high = number / 10, (number + 1) / 10
        inside = (probabilities >= low) & ((probabilities < high) | (number == 9))
        if inside.any():
            total += inside.sum() * abs(probabilities[inside].mean() - labels[inside].mean())
    return total / len(labels)


def test_random_parts_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(60):
        number = int(rng.integers(4, 80))
        labels = rng.permutation(np.arange(number) % int(rng.integers(2, 4)) == 0).astype(int)
        probabilities = rng.integers(0, 8, number) / 7  # with many ties
        threshold = float(rng.choice([0.3, 0.5, 3 / 7]))
        calls = (probabilities >= threshold).astype(int)
        found = measure(labels, probabilities, threshold)
        oracle = {
            "accuracy": sk.accuracy_score(labels, calls),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, calls),
            "weighted_f1": sk.f1_score(labels, calls, average="weighted", zero_division=0),
            "sensitivity": sk.recall_score(labels, calls),
            "specificity": sk.recall_score(labels, calls, pos_label=0),
            "roc_auc": sk.roc_auc_score(labels, probabilities),
            "pr_auc": sk.average_precision_score(labels, probabilities),
            "brier": sk.brier_score_loss(labels, probabilities),
            "ece": _ece_by_hand(labels, probabilities),
        }
        assert {name: found[name] for name in NAMES} == pytest.approx(oracle)


def test_swapping_the_classes_swaps_sensitivity_and_specificity():
    rng = np.random.default_rng(1)
    labels, probabilities = rng.integers(0, 2, 50), rng.random(50)
    here, there = measure(labels, probabilities), measure(1 - labels, 1 - probabilities)
    assert here["sensitivity"] == there["specificity"]
    for name in ("accuracy", "balanced_accuracy", "weighted_f1", "roc_auc", "brier"):
        assert here[name] == pytest.approx(there[name])


@pytest.mark.parametrize(("label", "missing"), [(1, "specificity"), (0, "sensitivity")])
def test_a_part_of_one_class_has_none_where_nothing_is_defined(label, missing):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure([label] * 3, [0.9, 0.2, 0.6])
    undefined = {name for name in NAMES if found[name] is None}
    assert undefined == {missing, "balanced_accuracy", "roc_auc", "pr_auc"}
    assert found["accuracy"] == pytest.approx(2 / 3 if label else 1 / 3)


@pytest.mark.parametrize("label", [0, 1])
def test_always_all_is_undefined_where_the_metric_itself_is(label):
    found = measure([label] * 3, [0.9, 0.2, 0.6])
    for name in NAMES:
        assert (found["always_all"][name] is None) == (found[name] is None), name


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], [], "at least one"),
        ([1, 0], [0.5], r"got \(2,\) and \(1,\)"),
        ([[1, 0]], [[0.5, 0.5]], r"\(1, 2\)"),
        ([1, 2], [0.5, 0.5], "Labels must be 0"),
        ([1, -1], [0.5, 0.5], "Labels must be 0"),
        ([1, np.nan], [0.5, 0.5], "Labels must be 0"),
        (["ALL", "HEM"], [0.5, 0.5], "Labels must be 0"),
        ([1, 0], [0.5, np.nan], "NaN"),
        ([1, 0], [0.5, 1.0001], r"in \[0, 1\]"),
        ([1, 0], [-0.1, 0.5], r"in \[0, 1\]"),
        ([1, 0], [0.5, np.inf], r"in \[0, 1\]"),
    ],
)
def test_what_cannot_be_measured_is_refused(labels, probabilities, message):
    with pytest.raises(DataError, match=message):
        measure(labels, probabilities)


def test_rates_of_a_stack_are_the_rates_of_each_and_no_cells_are_nan():
    stack = np.random.default_rng(2).integers(0, 9, (4, 5, 4))
    stack[0, 0] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rates(stack)
    for name, values in found.items():
        assert values.shape == (4, 5)
        assert np.isnan(values[0, 0])
        for place in np.ndindex(4, 5):
            np.testing.assert_equal(values[place], rates(stack[place])[name])


def test_confusion_counts_every_cell_once():
    labels, calls = np.array([1, 1, 0, 0, 0]), np.array([1, 0, 1, 0, 0])
    assert confusion(labels, calls).tolist() == [1, 1, 1, 2]
