"""Sweep folders: frozen, whole, and never another's."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError, RunError
from core.jobs.job import Status
from core.runs import config, run_store
from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan, Sweep
from tests.factories import executor

ROOT = Path("data")


def make(kind: str = "cross-validation", name: str | None = "first", **settings: Any) -> Sweep:
    base = executor.base(ROOT, **settings)
    if kind == "search":
        return sweep_store.create(
            Plan(kind=kind, base=base, trials=3, space=search.choose(base)), name
        )
    return sweep_store.create(Plan(kind=kind, base=base.replace(folds=3)), name)


@pytest.mark.parametrize("kind", sweep_store.KINDS)
def test_a_new_sweep_is_queued_with_its_plan_frozen_on_disk(kind: str) -> None:
    sweep = make(kind, seed=4, augmentation="dihedral")
    assert sweep_store.get("first") == sweep and sweep_store.exists("first")
    kept = json.loads((sweep.path / "sweep.json").read_text())
    assert kept["kind"] == kind and kept["base"]["augmentation"] == ["dihedral"]
    base = executor.base(ROOT, seed=4, augmentation="dihedral")
    if kind == "search":
        assert sweep.plan == Plan(kind=kind, base=base, trials=3, space=search.choose(base))
    else:
        assert sweep.plan == Plan(kind=kind, base=base.replace(folds=3))
    assert (sweep.status.state, sweep.status.total) == ("queued", 3)
    assert sweep.results is None and sweep.runs == [] and sweep.current is None


def test_its_runs_are_known_by_name_in_their_order() -> None:
    sweep = make("search")
    base = sweep.plan.base
    names = [sweep.run_id(trial) for trial in (10, 2)]
    names += [sweep.run_id(3, fold) for fold in (1, 0)]
    others = ["first-trial-x", "first-trial-1-fold-0-1", "other-first-trial-0", "first-2-trial-0"]
    for name in [*names, *others]:
        run_store.create(base, name)
    assert [run.run_id for run in sweep.runs] == [
        "first-trial-2",
        "first-trial-3-fold-0",
        "first-trial-3-fold-1",
        "first-trial-10",
    ]
    assert sweep.current is not None and sweep.current.run_id == "first-trial-10"
    for run in sweep.runs[2:]:
        run.write_status(Status(state="succeeded"))
    assert sweep.current.run_id == "first-trial-3-fold-0"


def test_a_name_is_never_reused_nor_a_path_nor_that_of_others_runs() -> None:
    make()
    with pytest.raises(RunError, match="a sweep first already"):
        make()
    for name in ("../first", "a/b", "", ".hidden", "a.b"):
        with pytest.raises(RunError, match="is not a sweep name"):
            sweep_store.get(name)
    with pytest.raises(RunError, match="Sweeps: first"):
        sweep_store.get("second")
    run_store.create(config.create("cnn-16", ROOT, "recommended"), "mine-fold-1")
    with pytest.raises(RunError, match="a run mine-fold-1 already"):
        make(name="mine")
    assert not sweep_store.exists("mine")


def test_a_run_of_other_settings_is_not_taken_for_its_own() -> None:
    sweep = make()
    wanted = sweep.plan.base
    run, new = sweep_store.make_run(wanted, "first-fold-0")
    assert new and sweep_store.make_run(wanted, "first-fold-0") == (run, False)
    with pytest.raises(RunError, match="with other settings"):
        sweep_store.make_run(wanted.replace(seed=9), "first-fold-0")


def test_liveness_is_the_heartbeat() -> None:
    sweep = make()
    old = Status(state="running", phase="fold 2 of 3", done=1, total=3, heartbeat=time.time() - 99)
    sweep.write_status(old)
    status = sweep.status
    assert (status.state, status.done) == ("interrupted", 1)
    assert "at fold 2 of 3. Resume it" in (status.error or "")
    sweep.write_status(old.replace(heartbeat=time.time()))
    assert sweep.status.state == "running"


def test_what_has_ended_can_go_on_and_what_has_succeeded_only_with_more_trials() -> None:
    sweep = make("search")
    with pytest.raises(RunError, match="first is queued; there is nothing to resume"):
        sweep.requeue()
    sweep.request_stop()
    sweep.write_status(Status(state="cancelled", done=2, total=3))
    assert sweep.stop_requested
    sweep.requeue()
    assert not sweep.stop_requested
    assert (sweep.status.state, sweep.status.done, sweep.status.total) == ("queued", 2, 3)
    sweep.write_status(Status(state="succeeded", done=3, total=3))
    with pytest.raises(RunError, match="is succeeded; there is nothing to resume"):
        sweep.requeue()
    with pytest.raises(ConfigError, match="trials is 2; first has 3 already"):
        sweep.requeue(2)
    before = sweep.plan
    sweep.requeue(5)
    assert sweep.plan == before.replace(trials=5) and sweep.status.total == 5


def test_a_damaged_or_foreign_folder_is_a_sentence_and_not_in_the_list() -> None:
    sweep = make()
    plan = json.loads((sweep.path / "sweep.json").read_text())
    for text in ("{", "[]", json.dumps(plan | {"kind": None}), json.dumps(plan | {"new": 1})):
        (sweep.path / "sweep.json").write_text(text)
        with pytest.raises((RunError, ConfigError)):
            sweep.plan  # noqa: B018
        assert sweep_store.sweeps() == []
    (sweep.path / "sweep.json").write_text(json.dumps(plan))
    assert sweep_store.sweeps() == [sweep]
    (sweep.path / "status.json").write_text(json.dumps(Status().to_json() | {"new": 1}))
    with pytest.raises(RunError, match="of another version"):
        sweep.status  # noqa: B018
    assert sweep_store.sweeps() == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"kind": "grid"}, "kind is 'grid'; it can be cross-validation, search"),
        ({"kind": "cross-validation", "folds": 0}, "folds is 0; .* at least 3"),
        ({"kind": "search", "trials": 0}, "trials is 0; it must lie between 1 and"),
        ({"kind": "search", "trials": 3}, "no setting to change"),
        ({"kind": "cross-validation", "folds": 3, "split": "folds"}, "split is 'folds'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(facts: dict[str, Any], words: str) -> None:
    kind, trials = facts.pop("kind"), facts.pop("trials", 0)
    with pytest.raises(ConfigError, match=words):
        Plan(kind=kind, base=executor.base(ROOT, **facts), trials=trials)


def test_it_counts_the_runs_it_trains_at_most() -> None:
    base = executor.base(ROOT)
    space = search.choose(base)
    assert Plan(kind="cross-validation", base=base.replace(folds=5)).most_runs == 5
    assert Plan(kind="search", base=base, trials=7, space=space).most_runs == 7
    assert Plan(kind="search", base=base.replace(folds=3), trials=7, space=space).most_runs == 21
