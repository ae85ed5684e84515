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

from core import storage, verbs
from core.data import sources, summary, synthetic, synthetic_field
from core.data.fetch import FetchStatus, request_stop, size_text
from core.data.images import decode, encode
from core.errors import BlastLensError, DataError, RunError, UploadError
from core.jobs import local
from core.reading.reader import Reader, Reading
from core.runs import config, presets, store


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
    synthetic_field.write_fields(
        root,
        fields=options.fields,
        seed=options.seed,
        look=options.look,
        progress=_progress("drawing fields"),
    )
    return {"folder": str(root.absolute()), "synthetic": True, "fields": options.fields}


def fetch(options: argparse.Namespace) -> dict[str, Any]:
    """Fetches C-NMC 2019 from Kaggle, or goes on with a fetch; Ctrl-C stops it."""
    local.launch_fetch()
    try:
        status = local.follow_fetch(_fetched)
    except KeyboardInterrupt:
        request_stop()
        status = local.follow_fetch()
    if status.root is None:
        stopped = "Fetching was stopped. What has arrived is kept: fetch again to go on."
        raise DataError(status.error or stopped)
    return {"dataset": str(status.root), "status": status.state}


def index(options: argparse.Namespace) -> dict[str, Any]:
    """Indexes a data set: labels, subjects, duplicates, rejected files."""
    started = time.perf_counter()
    root = sources.resolve(options.dataset)
    if options.positive:
        sources.add(str(root), _progress("indexing"), options.positive)
    return summary.summarise(sources.index(root, _progress("indexing")), started)


def runs(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Lists the runs, the newest first."""
    return [
        {
            "run": run.run_id,
            "status": run.status.state,
            "error": run.status.error,
            "config": config.to_json(run.config),
            "test": (run.metrics or {}).get("parts", {}).get("test"),
        }
        for run in store.runs()
    ]


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Puts runs side by side."""
    from core.evaluation import compare as comparison

    rows = comparison.rows([store.get(run_id) for run_id in dict.fromkeys(options.run)])
    return {"verdict": comparison.verdict(rows), "runs": rows}


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Measures a run: as it was at its end, or on another data set."""
    run = store.get(options.run)
    if options.dataset is None:
        if run.metrics is None:
            raise RunError(f"Run {run.run_id} is {run.status.state}; it has no metrics yet.")
        return {"run": run.run_id, **run.metrics}
    from core.evaluation.evaluate import evaluate_on

    return evaluate_on(run, options.dataset, _progress("indexing"))


def diagnose(options: argparse.Namespace) -> dict[str, Any]:
    """Says what went wrong in a run, and which settings repair it."""
    from core.doctor import diagnosis as doctor

    run = store.get(options.run)
    wanted = doctor.repaired(run)
    return {
        "run": run.run_id,
        "diagnoses": [dataclasses.asdict(found) for found in doctor.examine(run)],
        "repaired": None if wanted is None else config.to_json(wanted),
    }


def read(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Reads images, each one cell on black."""
    run = store.get(options.run) if options.run else store.active()
    missing = [name for name in options.image if not Path(name).is_file()]
    if missing:
        raise UploadError(f"There is no file {', '.join(missing)}. Check the path.")
    reader = Reader(run)
    readings = [reader.read(Path(name), name) for name in options.image]
    overlays = _write_overlays(readings, Path(options.overlay)) if options.overlay else {}
    if not options.json and not any(reading.cells for reading in readings):
        raise UploadError(" ".join(f"{r.image} is refused: {r.reason}" for r in readings))
    return [
        {"run": run.run_id, **reading.to_json(), "overlay": overlays.get(number)}
        for number, reading in enumerate(readings)
    ]


def _write_overlays(readings: list[Reading], folder: Path) -> dict[int, str]:
    """The overlay file of each reading that has one; files of one name get a number."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[int, str] = {}
    for number, reading in enumerate(readings):
        for cell in reading.cells:
            file = folder / f"{Path(reading.image).stem}_overlay.png"
            if str(file) in written.values():
                file = file.with_stem(f"{file.stem}_{number}")
            file.write_bytes(encode(cell.overlay))
            written[number] = str(file)
    return written


def examples(options: argparse.Namespace) -> list[str]:
    """Copies six test cells of a run on the demo set, of six subjects, to artifacts/examples."""
    run = store.get(options.run)
    test = run.predictions.query("split == 'test'").drop_duplicates("subject")
    written = []
    for image_id in test.groupby("label").head(3)["image_id"]:
        file = storage.examples_dir() / f"{Path(image_id).stem}.png"
        with storage.atomic(file) as temporary:
            temporary.write_bytes(encode(decode(sources.resolve(run.config.dataset) / image_id)))
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
            function.__name__.replace("_", "-"), help=function.__doc__, description=function.__doc__
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
    sub.add_argument("--look", default="c-nmc", help=", ".join(synthetic_field.LOOKS))
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
    sub = verb(evaluate)
    sub.add_argument("run", metavar="RUN")
    sub.add_argument("--dataset", help='measure on this data set: a folder, or "demo"')
    sub = verb(diagnose)
    sub.add_argument("run", metavar="RUN")
    sub = verb(examples)
    sub.add_argument("run", metavar="RUN")
    sub = verb(read)
    sub.add_argument("image", nargs="+", metavar="IMAGE")
    sub.add_argument("--run", help="default: the active run")
    sub.add_argument("--overlay", metavar="DIR", help="write heat maps over cells into DIR")
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
