"""Verbs for models that were trained elsewhere: adopting one, stating what it was trained on."""

from dataclasses import dataclass
from pathlib import Path

import click

from core.adoption import request, statement
from core.cli.console import engine_option, follow, phases_of, prints, prints_as
from core.cli.in_words import printed
from core.data import datasets
from core.errors import ConfigError, RunError
from core.models.inputs import CHANNELS, SCALINGS
from core.report import adoption as adoption_in_words
from core.runs import run_store
from core.runs.adoption import Adoption, Wanted
from core.runs.metrics import RunMetrics
from core.runs.run_store import ADOPTION
from core.workers import launcher


@dataclass(frozen=True)
class AdoptedRun:
    """A run that was adopted; the adoption says how it is fed and read, and how that was found."""

    run: str
    status: str
    adoption: Adoption | None
    metrics: RunMetrics | None


@dataclass(frozen=True)
class StatedRun:
    """What was stated of a run, and whether its numbers count as those of unseen patients now."""

    run: str
    statement: str | None
    leaking: bool


def _in_words(adopted: AdoptedRun) -> str:
    adoption, measured = adopted.adoption, adopted.metrics
    assert adoption is not None and measured is not None  # it has succeeded
    trials = [
        dict(zip(adoption_in_words.COLUMNS, row, strict=True))
        for row in adoption_in_words.rows(adoption)
    ]
    return printed.paragraphs(
        [
            f"Run {adopted.run} is adopted: {adoption_in_words.origin(adoption)}.",
            adoption_in_words.feeding(adoption),
            printed.table(trials) if trials else "",
            adoption_in_words.training(adoption),
            printed.metrics(measured.test),
        ]
    )


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", "dataset", required=True, help='Labelled cells: a folder, or "demo".')
@click.option("--name", help="Name of the run; default: date and time.")
@click.option("--split", help="subject (default), folds, preliminary or image.")
@click.option("--seed", type=int)
@click.option("--sample", type=int, help="Number of cells to draw; default: all.")
@click.option("--size", type=int, help="Pixels a side, where the model takes any.")
@click.option("--pixels", help=f"{', '.join(SCALINGS)}; default: found by trying.")
@click.option("--channels", help=f"{', '.join(CHANNELS)}; default: found by trying.")
@click.option(
    "--positive-output",
    "positive",
    metavar="N,N",
    help="Outputs that mean a blast, from 0; of a single output 1 is its upper end, 0 its lower.",
)
@click.option("--negative-output", "negative", metavar="N,N", help="Default: all others.")
@click.option(
    "--trained-elsewhere",
    "words",
    default="",
    metavar="WORDS",
    help="States that it was not trained on these patients; WORDS say on what.",
)
@engine_option
@prints_as(_in_words)
def adopt(
    model: Path,
    dataset: str,
    name: str | None,
    split: str | None,
    seed: int | None,
    sample: int | None,
    words: str,
    **wanted: str | int | None,
) -> AdoptedRun:
    """Adopts a model that was trained elsewhere.

    MODEL is a Keras file, a SavedModel folder, ONNX or OpenVINO. How to feed it, and what its
    outputs mean, is found by trying on labelled cells. Ctrl-C stops it.
    """
    run = request.create(
        model,
        datasets.resolve(dataset),
        name,
        wanted=Wanted.parse(wanted, ConfigError),
        split=split,
        seed=seed,
        sample=sample,
    )
    if words:
        statement.stated(request.of(run), words).write(run.path / ADOPTION)
    launcher.launch(run)
    status = follow(run, phases_of(run.run_id))
    if status.state != "succeeded":
        raise RunError(f"Run {run.run_id} {status.state}. {status.error or ''}".strip())
    request.discard_original(run)
    return AdoptedRun(run.run_id, status.state, run.adoption, run.metrics)


@click.command("trained-elsewhere")
@click.argument("run")
@click.argument("words", default="")
@prints
def trained_elsewhere(run: str, words: str) -> StatedRun:
    """States that an adopted model never saw these patients.

    WORDS say on what; without them a statement is taken back.
    """
    adopted = run_store.get(run)
    statement.state(adopted, words)
    measured = adopted.metrics
    assert measured is not None
    return StatedRun(run, request.of(adopted).statement, measured.protocol.leaking)


VERBS = (adopt, trained_elsewhere)
