"""Verbs about data sets: drawing synthetic ones, fetching C-NMC 2019, indexing."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from core import storage
from core.cli.console import follow, prints, progress
from core.data import datasets, summary
from core.data.fetch_job import Fetch, size_text
from core.data.images import decode, encode
from core.data.synthetic import dataset as demo_set
from core.data.synthetic import smear_field
from core.errors import DataError
from core.jobs.job import Status
from core.runs import run_store
from core.workers import launcher


@click.command()
@click.argument("directory", required=False, metavar="[DIR]")
@click.option("--cells", type=int, default=demo_set.CELLS, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@prints
def demo(directory: str | None, cells: int, seed: int) -> dict[str, Any]:
    """Draws the synthetic demo set.

    It goes into DIR, by default artifacts/datasets/demo.
    """
    root = Path(directory) if directory else storage.demo_dir()
    demo_set.write_dataset(root, cells=cells, seed=seed, progress=progress("drawing cells"))
    return {"dataset": str(root.absolute()), "synthetic": True, "cells": cells}


@click.command()
@click.argument("directory", metavar="DIR")
@click.option("--fields", type=int, default=20, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--look", type=click.Choice(list(smear_field.LOOKS)), default="c-nmc", show_default=True
)
@prints
def fields(directory: str, fields: int, seed: int, look: str) -> dict[str, Any]:
    """Draws synthetic smear fields."""
    root = Path(directory)
    smear_field.write_fields(
        root, fields=fields, seed=seed, look=look, progress=progress("drawing fields")
    )
    return {"folder": str(root.absolute()), "synthetic": True, "fields": fields}


@click.command()
@prints
def fetch() -> dict[str, str]:
    """Fetches C-NMC 2019 from Kaggle.

    An unfinished fetch is resumed; Ctrl-C stops it.
    """
    job = Fetch()
    launcher.start(job)
    status = follow(job, _show_fetched)
    if status.root is None:
        stopped = "Fetching was stopped. What has arrived is kept: fetch again to go on."
        raise DataError(status.error or stopped)
    return {"dataset": str(status.root), "status": status.state}


def _show_fetched(status: Status) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{status.phase}: {size_text(status.done)}", nl=False, err=True)


@click.command()
@click.argument("dataset")
@click.option("--positive", metavar="FOLDER", help="Class folder of ALL; it is remembered.")
@prints
def index(dataset: str, positive: str | None) -> dict[str, Any]:
    """Indexes a data set.

    Prints labels, subjects, duplicates and rejected files of DATASET, a folder or "demo".
    """
    started = time.perf_counter()
    root = datasets.resolve(dataset)
    if positive:
        datasets.add(str(root), progress("indexing"), positive)
    return summary.summarise(datasets.index(root, progress("indexing")), started)


@click.command()
@click.argument("run")
@prints
def examples(run: str) -> list[str]:
    """Copies six test cells of a run to artifacts/examples."""
    source = run_store.get(run)
    test = source.predictions.query("split == 'test'").drop_duplicates("subject")
    written = []
    for image_id in test.groupby("label").head(3)["image_id"]:
        file = storage.examples_dir() / f"{Path(image_id).stem}.png"
        image = decode(datasets.resolve(source.config.dataset) / image_id)
        with storage.atomic(file) as temporary:
            temporary.write_bytes(encode(image))
        written.append(str(file))
    return written


VERBS = (demo, fields, fetch, index, examples)
