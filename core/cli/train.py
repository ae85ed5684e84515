"""Verbs of the command line that train, and the options that all training shares."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.data import datasets, splits
from core.errors import ConfigError, RunError
from core.jobs.job import Status
from core.models import catalog
from core.runs import config, presets, run_store
from core.runs.config import RunConfig
from core.runs.run_store import Run
from core.tuning import search, sweep_store
from core.tuning.sweep_store import Plan, Sweep
from core.workers import launcher

FOLDS, TRIALS = 5, 20


def training_options(sub: argparse.ArgumentParser) -> None:
    """What every training is told: data set, architecture, recipe and single settings."""
    sub.add_argument("dataset", metavar="DATASET", help='a folder, or "demo"')
    sub.add_argument("--architecture", required=True, help=", ".join(catalog.ARCHITECTURES))
    sub.add_argument("--recipe", default="recommended", help=", ".join(config.RECIPES))
    sub.add_argument("--epochs", type=int)
    sub.add_argument("--sample", type=int, help="number of cells to draw; default: all")
    sub.add_argument("--split", help="subject (default), folds, preliminary, image")
    sub.add_argument("--seed", type=int)
    sub.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")


def wanted(options: argparse.Namespace, **more: Any) -> RunConfig:
    """The configuration that `training_options` describe, with `more` settings.

    Raises `ConfigError` for what cannot be, `DataError` or `ModelError` for inputs not to be had.
    """
    settings = dict(_setting(text) for text in options.set)
    for name in {"architecture", "dataset", "recipe", *more} & set(settings):
        raise ConfigError(f"{name} is not for --set: give it as an argument of its own.")
    named = ("split", "seed", "sample", "epochs")
    settings |= {n: getattr(options, n) for n in named if getattr(options, n) is not None}
    root = datasets.resolve(options.dataset)
    found = config.create(options.architecture, root, options.recipe, **settings | more)
    config.require_inputs(found)
    return found


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set takes name=value, not {text!r}.")
    return name, value


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Trains an architecture and follows it to its end; Ctrl-C asks it to stop."""
    run = run_store.create(wanted(options), options.run_id)
    launcher.launch(run)
    return _followed(run)


def resume(options: argparse.Namespace) -> dict[str, Any]:
    """Goes on with a run that failed, was stopped or interrupted, from its last finished epoch."""
    run = run_store.get(options.run)
    launcher.resume(run)
    return _followed(run)


def _followed(run: Run) -> dict[str, Any]:
    """Follows a run to its end; Ctrl-C asks it to stop. Raises `RunError` unless it succeeds."""
    try:
        status = launcher.follow(run, _tell_epochs(run))
    except KeyboardInterrupt:
        run.request_stop()
        status = launcher.follow(run)
    if status.state != "succeeded":
        raise RunError(f"Run {run.run_id} {status.state}. {status.error or ''}".strip())
    return {"run": run.run_id, "status": status.state, "metrics": run.metrics}


