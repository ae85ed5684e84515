"""Verbs about data sets: drawing synthetic ones, fetching C-NMC 2019, indexing."""

import sys
import time
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import click

from core import storage
from core.cli.console import follow, prints, prints_as, progress
from core.cli.in_words import printed
from core.data import datasets, measures, summary
from core.data.boxes.cut import cut_cells
from core.data.fetch_job import Fetch, size_text
from core.data.images import decode, encode
from core.data.layouts import labelling, patterns
from core.data.synthetic import dataset as demo_set
from core.data.synthetic import smear_field
from core.errors import DataError
from core.jobs.job import Status
from core.reading.reader import Reader
from core.runs import run_store
from core.workers import launcher

_SHOWN = 10  # rejected files that are named


@click.command()
@click.argument("directory", required=False, metavar="[DIR]")
@click.option("--cells", type=int, default=demo_set.CELLS, show_default=True)
@click.option(
    "--subjects",
    type=int,
    help=f"Default: {demo_set.SUBJECTS}, or fewer in a smaller set. A network comes to recognise "
    "few subjects of many cells each.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@prints
def demo(directory: str | None, cells: int, subjects: int | None, seed: int) -> dict[str, object]:
    """Draws the synthetic demo set.

    It goes into DIR, by default artifacts/datasets/demo.
    """
    root = Path(directory) if directory else storage.demo_dir()
    demo_set.write_dataset(
        root, cells=cells, subjects=subjects, seed=seed, progress=progress("drawing cells")
    )
    return {"dataset": str(root.absolute()), "synthetic": True, "cells": cells}


@click.command()
@click.argument("directory", metavar="DIR")
@click.option("--fields", type=int, default=20, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--look", type=click.Choice(list(smear_field.LOOKS)), default="c-nmc", show_default=True
)
@prints
def fields(directory: str, fields: int, seed: int, look: str) -> dict[str, object]:
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


def _indexed_in_words(found: Mapping[str, Any]) -> str:
    """The summary of `summary.summarise`: classes, parts, copies, and what was rejected."""
    labels, copies = found["labels"], found["duplicates"]
    counted = ", ".join(f"{count:,} {label}" for label, count in labels.items() if count)
    subjects = f"{found['subjects']:,} subjects" if found["subjects"] else "unknown subjects"
    pairs = copies["exact_pairs"] + copies["near_pairs"]
    crossing = copies["cross_subject_pairs"]
    rejected = found["rejected"]
    return printed.paragraphs(
        [
            f"{found['name']} ({found['layout']}): {found['images']:,} images of {subjects} in "
            f"{found['groups']:,} groups: {counted}.",
            "Its cells are synthetic." if found["synthetic"] else "",
            printed.table([{"Part": part} | row for part, row in found["phases"].items()]),
            printed.table(
                [{"Class": name} | row for name, row in (found["classes"] or {}).items()]
            ),
            found["published_split"] or "",
            f"{pairs:,} pairs of copies, {crossing:,} of them of two subjects." if pairs else "",
            printed.table(
                [{"Quality": flag, "Cells": n} for flag, n in (found["quality"] or {}).items()]
            ),
            *(f"Linked by shared images: {', '.join(one)}" for one in found["linked_subjects"]),
            f"{len(rejected):,} files were rejected:" if rejected else "",
            *(f"  {_rejected(one)}" for one in rejected[:_SHOWN]),
            f"  and {len(rejected) - _SHOWN:,} more" if len(rejected) > _SHOWN else "",
        ]
    )


def _rejected(one: Mapping[str, Any]) -> str:
    return ": ".join(str(value) for value in one.values() if value)


@click.command()
@click.argument("dataset")
@click.option("--positive", metavar="NAMES", help="Classes that count as ALL, with commas.")
@click.option("--negative", metavar="NAMES", help="Classes that count as HEM. Others: left out.")
@click.option("--table", metavar="FILE", help="Table of labels: CSV, TSV or Parquet.")
@click.option(
    "--columns",
    metavar="ROLE=COLUMN,...",
    help="Its columns for file, class, subject and part, where they are not recognised.",
)
@click.option("--encoding", help=f"Of a table that is text: {', '.join(labelling.ENCODINGS)}.")
@click.option(
    "--pattern",
    metavar="EXPRESSION",
    help="Expression over paths with groups (?P<class>...), (?P<subject>...), (?P<part>...), or "
    f"one of {', '.join(patterns.PRESETS)}.",
)
@click.option("--class-folder", type=int, help="Folder that names the class, 1 for the first.")
@click.option("--subject-folder", type=int, help="Folder that names the subject.")
@click.option("--quality", is_flag=True, help="Measure the cells too and count quality flags.")
@prints_as(_indexed_in_words)
def index(dataset: str, quality: bool, **said: Any) -> dict[str, Any]:
    """Indexes a data set.

    Prints classes, labels, subjects, duplicates and rejected files of DATASET, a folder or "demo".
    What the options say of its labels is remembered.
    """
    started = time.perf_counter()
    root = datasets.resolve(dataset)
    if any(value is not None for value in said.values()):
        datasets.add(str(root), progress("indexing"), labelling.from_texts(**said))
    found = datasets.index(root, progress("indexing"))
    measured = measures.measure(found, progress("measuring")) if quality else None
    return summary.summarise(found, started, measured)


@click.command()
@click.argument("source", metavar="FOLDER")
@click.argument("directory", metavar="DIR")
@click.option("--classes", metavar="NAMES", help="Classes to cut, with commas. Default: all.")
@click.option("--um-per-px", type=float, help="Scale of the fields, if red cells do not give it.")
@prints
def cut(
    source: str, directory: str, classes: str | None, um_per_px: float | None
) -> dict[str, object]:
    """Cuts the cells in the boxes of a detection set.

    FOLDER holds fields with boxes (Pascal VOC, COCO, YOLO or CSV). DIR gets one image a cell, on
    black at C-NMC's scale, as CLASS/FIELD/NUMBER.png: a data set like any other.
    """
    wanted = None if classes is None else [name.strip() for name in classes.split(",")]
    made = cut_cells(
        Path(source), Path(directory), classes=wanted, um_per_px=um_per_px,
        progress=progress("cutting fields"),
    )  # fmt: skip
    reasons = Counter(it.reason for it in made.left_out)
    return {
        "dataset": str(made.root.absolute()),
        "fields": made.fields,
        "cells": made.cells,
        "left_out": len(made.left_out),
        "reasons": [{"boxes": n, "reason": reason} for reason, n in reasons.most_common(10)],
    }


@click.command()
@click.argument("run")
@prints
def examples(run: str) -> list[str]:
    """Copies six test cells of a run, none of which it refuses, to artifacts/examples."""
    source = run_store.get(run)
    reader, root = Reader(source), datasets.resolve(source.config.dataset)
    test = source.predictions.query("split == 'test'").drop_duplicates("subject")
    written = []
    for _, cells in test.groupby("label"):
        read = (root / name for name in cells["image_id"] if reader.read(root / name).cells)
        for found in islice(read, 3):
            file = storage.examples_dir() / f"{found.stem}.png"
            storage.write_bytes(file, encode(decode(found)))
            written.append(str(file))
    return written


VERBS = (demo, fields, fetch, cut, index, examples)
