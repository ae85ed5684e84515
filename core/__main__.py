"""The command line: the same verbs as the pages. `python -m core VERB --help` lists options.

With --json, one JSON document on standard output and nothing else. Errors are one line on
standard error and exit status 2.
"""

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from core import storage
from core.cli import audit as audit_verbs
from core.cli import models
from core.cli import read as cell_verbs
from core.cli import train as verbs
from core.data import datasets, summary
from core.data.fetch import FetchStatus, request_stop, size_text
from core.data.images import decode, encode
from core.data.synthetic import dataset as synthetic
from core.data.synthetic import smear_field
from core.errors import BlastLensError, ConfigError, DataError, RunError, UploadError
from core.explain.methods import METHODS
from core.reading.reader import DEFAULT_CAM, Reader, Reading
from core.runs import active_model, presets, run_store
from core.workers import launcher


def demo(options: argparse.Namespace) -> dict[str, Any]:
    """Draws the synthetic demo set."""
    root = Path(options.directory) if options.directory else storage.demo_dir()
    synthetic.write_dataset(
        root, cells=options.cells, seed=options.seed, progress=_progress("drawing cells")
    )
    return {"dataset": str(root.absolute()), "synthetic": True, "cells": options.cells}


def fields(options: argparse.Namespace) -> dict[str, Any]:
    """Draws synthetic smear fields with boxes and masks."""
    root = Path(options.directory)
    smear_field.write_fields(
        root,
        fields=options.fields,
        seed=options.seed,
        look=options.look,
        progress=_progress("drawing fields"),
    )
    return {"folder": str(root.absolute()), "synthetic": True, "fields": options.fields}


def fetch(options: argparse.Namespace) -> dict[str, Any]:
    """Fetches C-NMC 2019 from Kaggle, or goes on with a fetch; Ctrl-C stops it."""
    launcher.launch_fetch()
    try:
        status = launcher.follow_fetch(_fetched)
    except KeyboardInterrupt:
        request_stop()
        status = launcher.follow_fetch()
    if status.root is None:
        stopped = "Fetching was stopped. What has arrived is kept: fetch again to go on."
        raise DataError(status.error or stopped)
    return {"dataset": str(status.root), "status": status.state}


def index(options: argparse.Namespace) -> dict[str, Any]:
    """Indexes a data set: labels, subjects, duplicates, rejected files."""
    started = time.perf_counter()
    root = datasets.resolve(options.dataset)
    if options.positive:
        datasets.add(str(root), _progress("indexing"), options.positive)
    return summary.summarise(datasets.index(root, _progress("indexing")), started)