def study(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Queues the original study's five networks and follows them; Ctrl-C stops all."""
    root = datasets.resolve(options.dataset)
    cells = splits.pool(datasets.index(root), "subject")
    settings = dict(_setting(text) for text in options.set)
    five = presets.configs(options.preset, root, cells, settings)
    for one in five:
        config.require_inputs(one)
    queued = [run_store.create(one) for one in five]
    for run in queued:
        launcher.launch(run)
    try:
        for run in queued:
            launcher.follow(run, _tell_epochs(run))
    except KeyboardInterrupt:
        for run in queued:
            run.request_stop()
    return [
        {
            "run": run.run_id,
            "architecture": run.config.architecture,
            "status": launcher.follow(run).state,
            "error": run.status.error,
            "test": (run.metrics or {}).get("parts", {}).get("test"),
        }
        for run in queued
    ]


def _tell_epochs(run: Run) -> Callable[[Status], None]:
    told: set[object] = set()

    def show(status: Status) -> None:
        if status.phase not in told:
            told.add(status.phase)
            print(f"{run.run_id}: {status.phase}", file=sys.stderr)
        for row in run.history.to_dict("records"):
            if row["epoch"] not in told:
                told.add(row["epoch"])
                print(
                    f"epoch {row['epoch']:.0f} of {status.epochs}: cross-entropy "
                    f"{row['cross_entropy']:.3f}, accuracy {row['accuracy']:.3f}; validation "
                    f"{row['validation_cross_entropy']:.3f}, {row['validation_accuracy']:.3f}",
                    file=sys.stderr,
                )

    return show


def cross_validate(options: argparse.Namespace) -> dict[str, Any]:
    """Trains a recipe once a fold, or goes on with it; Ctrl-C asks it to stop."""
    base = wanted(options, folds=options.folds)
    return _follow(_start(Plan("cross-validation", base), options.name))


def tune(options: argparse.Namespace) -> dict[str, Any]:
    """Searches a recipe's settings, or goes on with a search; Ctrl-C asks it to stop."""
    base = wanted(options, folds=options.folds)
    trials = options.trials
    if trials is None:
        going_on = options.name is not None and sweep_store.exists(options.name)
        trials = sweep_store.get(options.name).plan.trials if going_on else TRIALS
    space = search.choose(base, options.search.split(",") if options.search else None)
    plan = Plan("search", base, trials, space, pruning=not options.no_pruning)
    return _follow(_start(plan, options.name))


def sweeps(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Lists the cross-validations and searches, the newest first."""
    return [
        _document(sweep) | {"base": sweep.plan.base.to_json()} for sweep in sweep_store.sweeps()
    ]


def _start(plan: Plan, name: str | None) -> Sweep:
    """A new sweep, or the one of that name, gone on with if there is something left to do."""
    if name is None or not sweep_store.exists(name):
        sweep = sweep_store.create(plan, name)
        launcher.launch_sweep(sweep)
        return sweep
    sweep = sweep_store.get(name)
    there = sweep.plan
    _require_same(name, replace(there, trials=plan.trials), plan)
    state = sweep.status.state
    if not sweep.status.unfinished and (state != "succeeded" or plan.trials != there.trials):
        launcher.resume_sweep(sweep, plan.trials)
    return sweep


def _require_same(name: str, there: Plan, plan: Plan) -> None:
    differing = [
        f"{name} is {getattr(there.base, name)!r}, not {getattr(plan.base, name)!r}"
        for name in RunConfig.model_fields
        if getattr(there.base, name) != getattr(plan.base, name)
    ]
    if there != plan:
        why = "; ".join(differing) or "it is of another kind, or searches other settings"
        raise ConfigError(f"There is a sweep {name} already: {why}. Choose another name.")


def _follow(sweep: Sweep) -> dict[str, Any]:
    try:
        status = launcher.follow_sweep(sweep, _tell(sweep))
    except KeyboardInterrupt:
        sweep.request_stop()
        status = launcher.follow_sweep(sweep)
    if status.state != "succeeded":
        why = status.error or "What has finished is kept."
        raise RunError(f"{sweep.name} {status.state}. {why} Go on with --name {sweep.name}.")
    return _document(sweep)


def _tell(sweep: Sweep) -> Callable[[Status], None]:
    told: set[str] = set()

    def show(status: Status) -> None:
        if status.phase not in told:
            told.add(status.phase)
            print(f"{sweep.name}: {status.phase}", file=sys.stderr)

    return show


def _document(sweep: Sweep) -> dict[str, Any]:
    status = sweep.status
    facts = {"status": status.state, "error": status.error}
    done = {"done": status.done, "total": status.total}
    found = {"sweep": sweep.name, "kind": sweep.plan.kind} | facts | done
    return found | (sweep.results or {})


def sweep_options(sub: argparse.ArgumentParser, *, searching: bool) -> None:
    """The options of `tune` or `cross_validate`."""
    training_options(sub)
    sub.add_argument("--name", help="the sweep's name; that of one there is goes on with it")
    if not searching:
        sub.add_argument("--folds", type=int, default=FOLDS)
        return
    sub.add_argument("--trials", type=int, help=f"default: {TRIALS}; more makes a search go on")
    sub.add_argument("--folds", type=int, default=0, help="of each trial; default 0: one split")
    sub.add_argument("--search", metavar="NAME,NAME", help=f"any of {', '.join(search.WORDS)}")
    sub.add_argument("--no-pruning", action="store_true", help="finish every trial")
