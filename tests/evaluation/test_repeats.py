import numpy as np
import pytest

from core.evaluation import repeats
from core.evaluation.repeats import Spread
from core.metrics import classification
from core.report.comparison_tables import repeat_protocol, repeats_numbers, repeats_text
from core.runs.run_store import HISTORY_COLUMNS
from tests.factories import invented

TABLE = invented.cells(groups=6)


def _run(name, luck=0, epochs=0, **settings):
    one = invented.run(name, TABLE, invented.logits(TABLE, 1, luck), **settings)
    for epoch in range(1, epochs + 1):
        row = dict.fromkeys(HISTORY_COLUMNS, 0.0)
        one.run.append_history(row | {"epoch": epoch, "validation_accuracy": luck / 10})
    return one


def test_runs_that_differ_only_in_seed_or_fold_are_one_entry():
    some = [
        _run("a", seed=1),
        _run("b", seed=2),
        _run("c", seed=1, batch_size=8),
        _run("d", folds=3, fold=0),
        _run("e", folds=3, fold=1),
        _run("f", l2=0.1),
        _run("g", l2=0.1),
    ]
    found = repeats.find(some)
    assert [[run.run_id for run in one.runs] for one in found] == [["a", "b"], ["d", "e"]]
    assert [one.name for one in found] == ["CNN-16, 2 seeds", "CNN-16, 2 folds"]
    assert repeat_protocol(found[0]) == "held-out subjects"


def test_mean_and_band_are_those_of_the_runs():
    some = [_run(name, luck, seed=luck) for name, luck in (("a", 1), ("b", 2), ("c", 3))]
    (one,) = repeats.find(some)
    for name, spread in one.spreads.items():
        values = [run.estimate(name).value for run in some]
        assert spread.mean == pytest.approx(np.mean(values))
        assert (spread.low, spread.high) == (min(values), max(values))
        assert spread.deviation == pytest.approx(np.std(values, ddof=1))
    table = repeats_numbers([one])
    assert len(table) == len(classification.NAMES)
    assert table["Mean"][0] == one.spreads["accuracy"].mean
    assert " (" in repeats_text([one])["Accuracy"][0]


def test_a_metric_that_one_run_leaves_undefined_has_no_mean():
    blasts = TABLE[TABLE["label"] == 1]
    whole = _run("a", seed=1)
    part = invented.run("b", blasts, np.ones(len(blasts)), seed=2)
    (one,) = repeats.find([whole, part])
    assert one.spreads["roc_auc"] == Spread(None, None, None, None)
    assert one.spreads["accuracy"].mean is not None


def test_the_learning_curve_is_over_the_runs_that_got_so_far():
    some = [_run("a", luck=2, epochs=3, seed=1), _run("b", luck=4, epochs=2, seed=2)]
    table = repeats.find(some)[0].history("validation_accuracy")
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["mean"].tolist() == pytest.approx([0.3, 0.3, 0.2])
    assert table["low"].tolist() == [0.2] * 3 and table["high"].tolist() == [0.4, 0.4, 0.2]