def runs(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Lists the runs, the newest first."""
    return [
        {
            "run": run.run_id,
            "status": run.status.state,
            "error": run.status.error,
            "config": run.config.to_json(),
            "test": (run.metrics or {}).get("parts", {}).get("test"),
        }
        for run in run_store.runs()
    ]


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Puts runs side by side."""
    from core.evaluation import compare as comparison

    runs = [run_store.get(run_id) for run_id in dict.fromkeys(options.run)]
    return comparison.document(runs, options.prevalence)


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Measures a run: as it was at its end, or on another data set."""
    run = run_store.get(options.run)
    if options.dataset is None:
        if run.metrics is None:
            raise RunError(f"Run {run.run_id} is {run.status.state}; it has no metrics yet.")
        return {"run": run.run_id, **run.metrics}
    from core.evaluation.evaluate import evaluate_on

    return evaluate_on(run, options.dataset, _progress("indexing"))


def operating_point(options: argparse.Namespace) -> dict[str, Any]:
    """Chooses when a model calls a blast, and stores it with the model; without options, tells."""
    from core.evaluation import decision
    from core.evaluation import operating_point as points

    run = run_store.get(options.run)
    choice = points.Choice(
        options.max_missed, options.review_error, options.calibration, options.basis
    )
    chosen = choice != points.Choice(basis=options.basis)
    if options.default and chosen:
        raise ConfigError("--default goes back to the model as trained; it takes no other choice.")
    if options.default or chosen:
        points.use(run, choice)
    told = decision.preview(run, None, options.prevalence)
    contract = {name: told["contract"].get(name) for name in points.SHOWN}
    return {"run": run.run_id, "default": "default" not in told["contract"], **contract} | {
        part: found | {"probabilities": {when: r["scores"] for when, r in scores.items()}}
        for (part, found), scores in zip(
            told["parts"].items(), told["reliability"].values(), strict=True
        )
    }


def diagnose(options: argparse.Namespace) -> dict[str, Any]:
    """Says what went wrong in a run, and which settings repair it."""
    from core.doctor import catalogue

    run = run_store.get(options.run)
    wanted = catalogue.repaired(run)
    return {
        "run": run.run_id,
        "diagnoses": [dataclasses.asdict(found) for found in catalogue.examine(run)],
        "repaired": None if wanted is None else wanted.to_json(),
    }


def read(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Reads images: one cell each, on black or on its natural background, or a whole field."""
    run = run_store.get(options.run) if options.run else active_model.active()
    missing = [name for name in options.image if not Path(name).is_file()]
    if missing:
        raise UploadError(f"There is no file {', '.join(missing)}. Check the path.")
    reader = Reader(run, options.cam)
    found = [cell_verbs.read_image(reader, name, options, _progress) for name in options.image]
    overlays = _write_overlays(found, Path(options.overlay)) if options.overlay else {}
    if not options.json and not any(one.cells for one in found):
        raise UploadError(" ".join(f"{one.image} is refused: {one.reason}" for one in found))
    documents = [
        {
            "run": run.run_id,
            **(one.to_json(reader.judge) if isinstance(one, Reading) else one.document(reader)),
            "overlay": overlays.get(number),
        }
        for number, one in enumerate(found)
    ]
    fields = [one for one in found if not isinstance(one, Reading)]
    if options.one_patient:
        documents.append(cell_verbs.patient(run.run_id, fields))
    return documents


def _write_overlays(
    readings: list[Reading | cell_verbs.FieldImage], folder: Path
) -> dict[int, str]:
    """The overlay file of each reading that has one; files of one name get a number."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[int, str] = {}
    for number, reading in enumerate(readings):
        pictures = (
            [cell.overlay for cell in reading.cells]
            if isinstance(reading, Reading)
            else [reading.overlay]
        )
        for picture in pictures:
            file = folder / f"{Path(reading.image).stem}_overlay.png"
            if str(file) in written.values():
                file = file.with_stem(f"{file.stem}_{number}")
            file.write_bytes(encode(picture))
            written[number] = str(file)
    return written


def cells(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Finds the white cells in smear fields: boxes, masks, overlays."""
    return cell_verbs.find_cells(options, _progress("looking through tiles"))


def examples(options: argparse.Namespace) -> list[str]:
    """Copies six test cells of a run on the demo set, of six subjects, to artifacts/examples."""
    run = run_store.get(options.run)
    test = run.predictions.query("split == 'test'").drop_duplicates("subject")
    written = []
    for image_id in test.groupby("label").head(3)["image_id"]:
        file = storage.examples_dir() / f"{Path(image_id).stem}.png"
        with storage.atomic(file) as temporary:
            temporary.write_bytes(encode(decode(datasets.resolve(run.config.dataset) / image_id)))
        written.append(str(file))
    return written


def _progress(what: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(
                f"\r{what}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr
            )

    return show


def _fetched(status: FetchStatus) -> None:
    if sys.stderr.isatty():
        print(f"\r{status.phase}: {size_text(status.bytes_done)}", end="", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help lists what there is)\n")


def parser() -> argparse.ArgumentParser:
    """All verbs with their options."""
    top = _Parser(prog="python -m core", description=__doc__)
    choices = top.add_subparsers(dest="verb", required=True)

    def verb(function: Callable[[argparse.Namespace], Any]) -> argparse.ArgumentParser:
        sub = choices.add_parser(
            function.__name__.strip("_").replace("_", "-"),
            help=function.__doc__,
            description=function.__doc__,
        )
        sub.set_defaults(function=function)
        sub.add_argument("--json", action="store_true", help="one JSON document on standard output")
        return sub

    sub = verb(demo)
    sub.add_argument("directory", nargs="?", metavar="DIR", help="default: artifacts/datasets/demo")
    sub.add_argument("--cells", type=int, default=synthetic.CELLS)
    sub.add_argument("--seed", type=int, default=0)
    sub = verb(fields)
    sub.add_argument("directory", metavar="DIR")
    sub.add_argument("--fields", type=int, default=20)
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--look", default="c-nmc", help=", ".join(smear_field.LOOKS))
    verb(fetch)
    sub = verb(index)
    sub.add_argument("dataset", metavar="DATASET", help='a folder, or "demo"')
    sub.add_argument("--positive", metavar="FOLDER", help="class folder of ALL; it is remembered")
    sub = verb(verbs.train)
    verbs.training_options(sub)
    sub.add_argument("--run-id", help="the run's name; default: date, time and architecture")
    sub = verb(verbs.resume)
    sub.add_argument("run", metavar="RUN")
    sub = verb(verbs.study)
    sub.add_argument("dataset", metavar="DATASET", help='a folder, or "demo"')
    sub.add_argument("--preset", default="original-study", help=", ".join(presets.PRESETS))
    sub.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    verb(runs)
    verbs.sweep_options(verb(verbs.cross_validate), searching=False)
    verbs.sweep_options(verb(verbs.tune), searching=True)
    verb(verbs.sweeps)
    sub = verb(compare)
    sub.add_argument("run", nargs="+", metavar="RUN")
    sub.add_argument("--prevalence", type=float, help="share of ALL, 0 to 1: adds PPV and NPV")
    sub = verb(evaluate)
    sub.add_argument("run", metavar="RUN")
    sub.add_argument("--dataset", help='measure on this data set: a folder, or "demo"')
    sub = verb(operating_point)
    sub.add_argument("run", metavar="RUN")
    sub.add_argument("--max-missed", type=float, metavar="SHARE", help="of blasts, such as 0.05")
    sub.add_argument(
        "--review-error", type=float, metavar="SHARE", help="of each class called the other"
    )
    sub.add_argument("--calibration", metavar="METHOD", help="temperature, isotonic or none")
    sub.add_argument(
        "--basis", default="observed", help="observed (default), or promised for new subjects"
    )
    sub.add_argument("--default", action="store_true", help="back to the model as trained")
    sub.add_argument("--prevalence", type=float, metavar="SHARE", help="default: the part's own")
    sub = verb(diagnose)
    sub.add_argument("run", metavar="RUN")
    models.options_of_run(verb(models.promote))
    verb(models.undo_promotion)
    models.options_of_card(verb(models.card))
    models.options_of_export(verb(models.export))
    models.options_of_import(verb(models.import_))

    audit_verbs.audit_options(verb(audit_verbs.audit))
    sub = verb(examples)
    sub.add_argument("run", metavar="RUN")
    sub = verb(read)
    sub.add_argument("image", nargs="+", metavar="IMAGE")
    sub.add_argument("--run", help="default: the active run")
    sub.add_argument("--overlay", metavar="DIR", help="write heat maps over cells into DIR")
    sub.add_argument("--cam", default=DEFAULT_CAM, metavar="METHOD", help=", ".join(METHODS))
    cell_verbs.field_options(sub)
    cell_verbs.cells_options(verb(cells))
    return top


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        document = options.function(options)
    except BlastLensError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or 'The system'}: {error.strerror or error}.", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(document, ensure_ascii=False, indent=1))
    elif isinstance(document, str):
        print(document, end="")
    else:
        _print(document)
    return 0


def _print(document: Any, indent: int = 0) -> None:
    """A document as indented lines, for people."""
    for key, value in document.items() if isinstance(document, dict) else enumerate(document, 1):
        if isinstance(value, dict | list) and value:
            print(f"{'  ' * indent}{key}:")
            _print(value, indent + 1)
        else:
            print(f"{'  ' * indent}{key}: {round(value, 4) if isinstance(value, float) else value}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # The reader, say `head`, has had enough; Python would complain once more while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
