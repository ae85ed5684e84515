"""The search: what it may change, what it minimises, and what it makes of each trial."""

import math
import time
from pathlib import Path
from typing import Any

import pytest

from core import storage
from core.errors import ConfigError
from core.models import catalog
from core.report import tuning
from core.runs import config
from core.runs.config import RECIPES
from core.runs.run_store import HISTORY_COLUMNS, Run
from core.tuning import search, sweep_store
from core.tuning.results import Trial
from core.tuning.sweep_store import Plan, Sweep
from tests.factories import executor
from tests.factories.executor import Executor

RATE = ("learning_rate",)


@pytest.fixture
def root(artifacts: Path) -> Path:
    """Any folder: the fake executor reads no data."""
    storage.sweeps_dir().mkdir(parents=True)
    return artifacts


def make(
    root: Path,
    trials: int,
    names: tuple[str, ...] | None = RATE,
    *,
    pruning: bool = False,
    **settings: Any,
) -> Sweep:
    base = executor.base(root, **settings)
    name = f"search-{time.monotonic_ns()}"
    return sweep_store.create(
        Plan(
            kind="search",
            base=base,
            trials=trials,
            space=search.choose(base, names),
            pruning=pruning,
        ),
        name,
    )


def rows(sweep: Sweep) -> tuple[Trial, ...]:
    found = sweep.results
    assert found is not None
    return found.trials


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("key", catalog.ARCHITECTURES)
def test_the_space_of_any_architecture_holds_its_own_settings_and_gives_valid_runs(
    key: str, recipe: str
) -> None:
    base = config.create(key, Path("data"), recipe)
    space = search.space(base)
    first = search.first_trial(Plan(kind="search", base=base, trials=1, space=space))
    for name, dimension in space.items():
        assert hasattr(base, name) and name in tuning.SETTINGS
        values = dimension.choices or (dimension.low, dimension.high)
        for value in values:
            changed = search.trial_config(base, {name: value})
            asked = changed.augmentation if name == "augmentation" else getattr(changed, name)
            assert asked == value or name == "augmentation"
        if dimension.choices:
            assert first[name] in dimension.choices
        else:
            assert dimension.low <= first[name] <= dimension.high
    rate = {"learning_rate": base.learning_rate or catalog.architecture(key).learning_rate}
    unchanged = search.trial_config(base, first).replace(**rate)
    assert dict(unchanged) == dict(base) | rate
    frozen = catalog.architecture(key).pretrained is not None
    assert ("augmentation" in space) is not frozen
    assert ("views" in space) is (frozen and recipe == "recommended")
    assert ("fine_tune_blocks" in space) is frozen


def test_fine_tuning_is_searched_when_asked_and_brings_its_epochs() -> None:
    base = config.create("vgg16", Path("data"), "recommended")
    assert "fine_tune_blocks" not in search.choose(base)
    assert "fine_tune_blocks" in search.choose(
        config.change(base, {"fine_tune_blocks": 1, "fine_tune_epochs": 2})
    )
    assert list(search.choose(base, ["fine_tune_blocks"])) == ["fine_tune_blocks"]
    for blocks, epochs in ((0, 0), (2, search.FINE_TUNE_EPOCHS)):
        changed = search.trial_config(base, {"fine_tune_blocks": blocks})
        assert (changed.fine_tune_blocks, changed.fine_tune_epochs) == (blocks, epochs)


def test_a_setting_that_does_not_apply_is_refused_with_those_that_do() -> None:
    base = config.create("cnn-16", Path("data"), "recommended")
    with pytest.raises(ConfigError, match=r"views cannot be searched for cnn-16.*learning_rate"):
        search.choose(base, ["views"])


@pytest.mark.parametrize(("keep", "value"), [("best", 0.25), ("last", 0.75)])
def test_the_objective_is_the_validation_cross_entropy_of_the_kept_epoch(
    root: Path, keep: str, value: float
) -> None:
    run, _ = sweep_store.make_run(executor.base(root, keep=keep), "run")
    assert search.objective(run) is None
    for epoch, seen in enumerate((0.5, 0.25, 0.75), start=1):
        row = dict.fromkeys(HISTORY_COLUMNS, 9.0) | {"epoch": epoch}
        run.append_history(row | {"validation_cross_entropy": seen})
    assert search.objective(run) == value


