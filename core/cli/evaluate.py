"""Verbs that measure: comparison, evaluation, operating point, diagnosis and audits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from core.audit import ablations
from core.cli.console import engine_option, prints, prints_as, progress, wants_json
from core.cli.in_words import printed, results
from core.errors import ConfigError, RunError
from core.evaluation import decision, operating_point
from core.evaluation.test_set import metrics_of
from core.report import audits
from core.runs import run_store
from core.runs.calibration import Choice
from core.runs.config import RunConfig
from core.runs.run_store import Run
from core.workers import launcher

if TYPE_CHECKING:
    from core.doctor.diagnoses import Diagnosis


@dataclass(frozen=True)
class DiagnosedRun:
    """What is wrong with a run, and its settings with all repairs; None if none repairs it."""

    run: str
    diagnoses: "list[Diagnosis]"
    repaired: RunConfig | None


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--prevalence", type=float, help="Share of ALL, 0 to 1: adds PPV and NPV.")
@prints
def compare(runs: tuple[str, ...], prevalence: float | None) -> dict[str, Any] | str:
    """Compares runs side by side."""
    from core.report.comparison import document

    chosen = [run_store.get(run_id) for run_id in dict.fromkeys(runs)]
    if not wants_json():
        return results.compared(chosen, prevalence, progress("measuring test cells"))
    return document(chosen, prevalence, progress("measuring test cells"))


@click.command()
@click.argument("run")
@click.option("--dataset", help='Measure on this data set: a folder, or "demo".')
@click.option(
    "--stain", is_flag=True, help="Measure again what adapting cells of another stain costs."
)
@prints
def evaluate(run: str, dataset: str | None, stain: bool) -> dict[str, Any] | str:
    """Measures a run.

    Prints the metrics of its test part, or those on another data set.
    """
    finished = run_store.get(run)
    if stain:
        from core.evaluation.staining import measure_again

        measured = measure_again(finished, progress("re-colouring"))
        return {"run": finished.run_id, **measured.to_json()}
    if dataset is None:
        finished.require_succeeded("have metrics")
        stored = metrics_of(finished)
        if not wants_json():
            return printed.metrics(stored.test)
        return {"run": finished.run_id, **stored.to_json()}
    from core.evaluation.evaluate import evaluate_on

    found = evaluate_on(finished, dataset, progress("indexing"))
    return found.to_json() if wants_json() else results.evaluated(found)


# Of a calibration, what a person is told.
_SHOWN = (
    "method",
    "temperature",
    "threshold",
    "reason",
    "operating_point",
    "review",
    "fitted_on",
)


@click.command("operating-point")
@click.argument("run")
@click.option(
    "--max-missed",
    type=float,
    metavar="SHARE",
    help=("Share of blasts that may be missed, such as 0.05."),
)
@click.option(
    "--review-error",
    type=float,
    metavar="SHARE",
    help=("Share of each class that may be called the other."),
)
@click.option("--calibration", metavar="METHOD", help="temperature, platt, isotonic or none.")
@click.option(
    "--basis", default="observed", help="observed (default), or promised for new subjects."
)
@click.option("--default", "reset", is_flag=True, help="Go back to the model as trained.")
@click.option(
    "--prevalence",
    type=float,
    metavar="SHARE",
    help=("Share of ALL, 0 to 1; default: that of each part."),
)
@prints
def choose_operating_point(
    run: str,
    max_missed: float | None,
    review_error: float | None,
    calibration: str | None,
    basis: str,
    reset: bool,
    prevalence: float | None,
) -> dict[str, Any] | str:
    """Chooses when a model calls a blast.

    Without options, prints the present choice.
    """
    finished = run_store.get(run)
    choice = Choice(max_missed, review_error, calibration, basis)
    chosen = choice != Choice(basis=basis)
    if reset and chosen:
        raise ConfigError(
            "--default goes back to the model as trained; it takes no other choice. Give it alone."
        )
    if reset or chosen:
        operating_point.use(finished, choice)
    preview = decision.preview(finished, None, prevalence)
    if not wants_json():
        return results.operating_point(finished, preview)
    stored = preview.calibration.to_json()
    shown = {name: stored.get(name) for name in _SHOWN} | {"shift": preview.calibration.shift}
    return {"run": run, "default": "default" not in stored, **shown} | {
        part: outcome.to_json()
        | {"probabilities": {when: row.scores for when, row in preview.reliability[part].items()}}
        for part, outcome in preview.parts.items()
    }


def _diagnosed_in_words(diagnosed: DiagnosedRun) -> str:
    return results.diagnosed(diagnosed.diagnoses)


@click.command()
@click.argument("run")
@prints_as(_diagnosed_in_words)
def diagnose(run: str) -> DiagnosedRun:
    """Says what went wrong in a run, and what repairs it."""
    from core.doctor import diagnoses

    ended = run_store.get(run)
    return DiagnosedRun(run, diagnoses.examine(ended), diagnoses.repaired(ended))


_TRAIN = "Train the missing runs: the recipe over folds"


@click.command()
@click.argument("run")
@click.option("--leakage", is_flag=True, help=f"{_TRAIN}, by image and by subject.")
@click.option("--controls", is_flag=True, help=f"{_TRAIN}, and on silhouette and size.")
@click.option("--probe", is_flag=True, help="Name subjects from the features of the run.")
@engine_option
@prints_as(results.audited)
def audit(run: str, probe: bool, **chosen: bool) -> dict[str, Any]:
    """Asks whether a run may be believed.

    Measures what it owes to knowing patients, and to the size of cells alone.
    """
    finished = run_store.get(run)
    ablations.require_auditable(finished, "controls")
    for name in ablations.AUDITS:
        if chosen[name]:
            _train(finished, name)
    if probe:
        from core.audit import subject_probe

        subject_probe.measure(finished)
    return audits.document(finished)


def _train(run: Run, audit: str) -> None:
    """Starts the missing runs and follows them to their end; Ctrl-C asks them to stop."""
    launcher.start_audit(run, audit)
    unfinished = ablations.find(run, audit).unfinished
    try:
        for ablation in unfinished:
            click.echo(f"{audit}: {ablation.run_id}", err=True)
            launcher.follow(ablation)
    except KeyboardInterrupt:
        for ablation in unfinished:
            ablation.request_stop()
        raise RunError("The audit was stopped. What has finished is kept: ask again.") from None
    for ablation in unfinished:
        status = ablation.status
        if status.state != "succeeded":
            raise RunError(f"Run {ablation.run_id} {status.state}. {status.error or ''}".strip())


VERBS = (compare, evaluate, choose_operating_point, diagnose, audit)
