import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t as students_t
from sklearn.metrics import average_precision_score, roc_auc_score

from core import metrics
from core.metrics import bootstrap
from core.metrics.classification import NAMES, measure

HAVE_INTERVALS = [name for name in NAMES if name != "ece"]


def intervals(*data, **options):
    found = metrics.intervals(*data, **options)
    return {name: estimate.interval for name, estimate in found.items()}


def _data(seed: int = 0, groups: int = 12, each: int = 8) -> tuple[np.ndarray, ...]:
    """Labels, probabilities and groups of a decent classifier."""
    rng = np.random.default_rng(seed)
    group = np.arange(groups).repeat(each)
    labels = group % 2
    logits = 2 * labels - 1 + rng.normal(0, 1, groups)[group] + rng.normal(0, 1, len(group))
    return labels, 1 / (1 + np.exp(-logits)), np.array([f"g{n}" for n in group])


def _width(interval: list[float]) -> float:
    return interval[1] - interval[0]


def test_the_seed_decides_the_interval():
    data = _data()
    first = intervals(*data, resamples=50)
    assert intervals(*data, resamples=50) == first
    assert intervals(*data, resamples=50, seed=1) != first
    assert set(first) == set(NAMES)


@pytest.mark.parametrize("seed", range(5))
def test_an_interval_holds_its_estimate_and_stays_in_range(seed):
    labels, probabilities, groups = _data(seed)
    found = intervals(labels, probabilities, groups, resamples=200)
    for name in HAVE_INTERVALS:
        low, high = found[name]
        assert 0 <= low <= measure(labels, probabilities)[name] <= high <= 1


def test_the_names_and_the_order_of_groups_do_not_matter():
    labels, probabilities, groups = _data()
    order = np.random.default_rng(3).permutation(len(labels))
    plain = intervals(labels, probabilities, groups, resamples=60)
    shuffled = intervals(labels[order], probabilities[order], groups[order], resamples=60)
    for name in HAVE_INTERVALS:
        assert shuffled[name] == pytest.approx(plain[name])


def test_it_equals_drawing_groups_one_by_one_and_joining_their_cells():
    labels, probabilities, groups = _data(2, groups=6, each=5)
    names, threshold = np.unique(groups), 0.4
    rng = np.random.default_rng(7)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=80)
    values = {name: [] for name in NAMES}
    for draw in draws:
        drawn = np.repeat(names, draw)
        rows = np.concatenate([np.flatnonzero(groups == name) for name in drawn])
        measured = measure(labels[rows], probabilities[rows], threshold)
        for name in NAMES:
            values[name].append(np.nan if measured[name] is None else measured[name])
    found = intervals(
        labels, probabilities, groups, threshold=threshold, seed=7, resamples=len(draws)
    )
    whole = measure(labels, probabilities, threshold)
    for name in HAVE_INTERVALS:
        # Three groups of each class: 2 degrees of freedom.
        reach = students_t.ppf(0.975, 2) * np.sqrt(3 / 2)
        if name in ("sensitivity", "specificity"):
            reach *= np.sqrt(3 / 2)
        share = whole[name]
        half_width = reach * np.nanstd(values[name], ddof=1) / (share * (1 - share))
        ends = expit([logit(share) - half_width, logit(share) + half_width])
        assert found[name] == pytest.approx(list(ends), rel=1e-5)


def test_the_groups_of_a_metrics_class_decide_how_far_its_interval_reaches():
    labels = np.array([1] * 8 + [0] * 3).repeat(4)
    drawn = bootstrap.resample(labels, np.arange(11).repeat(4), resamples=5)
    names = ("sensitivity", "specificity", "roc_auc", "brier")
    reaches = [np.sqrt(8 / 7) * bootstrap.reach(8), np.sqrt(3 / 2) * bootstrap.reach(3)]
    reaches += 2 * [bootstrap.reach(3)]
    assert [drawn.reach(name) for name in names] == pytest.approx(reaches)
    one_class = bootstrap.resample(labels[:32], np.arange(8).repeat(4), resamples=5)
    assert one_class.reach() == bootstrap.reach(8)


def test_a_difference_has_an_interval_on_its_own_scale():
    rows = np.array([-0.3, -0.1, 0.1, 0.3])
    found = bootstrap.estimate(0.0, rows, bootstrap.reach(4), share=False)
    half_width = students_t.ppf(0.975, 3) * np.sqrt(4 / 3) * rows.std(ddof=1)
    assert found.interval == pytest.approx((-half_width, half_width))


def test_the_intervals_of_few_groups_hold_the_truth():
    """Four groups with ALL and three with HEM, of cells that resemble those of their group."""
    rng = np.random.default_rng(1)
    member = np.arange(7).repeat(15)
    labels = (member < 4).astype(int)
    held = {name: [] for name in ("sensitivity", "specificity")}
    for _ in range(150):
        share = expit(rng.normal(1.5, 1, 7))  # of the cells of a group that are called right
        right = rng.random(len(member)) < share[member]
        probabilities = np.where(right == (labels == 1), 0.9, 0.1)
        found = intervals(labels, probabilities, member, resamples=200)
        truth = expit(rng.normal(1.5, 1, 100_000)).mean()
        for name, row in held.items():
            if found[name]:
                row.append(found[name][0] <= truth <= found[name][1])
    assert all(np.mean(row) > 0.9 for row in held.values())


