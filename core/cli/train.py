"""Verbs that train single runs and the original study, and list runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from core.cells import staining
from core.cli.console import engine_option, epochs_of, follow, prints_as
from core.cli.in_words import printed
from core.data import datasets, splits
from core.errors import ConfigError, RunError
from core.evaluation.compare import METRIC
from core.jobs.job import STATE_WORDS
from core.metrics.classification import NAMES
from core.models import catalog
from core.report import phrases
from core.runs import about, config, presets, run_store, setting_words
from core.runs.config import RunConfig, Setting
from core.runs.metrics import PartMetrics, RunMetrics
from core.runs.run_store import Run
from core.workers import launcher

FOLDS, TRIALS = 5, 20
# Options that set a field of the config.
_SETTINGS = ("split", "seed", "sample", "epochs", "stain_normalisation")


@dataclass(frozen=True)
class TrainingOptions:
    """What the options of `training_options` say; None where one was not given."""

    dataset: str
    architecture: str
    recipe: str
    epochs: int | None
    sample: int | None
    split: str | None
    seed: int | None
    stain_normalisation: str | None
    assignments: tuple[str, ...]


@dataclass(frozen=True)
class EndedRun:
    """A run that was followed to its end."""

    run: str
    status: str
    metrics: RunMetrics | None


@dataclass(frozen=True)
class StudyRun:
    """A run of the original study; test: metrics of its test part."""

    run: str
    architecture: str
    status: str
    error: str | None
    test: PartMetrics | None


@dataclass(frozen=True)
class ListedRun:
    """A run in the list of runs; test: metrics of its test part."""

    run: str
    name: str
    status: str
    error: str | None
    config: RunConfig
    test: PartMetrics | None


def _ended_in_words(ended: EndedRun) -> str:
    """What became of a run, and the metrics of its test part."""
    measured = printed.metrics(ended.metrics.test) if ended.metrics else ""
    return printed.paragraphs([f"Run {ended.run} is {STATE_WORDS[ended.status]}.", measured])


def _listed_in_words(listed: Sequence[ListedRun]) -> str:
    if not listed:
        return "There is no run yet. Train one: blastlens train demo --architecture cnn-16"
    return printed.table(
        [
            {
                "Run": one.run,
                "Name": one.name,
                "State": STATE_WORDS[one.status],
                NAMES[METRIC]: phrases.brief(one.test.estimate(METRIC)) if one.test else "",
                "Data set": setting_words.dataset(one.config.dataset),
                "Split": one.config.split,
                "Error": one.error,
            }
            for one in listed
        ]
    )


def _study_in_words(study: Sequence[StudyRun]) -> str:
    return printed.table(
        [
            {
                "Architecture": catalog.architecture(one.architecture).title,
                "State": STATE_WORDS[one.status],
                "Accuracy": phrases.brief(one.test.estimate("accuracy")) if one.test else "",
                NAMES[METRIC]: phrases.brief(one.test.estimate(METRIC)) if one.test else "",
                "Run": one.run,
                "Error": one.error,
            }
            for one in study
        ]
    )


def training_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of every training: data set, architecture, recipe and single settings."""
    for option in reversed(
        (
            click.argument("dataset"),
            click.option(
                "--architecture",
                required=True,
                help=f"{', '.join(catalog.ARCHITECTURES)}, or own-NAME of a backbone of yours.",
            ),
            click.option(
                "--recipe",
                type=click.Choice(list(config.RECIPES)),
                default="recommended",
                show_default=True,
            ),
            click.option("--epochs", type=int),
            click.option("--sample", type=int, help="Number of cells to draw; default: all."),
            click.option(
                "--split", help="subject (default), folds, preliminary, published or image."
            ),
            click.option("--seed", type=int),
            click.option(
                "--stain-normalisation",
                type=click.Choice(staining.METHODS),
                help="How every cell's colours are normalised; default: not at all.",
            ),
            click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE"),
        )
    ):
        verb = option(verb)
    return verb


def requested_config(options: TrainingOptions, **more: Any) -> RunConfig:
    """Builds the configuration that `training_options` describe, with `more` settings.

    Raises `ConfigError` if a setting is invalid, `DataError` or `ModelError` if the data set or
    the weights are missing.
    """
    settings: dict[str, Setting] = {**_parse(options.assignments)}
    for name in {"architecture", "dataset", "recipe", *more} & set(settings):
        raise ConfigError(f"{name} is not for --set: give it as an argument of its own.")
    given = {name: getattr(options, name) for name in _SETTINGS}
    settings |= {name: value for name, value in given.items() if value is not None}
    root = datasets.resolve(options.dataset)
    requested = config.create(options.architecture, root, options.recipe, **settings | more)
    config.require_inputs(requested)
    return requested


def _parse(assignments: tuple[str, ...]) -> dict[str, str]:
    settings = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set takes name=value, not {text!r}.")
        settings[name] = value
    return settings


@click.command()
@training_options
@click.option("--run-id", help="Name of the run; default: date, time and architecture.")
@engine_option
@prints_as(_ended_in_words)
def train(run_id: str | None, **options: Any) -> EndedRun:
    """Trains an architecture.

    DATASET is a folder or "demo". Ctrl-C stops the training.
    """
    run = run_store.create(requested_config(TrainingOptions(**options)), run_id)
    launcher.launch(run)
    return _follow_run(run)


@click.command()
@click.argument("run")
@engine_option
@prints_as(_ended_in_words)
def resume(run: str) -> EndedRun:
    """Resumes a run that failed or was stopped.

    It goes on from its last finished epoch.
    """
    stopped = run_store.get(run)
    launcher.resume(stopped)
    return _follow_run(stopped)


def _follow_run(run: Run) -> EndedRun:
    """Follows a run to its end; Ctrl-C asks it to stop. Raises `RunError` unless it succeeds."""
    status = follow(run, epochs_of(run))
    if status.state != "succeeded":
        raise RunError(f"Run {run.run_id} {status.state}. {status.error or ''}".strip())
    return EndedRun(run.run_id, status.state, run.metrics)


@click.command()
@click.argument("dataset")
@click.option(
    "--preset",
    type=click.Choice(list(presets.PRESETS)),
    default="original-study",
    show_default=True,
)
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE")
@engine_option
@prints_as(_study_in_words)
def study(dataset: str, preset: str, assignments: tuple[str, ...]) -> list[StudyRun]:
    """Trains the five networks of the original study.

    They train one after another on DATASET, a folder or "demo". Ctrl-C stops all of them.
    """
    root = datasets.resolve(dataset)
    cells = splits.pool(datasets.index(root), "subject")
    configs = presets.configs(preset, root, cells, _parse(assignments))
    for network in configs:
        config.require_inputs(network)
    queued = [run_store.create(network) for network in configs]
    for run in queued:
        launcher.launch(run)
    try:
        for run in queued:
            launcher.follow(run, epochs_of(run))
    except KeyboardInterrupt:
        for run in queued:
            run.request_stop()
    return [
        StudyRun(
            run.run_id,
            run.config.architecture,
            launcher.follow(run).state,
            run.status.error,
            _test(run),
        )
        for run in queued
    ]


@click.command()
@prints_as(_listed_in_words)
def runs() -> list[ListedRun]:
    """Lists the runs, newest first."""
    return [
        ListedRun(
            run.run_id,
            about.called(run),
            run.status.state,
            run.status.error,
            run.config,
            _test(run),
        )
        for run in run_store.runs()
    ]


def _test(run: Run) -> PartMetrics | None:
    return run.metrics.parts.get("test") if run.metrics else None


VERBS = (train, resume, study, runs)
