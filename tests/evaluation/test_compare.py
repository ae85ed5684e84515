import json

import numpy as np
import pytest

from core import storage
from core.cli import main
from core.errors import DataError, RunError
from core.evaluation import compare
from core.evaluation.test_set import TestSet
from core.jobs.job import Status
from core.metrics.classification import NAMES
from core.report import comparison, comparison_tables
from core.report.comparison import rows, settings_that_differ, verdict
from core.runs import run_store
from core.runs.config import RunConfig
from tests.factories import invented

CELLS = invented.cells(groups=40)


def run(run_id: str, skill: float, luck: int = 0, **more):
    return invented.run(run_id, CELLS, invented.logits(CELLS, skill, luck), **more)


def test_no_run_asks_for_one():
    assert "at least one" in verdict([])
    assert rows([]) == [] and settings_that_differ([]) == {}


def test_a_single_run_is_told_with_its_interval_and_where_it_was_measured():
    one = run("one", 2)
    value = one.estimate("balanced_accuracy").value
    low, high = one.estimate("balanced_accuracy").interval
    assert verdict([one]) == (
        f"one reaches a balanced accuracy of {value:.2f} (95% interval {low:.2f} to {high:.2f}) "
        "on 320 cells of held-out subjects."
    )
    assert "320 synthetic cells" in verdict([run("drawn", 2, synthetic=True)])


def test_what_is_not_better_than_always_all_is_said_so():
    assert "Nor is it shown to be better than always answering ALL (0.50)" in verdict([run("a", 0)])


def test_runs_apart_are_ranked_in_any_order_and_called_as_wished():
    good, poor = run("good", 3), run("poor", 0.5)
    for some in ([good, poor], [poor, good]):
        sentence = verdict(some, {"good": "CNN A", "poor": "CNN B"})
        assert sentence.startswith("CNN A is better, beyond chance, than CNN B")
    assert compare.best([poor, good], "balanced_accuracy") == "good"
    standing = comparison.against_the_best([poor, good])
    assert standing["good"] == "better than the others" and "behind (" in standing["poor"]


def test_alike_runs_show_no_evidence_of_a_difference():
    some = [run("a", 1, 1), run("b", 1, 2), run("c", 1, 3)]
    sentence = verdict(some)
    assert sentence.startswith("No evidence of a difference:") and "40 groups" in sentence
    assert all(row.best == () for row in rows(some))
    assert sorted(comparison.against_the_best(some).values()) == [
        "ahead, not beyond chance",
        comparison.NO_EVIDENCE,
        comparison.NO_EVIDENCE,
    ]


def test_a_run_that_is_shown_to_be_worse_is_not_among_those_without_a_difference():
    sentence = verdict([run("a", 3, 1), run("b", 3, 2), run("poor", 0.5)])
    assert sentence.startswith("No clear winner:") and "They do show it for poor." in sentence


def test_a_leaking_run_makes_it_unfair_and_is_never_ahead():
    leaky, good = run("leaky", 9, leaking=True), run("good", 2)
    assert verdict([leaky]).startswith("Not a fair comparison: leaky was measured on patients")
    sentence = verdict([good, leaky])
    assert "good reaches" in sentence and "leaky is better" not in sentence
    assert comparison.against_the_best([good, leaky])["leaky"] == "not comparable: leaks"
    assert not any(row.best for row in rows([good, leaky]))


def test_runs_of_different_cells_are_not_ranked():
    half = CELLS[:160]
    other = invented.run("other", half, invented.logits(CELLS, 3)[:160])
    good, poor = run("good", 3), run("poor", 0.5)
    assert "different test images" in verdict([good, other])
    assert "better" not in verdict([good, other])
    three = verdict([good, other, poor])
    assert "Only the 2 runs tested on the same images can be ranked. good is better" in three
    assert not any(row.best for row in rows([good, other]))


def test_too_few_groups_or_one_class_are_said_so():
    few = CELLS[:32]
    some = [invented.run(n, few, invented.logits(few, s)) for n, s in (("a", 2.0), ("b", 0.0))]
    assert "too few groups of subjects to tell" in verdict(some)
    blasts = CELLS[CELLS["label"] == 1]
    assert "undefined for all-all" in verdict([invented.run("all-all", blasts, np.ones(160))])


def test_rows_hold_every_metric_with_interval_baseline_and_protocol():
    (row,) = rows([run("one", 2)], prevalence=0.1)
    for name in (*NAMES, "ppv", "npv"):
        if name == "ece":
            continue
        low, high = row.estimates[name].interval
        assert low <= row.estimates[name].value <= high
        assert name in row.always_all
    assert row.always_all["ppv"] == pytest.approx(0.1)
    assert row.always_all["npv"] is None
    assert row.protocol == "held-out subjects" and row.to_json()["leaking"] is False
    sensitivity, specificity = (
        row.estimates[name].value for name in ("sensitivity", "specificity")
    )
    expected = 0.1 * sensitivity / (0.1 * sensitivity + 0.9 * (1 - specificity))
    assert row.estimates["ppv"].value == pytest.approx(expected)
    with pytest.raises(DataError, match="prevalence is 0"):
        rows([run("two", 2)], prevalence=0)


def test_the_threshold_is_the_run_s_own():
    low = run("low", 2, threshold=1e-9)
    assert low.estimate("sensitivity").value == 1 and low.estimate("specificity").value == 0
    assert low.estimate("sensitivity").interval is None