@pytest.mark.parametrize("groups", [1, 2, 4, 5])
def test_fewer_than_three_groups_of_a_class_have_no_interval(groups):
    assert intervals(*_data(groups=groups)) == dict.fromkeys(NAMES)
    found = intervals(*_data(groups=6), resamples=50)
    assert None not in [found[name] for name in HAVE_INTERVALS]


def test_a_metric_without_its_class_has_no_interval():
    labels, probabilities, groups = _data()
    found = intervals(np.ones_like(labels), probabilities, groups, resamples=50)
    undefined = {name for name, interval in found.items() if interval is None}
    assert undefined == {"specificity", "balanced_accuracy", "roc_auc", "pr_auc", "ece"}


def test_cells_that_agree_within_their_group_tell_less_than_independent_ones():
    rng = np.random.default_rng(5)
    group, label = np.arange(40).repeat(10), (np.arange(40) % 2).repeat(10)
    right = rng.random(40)[group] < 0.8  # all cells of a group right, or all wrong
    probabilities = np.where(right == (label == 1), 0.9, 0.1)
    together = intervals(label, probabilities, group, resamples=200)
    alone = intervals(label, probabilities, np.arange(400), resamples=200)
    for name in HAVE_INTERVALS:
        assert _width(together[name]) > 2 * _width(alone[name])


def test_a_part_without_one_error_has_no_interval_rather_than_one_of_no_width():
    labels, _, groups = _data()
    assert intervals(labels, labels.astype(float), groups, resamples=50) == dict.fromkeys(NAMES)


@pytest.mark.parametrize("levels", [1, 2, 6, 1000])
@pytest.mark.parametrize(
    ("area", "oracle"), [("roc_auc", roc_auc_score), ("pr_auc", average_precision_score)]
)
def test_a_resampled_area_is_scikit_learns_of_the_copied_cells_ties_included(levels, area, oracle):
    rng = np.random.default_rng(2)
    labels, scores = rng.integers(0, 2, 60), rng.integers(0, levels, 60) / levels
    drawn = bootstrap.resample(labels, np.arange(60) // 5, resamples=30, seed=2)
    found = getattr(bootstrap, area)(drawn, labels, scores)
    for draw, value in zip(drawn.draws.astype(int), found, strict=True):
        copies = draw[drawn.member]
        expected = oracle(labels.repeat(copies), scores.repeat(copies))
        assert value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_resamples_of_one_class_have_no_area(label):
    labels, scores = np.full(60, label), np.linspace(0, 1, 60)
    drawn = bootstrap.resample(labels, np.arange(60) // 5, resamples=20)
    assert np.isnan(bootstrap.roc_auc(drawn, labels, scores)).all()
    assert np.isnan(bootstrap.pr_auc(drawn, labels, scores)).all()


def test_a_resample_without_a_class_is_undefined_and_the_others_stand():
    labels, scores = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.5, 0.1])
    drawn = bootstrap.resample(labels, np.array(list("aabb")), resamples=40)
    values = bootstrap.replicates(drawn, labels, scores, 0.5)
    both = (drawn.draws > 0).all(axis=1)
    assert 0 < both.sum() < 40
    for name in ("roc_auc", "pr_auc", "balanced_accuracy"):
        assert (np.isnan(values[name]) == ~both).all()
    assert values["roc_auc"][both] == pytest.approx(0.75)
    assert values["pr_auc"][both] == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert not np.isnan(values["brier"]).any()


def test_a_single_group_is_drawn_and_has_no_interval():
    labels, probabilities, _ = _data()
    assert intervals(labels, probabilities, np.zeros(len(labels))) == dict.fromkeys(NAMES)


def test_the_ece_has_no_interval_and_says_why():
    found = metrics.intervals(*_data(), resamples=50)["ece"]
    assert found.interval is None and "chance raises it" in found.reason


def test_a_share_of_cells_has_an_interval_over_groups() -> None:
    groups = np.repeat(["a", "b", "c", "d"], 25)
    right = np.concatenate([np.ones(25), np.ones(25), np.arange(25) < 20, np.arange(25) < 15])
    found = bootstrap.share(right.astype(bool), groups)
    assert found.value == pytest.approx(0.85)
    assert found.low is not None and found.high is not None
    # Much wider than that of 100 cells that know nothing of each other, 0.77 to 0.91.
    assert found.low < 0.7 and found.high > 0.92
    assert bootstrap.share(right[:50].astype(bool), groups[:50]).interval is None
    assert bootstrap.share(np.zeros(0, bool), np.zeros(0, str)).value is None
