"""Companions found by their configs alone, and what leakage meter and controls say of them."""

import time

import pytest

from core import storage
from core.audit import ablations
from core.errors import DataError, RunError
from core.jobs.job import Status
from core.report import audits
from core.runs import active_model, config, cost, run_store
from tests.factories.ablation_runs import audited, base, cells, finish, skilled


def measured(run, audit):
    found = ablations.find(run, audit)
    assert found.complete and found.share_done == 1
    return audits.measure(audit, found)


def test_companions_differ_from_the_run_in_split_inputs_and_fold_alone():
    wanted = base()
    for audit, arm in ((audit, arm) for audit, arms in ablations.AUDITS.items() for arm in arms):
        setting = ablations.ARMS[arm]
        made = ablations.configs(wanted, audit, arm)
        assert [one.fold for one in made] == list(range(ablations.FOLDS[audit]))
        for one in made:
            assert (one.split, one.inputs) == (setting["split"], setting.get("inputs", "cell"))
            back = one.replace(split=wanted.split, inputs=wanted.inputs, folds=0, fold=0)
            assert back == wanted
    assert len(ablations.configs(wanted.replace(folds=4), "leakage", "model")) == 4


def test_what_is_there_is_found_whoever_trained_it_and_the_rest_is_missing():
    run = finish(base(), skilled(1))
    model = ablations.configs(base(), "leakage", "model")
    one = finish(model[0], skilled(1))
    waiting = run_store.create(model[1])
    failed = run_store.create(model[2])
    failed.write_status(Status(state="failed", error="for want of memory"))
    found = ablations.find(run, "leakage")
    assert found.finished == {"model": [one], "image": []}
    assert (found.unfinished, found.ended) == ([waiting], [failed])
    assert found.missing == model[3:] + ablations.configs(base(), "leakage", "image")
    assert (found.done, found.to_train, found.total, found.complete) == (1, 8, 10, False)
    assert cost.total(ablations.estimate(run, "leakage", found)) is None  # of no run of late
    now = time.time()
    one.write_status(Status(state="succeeded", started=now - 20, finished=now))
    assert cost.total(ablations.estimate(run, "leakage", found)) == pytest.approx(
        20 * 8 + 8 * 120 * 3 / 5 * 3 / 100, abs=0.01
    )


def test_a_run_that_is_a_fold_itself_is_one_of_its_companions():
    run = finish(ablations.configs(base(), "controls", "model")[0], skilled(1))
    assert ablations.find(run, "controls").finished["model"] == [run]


def test_companions_of_before_the_data_set_changed_do_not_count():
    run = finish(base(), skilled(1))
    before, after = ablations.configs(base(), "leakage", "model")[:2]
    finish(before, skilled(1), contents="as it was")
    newer = finish(after, skilled(1))
    newer.write_status(Status(state="succeeded", finished=2.0))
    found = ablations.find(run, "leakage")
    assert found.finished["model"] == [newer] and before in found.missing


def test_a_run_of_before_there_were_controls_is_read_and_has_its_companions():
    run = finish(ablations.configs(base(), "leakage", "model")[1], skilled(1))
    document = storage.read_json(run.path / "config.json")
    del document["inputs"]
    storage.write_json(run.path / "config.json", document)
    again = run_store.get(run.run_id)
    assert again.config.inputs == "cell" and again.config == run.config
    assert ablations.find(again, "leakage").finished["model"] == [again]


def test_a_recipe_that_knows_patients_shows_a_gap_and_says_how_large():
    run = audited(base(), {"model": skilled(0.7), "image": skilled(2.5)})
    found = measured(run, "leakage")
    gap = found.gap
    assert found.difference.cells == 120 and found.difference.groups == 12 and found.folds == 5
    assert gap.difference.low > 0 and found.doubt is True
    said = audits.sentence(found)
    assert said.startswith(f"Of the {gap.first:.2f} balanced accuracy under a split by image")
    assert f"{gap.difference.value:.2f} (95% interval" in said and "recognition of patients" in said
    assert audits.table(found)["Recognition"].tolist() == [
        pair.difference.value for pair in found.difference.metrics.values()
    ]


def test_a_recipe_that_does_not_shows_none_and_says_that_the_interval_includes_zero():
    run = audited(base(), {"model": skilled(1), "image": skilled(1.05)})
    found = measured(run, "leakage")
    low, high = found.gap.difference.interval
    assert low <= 0 <= high and found.doubt is False
    assert audits.sentence(found).startswith("No recognition of patients is shown")
    assert "includes 0" in audits.sentence(found)


def test_a_model_beats_what_it_is_clearly_above_and_nothing_else():
    arms = {"model": skilled(2.0), "silhouette": skilled(0.3), "size": skilled(2.0)}
    run = audited(base(), arms)
    found = measured(run, "controls")
    assert found.beats("silhouette") and not found.beats("size")
    assert found.doubt is True
    said = audits.sentence(found)
    assert said.startswith("The model does not beat cell size alone")
    assert "It does beat the silhouette alone" in said
    assert audits.table(found)["Control"].unique().tolist() == list(audits.CONTROLS.values())


def test_a_model_that_beats_both_is_said_to():
    arms = {"model": skilled(2.0), "silhouette": skilled(0.3), "size": skilled(0.2)}
    found = measured(audited(base(), arms), "controls")
    assert found.doubt is False
    assert audits.sentence(found).startswith("The model beats the silhouette alone (")


def test_the_document_says_what_is_not_known_yet():
    run = audited(base(), {"model": skilled(1), "image": skilled(1)})
    document = audits.document(run)
    assert document["leakage"]["result"]["sentence"]
    assert document["controls"] == {"done": 0, "total": 9, "result": None}
    assert document["probe"] is None


def test_what_cannot_be_audited_is_refused_with_the_reason():
    run = finish(base(), skilled(1))
    assert len(ablations.require_auditable(run, "leakage")) == 120
    cells().assign(group=None, split="train").to_parquet(run.path / "split.parquet")
    with pytest.raises(DataError, match="subjects of 120 cells are not known"):
        ablations.require_auditable(run, "leakage")
    few = cells().query("subject in ['s0', 's1', 's2', 's3']")
    few.assign(split="train").to_parquet(run.path / "split.parquet")
    with pytest.raises(DataError, match="at least 5 of each class"):
        ablations.require_auditable(run, "leakage")
    with pytest.raises(RunError, match="itself a control"):
        ablations.require_auditable(finish(base().replace(inputs="size"), skilled(1)), "controls")
    with pytest.raises(RunError, match="queued"):
        ablations.require_auditable(run_store.create(base()), "controls")


def test_a_control_is_never_the_model_that_reads(artifacts):
    from core.reading.reader import Reader

    control = finish(base().replace(inputs="silhouette"), skilled(1))
    with pytest.raises(RunError, match="No model has been trained"):
        active_model.active()
    with pytest.raises(RunError, match="trained on the silhouette of the cells alone"):
        active_model.promote(control)
    with pytest.raises(RunError, match="control"):
        Reader(control)
    model = finish(base(), skilled(1))
    assert active_model.active() == model
    active_model.promote(model)


def test_inputs_are_a_setting_like_any_other_and_checked():
    assert config.change(base(), {"inputs": "size"}).is_control
    assert not base().is_control
    with pytest.raises(
        config.ConfigError, match="inputs is 'shadow'; it can be cell, image, silhouette"
    ):
        config.change(base(), {"inputs": "shadow"})
