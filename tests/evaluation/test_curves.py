import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from core.evaluation.curves import GRID, precision_recall, reliability, roc
from tests.factories import invented


def _measured(labels, probabilities, groups=None):
    number = len(labels)
    groups = groups if groups is not None else range(number)
    table = pd.DataFrame(
        {
            "image_id": [f"{n}" for n in range(number)],
            "group": [f"{g}" for g in groups],
            "label": labels,
        }
    )
    values = np.clip(np.asarray(probabilities, float), 1e-9, 1 - 1e-9)
    return invented.in_memory("hand", table, np.log(values / (1 - values)))


def test_the_roc_curve_is_the_staircase_drawn_by_hand():
    # Down the scores: ALL, HEM, ALL, HEM: (0, 1/2), (1/2, 1/2), (1/2, 1), (1, 1).
    curve = roc(_measured([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]))
    assert curve.y[0] == 0.5 and curve.y[49] == 0.5 and curve.y[50] == 1 and curve.y[-1] == 1
    assert curve.area == pytest.approx(0.75)
    assert curve.low is None and curve.high is None  # two groups of a class


def test_the_precision_is_read_where_a_recall_is_first_reached():
    curve = precision_recall(_measured([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]))
    assert curve.y[0] == curve.y[50] == 1 and curve.y[51] == curve.y[-1] == pytest.approx(2 / 3)
    assert curve.area == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert curve.baseline[0] == 0.5


def test_cells_of_one_score_are_called_together():
    tied = _measured([1, 0, 1, 0], [0.5] * 4)
    assert roc(tied).y.tolist() == [0.0] * 100 + [1.0]
    assert precision_recall(tied).y.tolist() == [0.5] * 101


@pytest.mark.parametrize("levels", [5, 1000])
def test_the_curves_agree_with_scikit_learn(levels):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 200)
    scores = np.clip(rng.integers(0, levels, 200) / levels * 0.7 + 0.3 * labels, 0.001, 0.999)
    run = _measured(labels, scores)
    false, found, _ = sk.roc_curve(labels, run.probabilities, drop_intermediate=False)
    expected = [found[false <= x + 1e-12].max() for x in GRID]
    np.testing.assert_allclose(roc(run).y, expected)
    precision, recall, _ = sk.precision_recall_curve(labels, run.probabilities)
    precision, recall = precision[:-1], recall[:-1]  # without scikit-learn's invented last point
    expected = [precision[recall >= max(x - 1e-12, 1e-12)][-1] for x in GRID]
    np.testing.assert_allclose(precision_recall(run).y, expected)


def test_one_class_has_no_curve():
    for label in (0, 1):
        run = _measured([label] * 8, np.linspace(0.1, 0.9, 8))
        assert roc(run) is None and precision_recall(run) is None


def test_bands_hold_the_curve_and_are_wider_for_fewer_groups():
    def width(groups):
        table = invented.cells(groups=groups, each=480 // groups)
        run = invented.in_memory("r", table, invented.logits(table, 1))
        curve = roc(run)
        assert (curve.low <= curve.y + 0.1).all() and (curve.y <= curve.high + 0.1).all()
        assert ((curve.low >= 0) & (curve.high <= 1)).all()
        return (curve.high - curve.low).mean()

    assert width(8) > 1.2 * width(80)


def test_reliability_bins_are_those_drawn_by_hand():
    run = _measured([0, 1, 1, 1], [0.12, 0.18, 0.95, 0.99], groups="aabb")
    first, last = reliability(run)
    assert (first.low, first.high, first.cells) == (0.1, 0.2, 2)
    assert first.predicted == pytest.approx(0.15) and first.observed.value == 0.5
    assert (last.cells, last.observed.value, last.observed.interval) == (2, 1.0, None)


def test_bins_add_up_to_the_ece_and_have_intervals_where_there_are_groups():
    table = invented.cells(groups=30)
    run = invented.in_memory("r", table, invented.logits(table, 1))
    bins = reliability(run)
    total = sum(one.cells * abs(one.predicted - one.observed.value) for one in bins) / len(table)
    assert total == pytest.approx(run.estimate("ece").value)
    for one in bins:
        if one.observed.interval:
            assert 0 <= one.observed.low <= one.observed.value <= one.observed.high <= 1
    assert sum(one.observed.interval is not None for one in bins) >= 5
