"""`python -m benchmarks NAME`: runs one benchmark and prints its figures and bars.

With --json, one JSON document on standard output and nothing else. Errors are one line on
standard error and exit status 2. A bar that is not held is a result, not an error.
"""

import importlib
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks.measure import Bar, Figures, Options, bars_of, machine, plain
from core.errors import BlastLensError, ConfigError, DiskError

BENCHMARKS = {
    "index": "first and second look at a full-size data set, against a bare walk and a bare read",
    "pixels": "filling the pixel cache, against a bare decode-and-resize loop",
    "gallery": "script times and memory of the Dataset page of a running app",
    "synthetic": "the synthetic cells, against the real ones",
    "cells": "finding and outlining white cells in real fields, against twelve lines of OpenCV",
    "training": "speed, accuracy and memory of training, against Keras, PyTorch and the bare step",
    "belief": "leakage meter and controls on synthetic cells: do they see what is there?",
    "coverage": "how often intervals hold the truth, on simulated subjects",
    "statistics": "intervals of ten models from 2,000 resamples of groups, against a plain loop",
    "gate": "what passes the checks before a reading: real cells, and pictures that are none",
    "reading": "one cell, a batch, a fresh process and the app, against a bare engine and peers",
    "clusters": "Ray against this machine: rate of scoring, kills, and folds that are the same",
    "score": "a cohort of many cells: rate against a bare loop, memory, and kills",
    "rows": "cohorts of 10^3 to 10^5 small pictures: does the work of a picture stay the same?",
    "stain": "cells of another stain: normalisations, and what adapting them is worth",
    "jobs": "twelve everyday jobs in a browser: clicks, seconds, words, screens scrolled",
    "cases": "a case gone through by keyboard, and eight readers on one database",
    "map": "frames a second of a map of 15,114 cells that is moved, against the same as SVG",
    "model": "the default architecture: heat maps to believe, skill on real cells, and its cost",
    "architectures": "the compact architecture beside CNN-32: unseen subjects, and epoch times",
    "scale": "10^6 and 10^8 cells on 1 to 256 nodes: modelled and simulated from measured rates",
    "chaos": "damaged pictures, kills and full disks: how often a promise is broken",
    "teach": "decided cells of a refused stain: what a model taught with them reads elsewhere",
}


COUNT = click.IntRange(min=1)


@click.command(
    epilog="\b\nBenchmarks:\n" + "\n".join(f"  {name:13} {BENCHMARKS[name]}" for name in BENCHMARKS)
)
@click.argument("name", type=click.Choice(list(BENCHMARKS)), metavar="NAME")
@click.option("--json", is_flag=True, help="Print one JSON document instead of a table.")
@click.option(
    "--tree",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the drawn data set in this folder and use it again; otherwise it is temporary.",
)
@click.option("--images", type=COUNT, metavar="N", help="Use N images of the data set.")
@click.option("--rounds", type=COUNT, metavar="N", help="Rounds of each measurement.")
@click.option("--seconds", type=COUNT, metavar="N", help="Go on for N seconds (chaos).")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Begin at seed N (chaos).")
@click.option("--only", metavar="PART", help="Run one part of a benchmark alone.")
def command(name: str, json: bool, **options: Any) -> None:
    """Run the benchmark NAME and print its figures and bars."""
    facts = machine()  # before the benchmark itself loads the machine
    module = importlib.import_module(f"benchmarks.{name}")
    parts, only = getattr(module, "PARTS", ()), options["only"]
    if only and only not in parts:
        remedy = f"it can be {', '.join(parts)}" if parts else f"{name} has no parts"
        raise ConfigError(f"--only is {only!r}; {remedy}.")
    measure: Callable[[Options], Figures] = module.measure
    figures = measure(Options(**options))
    show = _print_json if json else _print_table
    show(name, facts, figures, bars_of(figures))


def main(arguments: list[str] | None = None) -> int:
    """Runs one benchmark; returns the exit status."""
    try:
        command.main(arguments, prog_name="python -m benchmarks", standalone_mode=False)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        print(f"python -m benchmarks: {message}", file=sys.stderr)
        raise SystemExit(2) from None
    except BlastLensError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    except OSError as error:
        print(DiskError.of(error, "the system"), file=sys.stderr)
        return 2
    return 0


def _print_json(name: str, facts: Figures, figures: Figures, bars: list[Bar]) -> None:
    shown = [plain(asdict(bar)) for bar in bars]
    document = {"name": name, "machine": facts, "figures": plain(figures), "bars": shown}
    print(json.dumps(document, ensure_ascii=False, indent=1))


def _print_table(name: str, facts: Figures, figures: Figures, bars: list[Bar]) -> None:
    for title, shown in (("machine", facts), ("figures", plain(figures))):
        print(title)
        for key, value in _flat(shown):
            print(f"  {key:44} {value}")
    print(f"{'bars':46} {'value':>10} {'target':>10}  holds")
    for bar in bars:
        values = f"{plain(bar.value)!s:>10} {bar.target!s:>10}"
        print(f"  {bar.name:44} {values}  {'yes' if bar.holds else 'NO'}")


def _flat(figures: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Each figure with its path."""
    if isinstance(figures, Mapping):
        for name, value in figures.items():
            yield from _flat(value, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, figures


if __name__ == "__main__":
    # Ended from outside, it still stops its servers and removes its temporary folders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
