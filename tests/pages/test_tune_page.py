"""The Tune page: cross-validations and searches, from the form to the results."""

import re
from pathlib import Path

import pytest

from core import storage
from core.report.tuning import describe
from core.runs import about, config, run_store
from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan, Sweep
from core.workers import launcher
from tests.factories import executor
from tests.factories.app import button, downloads, labels, open_page, words


@pytest.fixture
def launched(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a page launches, noted instead; the demo set is there, and no run."""
    storage.demo_dir().parent.mkdir(parents=True)
    storage.demo_dir().symlink_to(demo_root, target_is_directory=True)
    noted: list[str] = []
    monkeypatch.setattr(launcher, "launch", lambda job: noted.append(job.name))
    return noted


def made(kind: str, name: str, **settings: object) -> Sweep:
    base = executor.base(storage.demo_dir(), epochs=2, **settings)
    if kind == "search":
        return sweep_store.create(
            Plan(kind=kind, base=base, trials=7, space=search.choose(base)), name
        )
    return sweep_store.create(Plan(kind=kind, base=base), name)


@pytest.mark.slow
def test_a_cross_validation_is_started_shown_live_stopped_and_resumed(launched: list[str]) -> None:
    app = open_page("tune")
    assert "Nothing crosses" in words(app) and "5 runs on 120 images" in words(app)
    next(n for n in app.number_input if n.label == "Folds").set_value(3).run()
    button(app, "Start").click().run()
    (sweep,) = sweep_store.sweeps()
    assert launched == [sweep.name] and not app.exception
    assert (sweep.plan.kind, sweep.plan.base.folds) == ("cross-validation", 3)
    assert sweep.plan.base == config.create("cnn-16", storage.demo_dir(), "recommended", folds=3)
    assert sweep.name in words(app) and "waiting for its turn" in words(app)
    button(app, "Stop").click().run()
    assert sweep.stop_requested and "Stopping…" in labels(app)
    executor.work(sweep)  # the worker takes it up, and finds the request
    app.run()
    assert "stopped" in words(app) and not app.exception
    button(app, "Resume").click().run()
    assert launched == [sweep.name] * 2 and sweep.status.state == "queued"
    assert not app.exception and not app.error


def test_a_finished_cross_validation_is_a_sentence_a_chart_and_tables(launched: list[str]) -> None:
    sweep = made("cross-validation", "cv", folds=3)
    executor.work(sweep)
    app = open_page("tune")
    said = words(app)
    assert not app.exception and not app.error
    assert re.search(r"Balanced accuracy 0\.\d\d \(95% interval over folds", said)
    assert "Over all 60 images," in said and "Nadeau and Bengio" in said
    (chart,) = app.get("plotly_chart")
    assert "each fold" in chart.proto.spec
    summary, folds = (frame.value for frame in app.dataframe)
    assert "Mean over folds" in summary and list(folds["Fold"]) == [1, 2, 3]
    assert downloads(app) == ["Table as CSV"] * 2


def test_a_failed_one_says_why_and_shows_what_it_has(launched: list[str]) -> None:
    sweep = made("cross-validation", "cv", folds=3)
    executor.work(sweep, executor.Executor(fails=lambda wanted: wanted.fold == 2))
    app = open_page("tune")
    assert "Fold 3 failed. It was told to fail." in app.error[0].value
    assert "the mean of 2 of 3 folds so far" in words(app) and "Resume" in labels(app)


def test_a_search_is_started_over_the_chosen_settings(launched: list[str]) -> None:
    app = open_page("tune")
    app.segmented_control[0].select("search").run()
    next(n for n in app.number_input if n.label == "Trials").set_value(4).run()
    app.pills[0].set_value(["learning_rate", "l2"]).run()
    assert "4 runs on 120 images" in words(app) and not app.exception
    button(app, "Start").click().run()
    (sweep,) = sweep_store.sweeps()
    plan = sweep.plan
    assert (plan.kind, plan.trials, list(plan.space)) == ("search", 4, ["learning_rate", "l2"])
    assert plan.base.folds == 0 and plan.pruning and launched == [sweep.name]


@pytest.mark.slow
def test_a_finished_search_shows_what_it_found_and_trains_the_best(launched: list[str]) -> None:
    sweep = made("search", "tuned", learning_rate=1e-4, sample=60)
    executor.work(sweep)
    found = sweep.results
    assert found is not None
    best = found.best
    app = open_page("tune")
    said = words(app)
    assert not app.exception and not app.error
    assert f"Trial {best.trial} of 7 has the lowest prediction error on the validation part" in said
    assert describe(best.settings) in said and "the test part is not used" in said
    history, importance = app.get("plotly_chart")
    assert "best so far" in history.proto.spec and "learning rate" in importance.proto.spec
    assert len(app.dataframe[0].value) == 7
    button(app, "Train it with these settings").click().run()
    (run_id,) = launched
    run = run_store.get(run_id)
    wanted = search.trial_config(sweep.plan.base, best.settings)
    assert (run.config.epochs, run.config.sample) == (20, None)
    assert run.config.learning_rate == wanted.learning_rate
    assert run.config.augmentation == wanted.augmentation
    assert f"{about.called(run_store.get(run_id))} is queued" in words(app) and not app.exception


def test_folds_that_the_data_cannot_give_stop_it_before_it_starts(launched: list[str]) -> None:
    app = open_page("tune")
    next(n for n in app.number_input if n.label == "Folds").set_value(9).run()
    assert any("needs at least 9" in error.value for error in app.error)
    assert button(app, "Start").disabled and not app.exception
