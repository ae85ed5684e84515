"""The verb that teaches a model with the decided cells of cases."""

from collections.abc import Mapping
from typing import Any

import click

from core.cases import case_store
from core.cases.case_store import SIGNED
from core.cli.cases import acting, by_person, find
from core.cli.console import epochs_of, follow, prints_as, progress
from core.cli.in_words import printed
from core.errors import ConfigError, DataError, RunError
from core.runs import active_model
from core.runs.run_store import Run
from core.teaching import comparison, dataset, decided, learning_curve, lesson
from core.teaching.decided import Decided
from core.teaching.features import features


def _in_words(document: Mapping[str, Any]) -> str:
    """What is there to teach, what more would bring, and how the taught model compares."""
    compared = document.get("comparison")
    left_out = (f"Left out: {n:,}: {why}" for why, n in document["left_out"].items())
    return printed.paragraphs(
        [
            f"{document['cells']:,} decided cells of {document['cases']:,} cases.",
            *left_out,
            *document["needs"],
            document["learning_curve"]["sentence"] if "learning_curve" in document else "",
            f"Data set: {document['data_set']}" if "data_set" in document else "",
            *((compared.verdict, printed.table(compared.by_patient)) if compared else ()),
            document.get("next", ""),
        ]
    )


@click.command()
@click.argument("cases", nargs=-1, metavar="[CASE...]")
@click.option("--open-too", is_flag=True, help="Also take cells of cases that are not signed.")
@click.option("--curve", is_flag=True, help="Measure what more decided cells would bring.")
@click.option("--to", "name", metavar="NAME", help="Write the cells as a data set of this name.")
@click.option(
    "--train", is_flag=True, help=("Write the cells, train on them, and compare the models.")
)
@click.option(
    "--architecture",
    help="Default: a frozen backbone whose weights are here, else colour-bands.",
)
@by_person
@prints_as(_in_words)
def teach(
    cases: tuple[str, ...],
    open_too: bool,
    curve: bool,
    name: str | None,
    train: bool,
    architecture: str | None,
    person: str | None,
) -> dict[str, object]:
    """Teaches a model with the decided cells of cases.

    CASE is a name or the beginning of an identifier; default: all signed cases. Without options it
    says how many cells and patients there are against what a training needs. The model that reads
    stays the same until another is promoted.
    """
    if architecture and not train:
        raise ConfigError("--architecture says what --train trains. Give both, or neither.")
    chosen = _chosen(cases, open_too)
    found = decided.collect(chosen, open_too=open_too)
    needs = lesson.needs(found)
    document: dict[str, object] = {
        "cases": len(chosen),
        "cells": len(found.cells),
        "left_out": found.left_out,
        "needs": [need.sentence for need in needs if not need.met],
    }
    if curve:
        measured = _curve(found)
        document["learning_curve"] = {"sentence": measured.sentence, "points": measured.points}
    if train and (missing := lesson.hindrances(needs)):
        raise DataError(f"These cells are too few to train on. {' '.join(missing)}")
    if name or train:
        who = acting(person)
        written = dataset.write(who, found, name, progress("writing"))
        document["data_set"] = str(written.root)
        if train:
            config = lesson.configure(
                written.root,
                len(found.cells),
                active_model.active(),
                **({"architecture": architecture} if architecture else {}),
            )
            document |= _taught(lesson.start(who, config))
    return document


def _chosen(cases: tuple[str, ...], open_too: bool) -> list[str]:
    if cases:
        return [find(case) for case in cases]
    return [one.id for one in case_store.cases() if open_too or one.state == SIGNED]


def _curve(found: Decided) -> learning_curve.LearningCurve:
    _, pooled = features(active_model.active(), found, progress("looking at cells"))
    return learning_curve.measure(pooled, found.labels, found.groups)


def _taught(run: Run) -> dict[str, object]:
    """Follows the run to its end, and compares it with the one that reads."""
    before = active_model.active()
    status = follow(run, epochs_of(run))
    if status.state != "succeeded":
        raise RunError(f"Run {run.run_id} {status.state}. {status.error or ''}".strip())
    compared = comparison.compare(run, before)
    return {
        "run": run.run_id,
        "comparison": compared,
        "next": f"To have it read: blastlens promote {run.run_id}",
    }


VERBS = (teach,)
