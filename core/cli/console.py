"""What every verb shares: what it prints, its progress, and options with one meaning."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from core.documents import to_json
from core.jobs.job import Job, Status
from core.runs.run_store import Run
from core.untrusted.fields import shown_words
from core.workers import launcher
from core.workers.clusters import execution_engine


def prints(verb: Callable[..., Any]) -> Callable[..., None]:
    """Prints what a verb returns: as JSON with --json, else each value of it on a line."""
    return prints_as(_values)(verb)


def prints_as(in_words: Callable[[Any], str]) -> Callable[..., Callable[..., None]]:
    """Prints what a verb returns, as `to_json` has it, with --json; else as `in_words` puts it.

    A verb that returns a text has put it in words itself. Words lose characters that do not show:
    names from elsewhere could hold what a terminal obeys.
    """

    def decorate(verb: Callable[..., Any]) -> Callable[..., None]:
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
        @functools.wraps(verb)
        def run(as_json: bool, **options: Any) -> None:
            returned = verb(**options)
            if as_json:
                unicode = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
                click.echo(json.dumps(to_json(returned), ensure_ascii=not unicode, indent=1))
                return
            text = returned if isinstance(returned, str) else in_words(returned)
            click.echo(shown_words(text), nl=not text.endswith("\n"))

        return run

    return decorate


def engine_option(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the option --engine, which has the jobs of a verb run elsewhere."""

    def choose(context: click.Context, option: click.Parameter, engine: str | None) -> None:
        if engine is not None:
            execution_engine.choose(engine)

    return click.option(
        "--engine",
        metavar="ENGINE",
        expose_value=False,
        callback=choose,
        help="Where jobs run: local, ray, ray://HOST:PORT or slurm; default: BLASTLENS_ENGINE.",
    )(verb)


def wants_json() -> bool:
    """Returns whether the running verb was called with --json."""
    return bool(click.get_current_context().params["as_json"])


def _values(returned: Any) -> str:
    return "\n".join(_lines(to_json(returned)))


def _lines(document: Any, indent: int = 0) -> list[str]:
    lines = []
    margin = "  " * indent
    for key, value in document.items() if isinstance(document, dict) else enumerate(document, 1):
        if isinstance(value, dict | list | tuple) and value:
            lines += [f"{margin}{key}:", *_lines(value, indent + 1)]
        else:
            lines.append(f"{margin}{key}: {round(value, 4) if isinstance(value, float) else value}")
    return lines


def progress(action: str) -> Callable[[int, int], None]:
    """Returns a function that shows how much of an action is done, on a terminal."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{action}: {done} of {total}", nl=done == total, err=True)

    return show


def follow(job: Job, report: Callable[[Status], None]) -> Status:
    """Follows a job to its end and returns its last status; Ctrl-C asks it to stop."""
    try:
        return launcher.follow(job, report)
    except KeyboardInterrupt:
        job.request_stop()
        return launcher.follow(job)


def epochs_of(run: Run) -> Callable[[Status], None]:
    """Returns a function that prints each new phase and epoch of a run, on standard error."""
    phases: set[str] = set()
    epochs: set[int] = set()

    def show(status: Status) -> None:
        if status.phase not in phases:
            phases.add(status.phase)
            click.echo(f"{run.run_id}: {status.phase}", err=True)
        for row in run.history.to_dict("records"):
            if row["epoch"] not in epochs:
                epochs.add(row["epoch"])
                click.echo(
                    f"epoch {row['epoch']:.0f} of {status.epochs}: prediction error "
                    f"{row['cross_entropy']:.3f}, accuracy {row['accuracy']:.3f}; validation "
                    f"{row['validation_cross_entropy']:.3f}, {row['validation_accuracy']:.3f}",
                    err=True,
                )

    return show


def phases_of(name: str) -> Callable[[Status], None]:
    """Returns a function that prints each new phase of a job, on standard error."""
    phases: set[str] = set()

    def show(status: Status) -> None:
        if status.phase not in phases:
            phases.add(status.phase)
            click.echo(f"{name}: {status.phase}", err=True)

    return show
