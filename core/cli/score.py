"""Verbs on cohorts: folders or tables of pictures, up to millions, scored in the background."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from core.cli.console import engine_option, follow, prints_as
from core.cli.in_words import printed
from core.cohort import cohort_store
from core.cohort.cohort import Cohort
from core.cohort.plan import CohortSummary
from core.data.layouts import labelling, patterns, tables
from core.documents import INLINE
from core.errors import ConfigError, RunError
from core.jobs.job import STATE_WORDS, Status
from core.reading.preparing.options import ReadingOptions
from core.report.cohorts import progress, refusals, sentence, so_far_in_words
from core.runs import active_model, run_store
from core.workers import launcher


@dataclass(frozen=True)
class CohortReport:
    """How far a cohort has come, where its tables lie, and what it came to."""

    cohort: str
    folder: str
    run: str
    source: str
    status: str
    error: str | None
    done: int
    total: int
    parts: str
    patients_table: str
    summary: CohortSummary | None = field(metadata=INLINE)


def _report_in_words(report: CohortReport) -> str:
    summary = report.summary
    state = f"{report.cohort} is {STATE_WORDS[report.status]}: {report.done:,} of {report.total:,}."
    if summary is None:
        return state
    calls = ", ".join(f"{count:,} {call}" for call, count in summary.calls.items())
    return printed.paragraphs(
        [
            sentence(summary),
            f"Called: {calls}." if calls else "",
            printed.table(refusals(summary)) if summary.refused_by else "",
            f"A row for each picture: {report.parts}",
            f"A row for each patient: {report.patients_table}",
        ]
    )


def _listed_in_words(listed: Sequence[CohortReport]) -> str:
    if not listed:
        return "There is no cohort yet. Score one: blastlens score FOLDER --out RESULTS"
    return printed.table(
        [
            {
                "Cohort": one.cohort,
                "State": STATE_WORDS[one.status],
                "Pictures": f"{one.done:,} of {one.total:,}",
                "Run": one.run,
                "Folder": one.folder,
                "Error": one.error,
            }
            for one in listed
        ]
    )


@click.command()
@click.argument("source", required=False)
@click.option("--run", help="Default: the active model.")
@click.option("--out", metavar="FOLDER", help="Folder of the results, or a URL for their parts.")
@click.option("--workers", type=int, help="Processes; default: as many as the machine allows.")
@click.option(
    "--columns",
    metavar="ROLE=COLUMN,...",
    help="Columns of a table for file and subject, where they are not recognised.",
)
@click.option("--encoding", help=f"Of a table that is text: {', '.join(labelling.ENCODINGS)}.")
@click.option(
    "--pattern",
    metavar="EXPRESSION",
    help="Expression over paths with the group (?P<subject>...), or one of "
    f"{', '.join(patterns.PRESETS)}.",
)
@click.option("--subject-folder", type=int, help="Folder that names the subject, 1 for the first.")
@click.option("--um-per-px", type=float, metavar="µm", help="Scale of fields and cells.")
@click.option("--adapt-stain", is_flag=True, help="Read cells of another stain as if adapted.")
@click.option("--swap-red-blue", is_flag=True, help="Swap the red and blue of each image.")
@click.option("--stop", is_flag=True, help="Stop the cohort in --out; what is scored is kept.")
@click.option("--resume", is_flag=True, help="Go on with the cohort in --out.")
@engine_option
@prints_as(_report_in_words)
def score(
    source: str | None,
    run: str | None,
    out: str | None,
    workers: int | None,
    um_per_px: float | None,
    adapt_stain: bool,
    swap_red_blue: bool,
    stop: bool,
    resume: bool,
    **said: Any,
) -> CohortReport:
    """Scores every picture of a folder or a table: a cohort.

    SOURCE is a folder, a table (CSV, TSV, Parquet) or a URL such as s3://bucket/cells. The same
    command goes on with what was stopped. Ctrl-C stops it.
    """
    if stop or resume:
        if source or not out or (stop and resume):
            raise ConfigError(
                "--stop and --resume take --out and no SOURCE. Give one of the two, with --out."
            )
        cohort = cohort_store.get(out)
        if stop:
            cohort.request_stop()
            return _report(cohort, launcher.follow(cohort))
        cohort = cohort_store.with_workers(cohort, workers)
        cohort.requeue()
        launcher.launch(cohort)
        return _follow(cohort)
    if not source:
        raise ConfigError("There is no SOURCE. Give a folder with pictures or a table of paths.")
    options = ReadingOptions(swap_red_blue, um_per_px, adapt_stain)
    model = run_store.get(run) if run else active_model.active()
    asked = labelling.from_texts(**said)
    wanted = cohort_store.planned(
        model, source, out, labelling=asked, options=options, workers=workers
    )
    if asked.encoding is None and (encoding := wanted.source.labelling.encoding):
        click.echo(tables.assumed(encoding, source), err=True)
    existing = cohort_store.find(wanted, out)
    if existing is not None:
        existing = cohort_store.with_workers(existing, workers)
        launcher.start(existing)
        return _follow(existing)
    cohort = cohort_store.create(wanted, out)
    launcher.launch(cohort)
    return _follow(cohort)


@click.command()
@prints_as(_listed_in_words)
def cohorts() -> list[CohortReport]:
    """Lists cohorts, newest first."""
    return [_report(cohort, cohort.status) for cohort in cohort_store.cohorts()]


def _follow(cohort: Cohort) -> CohortReport:
    """Follows a cohort to its end; Ctrl-C asks it to stop. Raises `RunError` unless it succeeds."""
    status = follow(cohort, _progress_of(cohort))
    if status.state != "succeeded":
        reason = status.error or "What is scored is kept."
        again = f"Go on with: blastlens score --out {cohort.path} --resume"
        raise RunError(f"{cohort.title} {status.state}. {reason} {again}")
    return _report(cohort, status)


def _progress_of(cohort: Cohort) -> Callable[[Status], None]:
    """Shows phase, pictures, rate, time left and counts so far.

    Live on a terminal, in two lines; elsewhere at each new phase, and each tenth of one.
    """
    shown: set[tuple[str, int]] = set()
    standing = 0  # lines

    def show(status: Status) -> None:
        nonlocal standing
        lines = [f"{cohort.name}: {progress(status)}", so_far_in_words(status)]
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            up = "\033[A" * (standing - 1) + "\r\033[J"  # to the first of them, and all away
            text = "\n".join(line[:width] for line in lines if line)
            click.echo(up + text, nl=not status.unfinished, err=True)
            standing = text.count("\n") + 1
        elif (step := (status.phase, int(10 * status.share_done))) not in shown:
            shown.add(step)
            click.echo(" · ".join(filter(None, lines)), err=True)

    return show


def _report(cohort: Cohort, status: Status) -> CohortReport:
    return CohortReport(
        cohort.name,
        str(cohort.path),
        cohort.plan.run,
        cohort.plan.source.place,
        status.state,
        status.error,
        status.done,
        status.total,
        parts=cohort.parts_place,
        patients_table=str(cohort.patients_file),
        summary=cohort.summary,
    )


VERBS = (score, cohorts)
