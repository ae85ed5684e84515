import numpy as np
import pytest
from scipy.stats import t

from core.evaluation.compare import (
    best,
    comparable,
    differences,
    same_cells,
)
from core.metrics import bootstrap, classification
from core.metrics.bootstrap import LEVEL, NORMAL_REACH
from tests.factories import invented


def test_runs_of_the_same_cells_are_drawn_alike_wherever_the_files_lie():
    table = invented.cells()
    said = invented.logits(table, 1)
    here = invented.run("here", table, said)
    moved = table.assign(image_id="elsewhere/" + table["image_id"][::-1].to_numpy())
    there = invented.run("there", moved, said)
    assert same_cells(here, there)
    for name in classification.NAMES:
        np.testing.assert_allclose(there.replicates[name], here.replicates[name], atol=1e-6)
    (one,) = differences([here, there], "accuracy")
    assert one.ahead.value == 0 and one.ahead.interval is None and not one.shown
    assert one.ahead.reason == "all resamples agree"


def test_a_difference_of_two_is_that_of_their_resamples():
    table = invented.cells(groups=40)
    good = invented.run("good", table, invented.logits(table, 2))
    poor = invented.run("poor", table, invented.logits(table, 1))
    (one,) = differences([poor, good], "roc_auc")
    assert (one.a, one.b) == ("good", "poor")
    assert one.ahead.value == pytest.approx(
        good.estimate("roc_auc").value - poor.estimate("roc_auc").value
    )
    gaps = good.replicates["roc_auc"] - poor.replicates["roc_auc"]
    reach = np.quantile(np.abs(gaps - one.ahead.value), LEVEL) * bootstrap.reach(20) / NORMAL_REACH
    assert one.ahead.interval == pytest.approx((one.ahead.value - reach, one.ahead.value + reach))
    assert one.shown == one.ahead.above_zero


def test_pairing_sees_what_two_intervals_that_overlap_do_not():
    """The same hard subjects for both, and one a little better everywhere."""
    table = invented.cells(groups=40, each=20)
    said = invented.logits(table, 1, spread=2)
    better = said + 0.5 * (2 * table["label"] - 1)
    runs = [invented.run("a", table, better), invented.run("b", table, said)]
    spans = [run.estimate("balanced_accuracy").interval for run in runs]
    assert spans[0][0] < spans[1][1]
    assert best(runs, "balanced_accuracy") == "a"


def test_lower_is_better_for_the_errors():
    table = invented.cells(groups=40)
    sure = invented.run("sure", table, 4 * (2 * table["label"] - 1) + invented.logits(table, 0))
    poor = invented.run("poor", table, invented.logits(table, 0))
    for metric in classification.NAMES:
        (one,) = differences([poor, sure], metric)
        assert one.a == "sure" and one.ahead.value > 0, metric
    assert best([poor, sure], "brier") == "sure"


@pytest.mark.slow
def test_chance_is_rarely_taken_for_a_difference():
    """Three equally good classifiers, again and again: once in twenty one may seem better."""
    table = invented.cells(groups=14, each=6)
    wrong = 0
    for turn in range(40):
        said = [invented.logits(table, 1, seed=10 * turn + n) for n in range(3)]
        runs = [invented.in_memory(f"r{n}", table, one) for n, one in enumerate(said)]
        wrong += any(one.shown for one in differences(runs, "balanced_accuracy"))
    assert wrong <= 5


def test_intervals_widen_with_the_number_of_runs_and_with_fewer_subjects():
    table = invented.cells(groups=20)
    runs = [invented.run(f"r{n}", table, invented.logits(table, 1, n)) for n in range(5)]

    def width(some):
        found = differences(some, "accuracy")
        one = next(d for d in found if {d.a, d.b} == {"r0", "r1"})
        return one.ahead.high - one.ahead.low

    assert width(runs[:2]) < width(runs[:3]) < width(runs)


@pytest.mark.parametrize("groups", [2, 3, 5, 12, 14, 30, 100])
def test_few_subjects_widen_an_interval_by_students_t(groups):
    exact = t.ppf(0.975, groups - 1) * np.sqrt(groups / (groups - 1))
    assert bootstrap.reach(groups) == pytest.approx(exact, rel=1e-9)


def test_runs_of_other_cells_or_with_a_leak_are_not_comparable():
    table = invented.cells()
    said = invented.logits(table, 1)
    first = invented.run("first", table[:64], said[:64], others=table[64:])
    other = invented.run("other", table[32:], said[32:], others=table[:32])
    assert not same_cells(first, other)
    leaky = invented.run("leaky", table[:64], said[:64], leaking=True)
    assert len(comparable([first, leaky])) == 2
    again = invented.run("again", table[:64], said[:64] + 1)
    sets = comparable([other, first, leaky, again])
    assert [[run.run_id for run in one] for one in sets] == [
        ["first", "again"],
        ["other"],
        ["leaky"],
    ]


def test_the_same_images_with_other_labels_or_groups_are_other_cells():
    table = invented.cells()
    said = invented.logits(table, 1)
    first = invented.run("first", table, said)
    flipped = invented.run("flipped", table.assign(label=1 - table["label"]), said)
    linked = invented.run("linked", table.assign(group="one"), said)
    assert not same_cells(first, flipped) and not same_cells(first, linked)


@pytest.mark.parametrize("groups", [2, 4])
def test_too_few_groups_give_no_interval_and_no_best(groups):
    table = invented.cells(groups=groups)
    runs = [invented.run(f"r{n}", table, invented.logits(table, n)) for n in range(2)]
    assert all(one.ahead.interval is None for one in differences(runs, "accuracy"))
    assert best(runs, "accuracy") is None


def test_a_single_run_or_one_class_is_never_best():
    table = invented.cells()
    one = invented.run("one", table, invented.logits(table, 3))
    assert best([one], "accuracy") is None and differences([one], "accuracy") == []
    blasts = table[table["label"] == 1]
    runs = [invented.run(f"r{n}", blasts, invented.logits(blasts, n)) for n in range(2)]
    assert differences(runs, "roc_auc") == [] and best(runs, "roc_auc") is None