@pytest.mark.slow
def test_the_test_part_has_no_say(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials whose test parts could not be read come out as those whose could."""
    plain = make(root, 3)
    executor.work(plain)
    blind = make(root, 3)
    monkeypatch.setattr(Run, "metrics", property(lambda run: 1 / 0))
    monkeypatch.setattr(Run, "predictions", property(lambda run: 1 / 0))
    executor.work(blind, Executor(measures=False))
    assert blind.status.state == "succeeded", blind.status.error
    assert [row.value for row in rows(blind)] == [row.value for row in rows(plain)]


@pytest.mark.slow
def test_the_first_trial_is_the_recipe_and_the_best_is_never_worse(root: Path) -> None:
    sweep = make(root, 14, learning_rate=1e-4, epochs=1)
    executor.work(sweep, Executor(measures=False))
    found, plan = sweep.results, sweep.plan
    assert found is not None and sweep.status.state == "succeeded", sweep.status.error
    first, best = found.trials[0], found.best
    assert first.settings == {"learning_rate": 1e-4}
    # By hand: (log10 of a tenth) squared, 0.3, and 0.5 after one epoch.
    assert first.value == pytest.approx(1 + 0.3 + 0.5)
    values = [row.value for row in found.trials if row.value is not None]
    assert best.value == min(values) < first.value
    lowest = math.inf
    for row in found.trials:
        lowest = min(lowest, row.value or math.inf)
        assert row.best_so_far == lowest
    assert "against 1.800 of the settings it began with" in tuning.search_verdict(found)
    assert found.importance == {"learning_rate": pytest.approx(1.0)}
    run = Run(storage.runs_dir() / best.runs[0])
    assert run.config == search.trial_config(plan.base, best.settings)
    final = search.final_config(plan, best.settings, epochs=33, whole=True)
    assert (final.epochs, final.sample, final.fold, final.folds) == (33, None, 0, 0)
    assert final.learning_rate == best.settings["learning_rate"]


@pytest.mark.slow
def test_importance_finds_the_setting_that_matters(root: Path) -> None:
    sweep = make(root, 12, ("learning_rate", "l2", "dropout"), epochs=1)
    executor.work(sweep, Executor(measures=False))
    found = sweep.results
    assert found is not None
    shares = found.importance
    assert set(shares) == {"learning_rate", "l2", "dropout"}
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda name: shares[name]) == "learning_rate"


def test_a_trial_that_fails_is_a_row_and_the_search_goes_on(root: Path) -> None:
    sweep = make(root, 4)
    executor.work(
        sweep,
        Executor(measures=False, fails=lambda wanted: (wanted.learning_rate or 0) != 1e-3),
    )
    assert sweep.status.state == "succeeded"
    assert [row.state for row in rows(sweep)] == ["finished", *["failed"] * 3]
    assert {row.error for row in rows(sweep)[1:]} == {"It was told to fail."}
    assert tuning.search_verdict(sweep.results).endswith(
        "nothing tried beats the settings it began with."
    )
    shown = tuning.trials_table(sweep.results)
    assert list(shown["State"]) == ["finished", *["failed"] * 3]


def test_where_no_trial_finishes_the_search_fails_with_the_last_reason(root: Path) -> None:
    sweep = make(root, 2)
    executor.work(sweep, Executor(value=lambda wanted, epoch: math.nan))
    assert sweep.status.state == "failed"
    assert sweep.status.error == "No trial finished with a value. The loss became nan."
    assert "No trial has finished with a value" in tuning.search_verdict(sweep.results)
    assert len(tuning.trials_table(sweep.results)) == 2


def _poor_later(wanted: config.RunConfig, epoch: int) -> float:
    return 0.5 if (wanted.learning_rate or 0) == 1e-3 else 0.9


@pytest.mark.slow
def test_a_poor_trial_is_asked_to_stop_and_told_as_pruned(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PRUNE_AFTER_TRIALS", 1)
    sweep = make(root, 2, pruning=True, epochs=60)

    def linger(run: Run, epoch: int) -> None:
        time.sleep(0.05 if run.run_id == sweep.run_id(1) else 0)

    slow = Executor(seconds=0.001, value=_poor_later, measures=False, before_epoch=linger)
    executor.work(sweep, slow)
    assert [row.state for row in rows(sweep)] == ["finished", "pruned"]
    pruned = Run(storage.runs_dir() / sweep.run_id(1))
    assert pruned.status.state == "cancelled"
    assert search.PRUNE_AFTER_EPOCHS < len(pruned.history) < 60
    unpruned = make(root, 2, pruning=False, epochs=3)
    executor.work(unpruned, Executor(seconds=0.01, value=_poor_later, measures=False))
    assert [row.state for row in rows(unpruned)] == ["finished", "finished"]


@pytest.mark.slow
def test_trials_over_folds_take_their_mean_and_are_pruned_between_folds(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PRUNE_AFTER_TRIALS", 1)
    sweep = make(root, 2, pruning=True, epochs=1, folds=3)
    done = executor.work(
        sweep, Executor(value=lambda w, e: _poor_later(w, e) - w.fold / 10, measures=False)
    )
    assert [row.state for row in rows(sweep)] == ["finished", "pruned"]
    assert rows(sweep)[0].value == pytest.approx(0.5 - 0.1)
    assert done.launched == [
        *(sweep.run_id(0, fold) for fold in range(3)),
        *(sweep.run_id(1, fold) for fold in range(2)),
    ]
    assert rows(sweep)[1].runs == tuple(done.launched[3:])
    assert "the mean of 3 folds" in tuning.search_verdict(sweep.results)


@pytest.mark.slow
def test_a_search_that_was_cut_anywhere_goes_on_as_it_would_have(root: Path) -> None:
    whole = make(root, 5, ("learning_rate", "batch_size", "l2"), epochs=2, seed=1)
    executor.work(whole, Executor(measures=False))
    cut = make(root, 3, ("learning_rate", "batch_size", "l2"), epochs=2, seed=1)

    def stop(run: Run, epoch: int) -> None:
        if run.run_id == cut.run_id(1) and epoch == 2:
            cut.request_stop()
            run.request_stop()

    first = executor.work(cut, Executor(before_epoch=stop, measures=False))
    assert cut.status.state == "cancelled" and len(rows(cut)) == 1
    assert first.launched == [cut.run_id(0), cut.run_id(1)]
    half = Run(storage.runs_dir() / cut.run_id(1))
    assert half.status.state == "cancelled" and len(half.history) == 1
    cut.requeue()
    again = executor.work(cut, Executor(measures=False))
    assert cut.status.state == "succeeded"
    assert again.launched == [cut.run_id(1), cut.run_id(2)]
    assert list(half.history["epoch"]) == [1, 2]  # it went on, and did not begin anew
    cut.requeue(5)
    assert executor.work(cut, Executor(measures=False)).launched == [cut.run_id(3), cut.run_id(4)]
    kept = ("state", "value", "settings")
    assert [[getattr(row, name) for name in kept] for row in rows(cut)] == [
        [getattr(row, name) for name in kept] for row in rows(whole)
    ]


@pytest.mark.parametrize("finished", [1, 11], ids=["drawn one by one", "drawn together"])
def test_a_worker_killed_between_two_settings_draws_the_others_as_it_would_have(
    finished: int, root: Path
) -> None:
    def drawn(*killed_after: int) -> dict[str, Any]:
        sweep = make(root, 20, ("learning_rate", "batch_size", "l2", "dropout"))
        plan = sweep.plan
        with search.open_study(sweep) as study:
            for number in range(finished):
                search.suggest(earlier := next_trial(study, plan), plan)
                study.tell(earlier, number)
        for settings in killed_after:
            with search.open_study(sweep) as study:
                first = dict(list(plan.space.items())[:settings])
                search.suggest(next_trial(study, plan), plan.replace(space=first))
                assert study.trials[finished].params.keys() == first.keys()
        with search.open_study(sweep) as study:
            return search.suggest(next_trial(study, plan), plan)

    straight = drawn()
    assert len(straight) == 4
    assert all(drawn(settings) == straight for settings in (1, 2, 3))
    assert drawn(1, 2, 2, 3) == straight


def next_trial(study: Any, plan: Plan) -> Any:
    trial = search.next_trial(study, plan)
    assert trial is not None
    return trial


def test_settings_are_told_in_words() -> None:
    told = tuning.describe({"learning_rate": 0.00123456, "dropout": None, "augmentation": "a,b"})
    assert told == "learning rate 0.00123, dropout the architecture's own, augmentation a + b"
