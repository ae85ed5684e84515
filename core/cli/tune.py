"""Verbs that train many runs: cross-validations and searches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from core.cli.console import engine_option, follow, phases_of, prints_as
from core.cli.in_words import printed
from core.cli.train import TrainingOptions, requested_config, training_options
from core.documents import INLINE
from core.errors import ConfigError, RunError
from core.jobs.job import STATE_WORDS
from core.models import catalog
from core.report import tuning as results_in_words
from core.report.tuning import SETTINGS
from core.runs import setting_words
from core.runs.config import RunConfig
from core.tuning import search as searches
from core.tuning import sweep_store
from core.tuning.results import CrossValidationResults
from core.tuning.sweep_store import Plan, Sweep, SweepResults
from core.workers import launcher

FOLDS, TRIALS = 5, 20


@dataclass(frozen=True)
class SweepReport:
    """How far a sweep has come, and what it found."""

    sweep: str
    kind: str
    status: str
    error: str | None
    done: int
    total: int
    results: SweepResults | None = field(metadata=INLINE)


@dataclass(frozen=True)
class ListedSweep:
    """A sweep in the list of sweeps, with the settings of its runs."""

    report: SweepReport = field(metadata=INLINE)
    base: RunConfig


def _report_in_words(report: SweepReport) -> str:
    results = report.results
    if isinstance(results, CrossValidationResults):
        return printed.paragraphs(
            [
                results_in_words.cross_validation_verdict(results, report.total),
                printed.table(results_in_words.summary_table(results)),
                printed.table(results_in_words.folds_table(results)),
            ]
        )
    if results is None:
        return f"{report.sweep} is {STATE_WORDS[report.status]}."
    return printed.paragraphs(
        [
            results_in_words.search_verdict(results),
            printed.table(results_in_words.trials_table(results)),
        ]
    )


def _listed_in_words(listed: Sequence[ListedSweep]) -> str:
    if not listed:
        return (
            "There is no cross-validation or search yet. Begin one: blastlens cross-validate demo "
            "--architecture cnn-16"
        )
    return printed.table(
        [
            {
                "Name": one.report.sweep,
                "Kind": one.report.kind,
                "State": STATE_WORDS[one.report.status],
                "Done": f"{one.report.done} of {one.report.total}",
                "Architecture": catalog.architecture(one.base.architecture).title,
                "Data set": setting_words.dataset(one.base.dataset),
                "Error": one.report.error,
            }
            for one in listed
        ]
    )


@click.command("cross-validate")
@training_options
@click.option("--name", help="Name of the sweep; the name of an existing one resumes it.")
@click.option("--folds", type=int, default=FOLDS, show_default=True)
@engine_option
@prints_as(_report_in_words)
def cross_validate(name: str | None, folds: int, **options: Any) -> SweepReport:
    """Trains a recipe once for each fold.

    The name of an existing cross-validation resumes it. Ctrl-C stops it.
    """
    base = requested_config(TrainingOptions(**options), folds=folds)
    return _follow_sweep(_start(Plan(kind="cross-validation", base=base), name))


@click.command()
@training_options
@click.option("--name", help="Name of the sweep; the name of an existing one resumes it.")
@click.option("--trials", type=int, help=f"Default: {TRIALS}; a larger number extends a search.")
@click.option("--folds", type=int, default=0, help="Folds of each trial; default 0: one split.")
@click.option("--search", metavar="NAME,NAME", help=f"Any of {', '.join(SETTINGS)}.")
@click.option("--no-pruning", is_flag=True, help="Finish every trial.")
@engine_option
@prints_as(_report_in_words)
def tune(
    name: str | None,
    trials: int | None,
    folds: int,
    search: str | None,
    no_pruning: bool,
    **options: Any,
) -> SweepReport:
    """Searches the settings of a recipe.

    The name of an existing search resumes it. Ctrl-C stops it.
    """
    base = requested_config(TrainingOptions(**options), folds=folds)
    if trials is None:
        exists = name is not None and sweep_store.exists(name)
        trials = sweep_store.get(str(name)).plan.trials if exists else TRIALS
    space = searches.choose(base, search.split(",") if search else None)
    plan = Plan(kind="search", base=base, trials=trials, space=space, pruning=not no_pruning)
    return _follow_sweep(_start(plan, name))


@click.command()
@prints_as(_listed_in_words)
def sweeps() -> list[ListedSweep]:
    """Lists cross-validations and searches, newest first."""
    return [ListedSweep(_report(sweep), sweep.plan.base) for sweep in sweep_store.sweeps()]


def _start(plan: Plan, name: str | None) -> Sweep:
    """Starts a new sweep, or resumes the one of that name if work is left."""
    if name is None or not sweep_store.exists(name):
        sweep = sweep_store.create(plan, name)
        launcher.launch(sweep)
        return sweep
    sweep = sweep_store.get(name)
    existing = sweep.plan
    _require_same(name, existing.replace(trials=plan.trials), plan)
    state = sweep.status.state
    if not sweep.status.unfinished and (state != "succeeded" or plan.trials != existing.trials):
        sweep.requeue(plan.trials)
        launcher.launch(sweep)
    return sweep


def _require_same(name: str, existing: Plan, plan: Plan) -> None:
    differing = [
        f"{field} is {getattr(existing.base, field)!r}, not {getattr(plan.base, field)!r}"
        for field in RunConfig.model_fields
        if getattr(existing.base, field) != getattr(plan.base, field)
    ]
    if existing != plan:
        reason = "; ".join(differing) or "it is of another kind, or searches other settings"
        raise ConfigError(f"There is a sweep {name} already: {reason}. Choose another name.")


def _follow_sweep(sweep: Sweep) -> SweepReport:
    status = follow(sweep, phases_of(sweep.name))
    if status.state != "succeeded":
        reason = status.error or "What has finished is kept."
        raise RunError(f"{sweep.name} {status.state}. {reason} Go on with --name {sweep.name}.")
    return _report(sweep)


def _report(sweep: Sweep) -> SweepReport:
    status = sweep.status
    state = (status.state, status.error, status.done, status.total)
    return SweepReport(sweep.name, sweep.plan.kind, *state, results=sweep.results)


VERBS = (cross_validate, tune, sweeps)