def test_the_figures_are_those_of_the_evaluation_itself():
    from core.evaluation import evaluate

    one = run("one", 1)
    expected = evaluate.measure(one.cells, 0.5).to_json()
    assert one.metrics.to_json() == expected


def test_unknown_subjects_take_the_intervals_away():
    some = CELLS.assign(group=CELLS["group"].where(CELLS.index > 0))
    one = invented.run("one", some, invented.logits(CELLS, 1), leaking=True)
    assert {one.estimate(name).reason for name in NAMES} == {
        "the subjects of some images are not known"
    }
    assert one.metrics.intervals == dict.fromkeys(NAMES) and one.groups is None


@pytest.mark.parametrize("view", list(comparison_tables.VIEWS))
def test_every_view_has_model_protocol_and_run_and_its_metrics_with_always_all(view):
    found = rows([run("good", 1.5), run("poor", 0.2)], 0.2)
    shown = comparison_tables.text(found, view, {"good": 7.0}).to_dict("records")
    assert [one["Run"] for one in shown][:2] == ["good", "poor"]
    assert all(one["Model"] and one["Measured on"] == "held-out subjects" for one in shown)
    for metric in comparison_tables.VIEWS[view]:
        label = comparison_tables.LABELS[metric]
        interval = "" if metric == "ece" else " ("
        assert f"{found[0].estimates[metric].value:.2f}{interval}" in shown[0][label]
        assert shown[-1]["Model"] == comparison_tables.BASELINE and shown[-1][label]
        assert comparison_tables.BEST not in shown[1][label]
    if view == "Calls":
        assert shown[0]["Balanced accuracy"].endswith(comparison_tables.BEST)


def test_the_flat_table_has_numbers_limits_and_baselines_on_one_level():
    (one,) = comparison_tables.numbers(rows([run("one", 2)], 0.2), {"one": 7.0}).to_dict("records")
    for label in comparison_tables.LABELS.values():
        if label != "Calibration error":
            assert one[f"{label}, low"] <= one[label] <= one[f"{label}, high"]
        assert f"{label}, {comparison_tables.BASELINE}" in one
    assert one["Reading, ms"] == 7.0 and one["Run"] == "one"
    assert not any(isinstance(value, dict | list) for value in one.values())


def test_what_differs_between_runs_is_said_in_words():
    some = [
        run("a", 1, architecture="compact"),
        run("b", 1, architecture="compact", seed=3),
        run("c", 1, learning_rate=0.01),
    ]
    assert settings_that_differ(some[:2]) == {"seed": {"a": "0", "b": "3"}}
    assert settings_that_differ(some[:1]) == {}
    differ = settings_that_differ(some[1:])
    assert differ["architecture"] == {"b": "Compact CNN", "c": "CNN-16"}
    assert differ["learning rate"]["c"] == "0.01"


def test_the_document_is_json_and_says_how_many_were_compared():
    some = [run("good", 3), run("poor", 0.5), run("leaky", 9, leaking=True)]
    told = json.loads(json.dumps(comparison.document([one.run for one in some], 0.3)))
    assert [row["run"] for row in told["runs"]] == ["good", "poor", "leaky"]
    assert {one["metric"] for one in told["differences"]} == set(NAMES)
    assert all({one["a"], one["b"]} == {"good", "poor"} for one in told["differences"])
    assert told["prevalence"] == 0.3 and "maximum statistic" in told["method"]
    assert [one["run"] for one in told["alarms"]] == ["good", "leaky"]


@pytest.fixture
def queued() -> run_store.Run:
    return run_store.create(RunConfig(architecture="cnn-16", dataset="gone"), "waiting")


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled"])
def test_an_unfinished_run_cannot_be_compared(queued, state):
    queued.write_status(Status(state=state))
    with pytest.raises(RunError, match=f"Run waiting is {state}; only a run that succeeded"):
        TestSet.load(queued)


def test_a_run_that_lost_a_file_is_told(queued):
    queued.write_status(Status(state="succeeded"))
    with pytest.raises(RunError, match=r"has lost its metrics\.json"):
        TestSet.load(queued)
    good = run("good", 2)
    (good.run.path / "split.parquet").unlink()
    with pytest.raises(RunError, match="no split"):
        TestSet.load(good.run)


def test_a_run_of_before_a_metric_was_added_is_measured_anew():
    old = run("old", 2)
    facts = storage.read_json(old.run.path / "metrics.json")
    del facts["training"]["seconds"], facts["protocol"]["near_pairs_crossing"]
    storage.write_json(old.run.path / "metrics.json", facts)
    (row,) = rows([TestSet.load(old.run)])
    assert row.estimates["pr_auc"].value is not None and row.cost("seconds") is None


def test_the_command_line_takes_a_prevalence(capsys):
    run("one", 2)
    assert main(["compare", "one", "--prevalence", "0.1", "--json"]) == 0
    test = json.loads(capsys.readouterr().out)["runs"][0]["test"]
    assert test["always_all"]["ppv"] == pytest.approx(0.1) and test["intervals"]["npv"]
    assert main(["compare", "one", "--json"]) == 0
    assert "ppv" not in json.loads(capsys.readouterr().out)["runs"][0]["test"]
    assert main(["compare", "one", "--prevalence", "2"]) == 2
    assert "between 0 and 1" in capsys.readouterr().err
