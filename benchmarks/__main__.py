"""`python -m benchmarks NAME`: runs one benchmark and prints its figures and bars.

With --json, one JSON document on standard output and nothing else. Errors are one line on
standard error and exit status 2. A bar that is not held is a result, not an error.
"""

import argparse
import importlib
import json
import signal
import sys
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.measure import Bar, machine
from core.errors import BlastLensError, ConfigError

BENCHMARKS = {
    "index": "first and second look at a full-size data set, against a bare walk and a bare read",
    "pixels": "filling the pixel cache, against a bare decode-and-resize loop",
    "gallery": "script times and memory of the Dataset page of a running app",
    "synthetic": "the synthetic cells, against the real ones",
    "cells": "finding and outlining white cells in real fields, against twelve lines of OpenCV",
    "training": "speed, accuracy and memory of training, against Keras, PyTorch and the bare step",
    "belief": "leakage meter and controls on synthetic cells: do they see what is there?",
    "statistics": "intervals of ten models from 2,000 resamples of groups, against a plain loop",
    "gate": "what passes the checks before a reading: real cells, and pictures that are none",
    "reading": "one cell, a batch, a fresh process and the app, against a bare engine and peers",
    "architectures": "the compact architecture beside CNN-32: unseen subjects, and epoch times",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The options; every benchmark takes the same ones, and some can be told to do a part."""
    names = "\n".join(f"  {name:13} {about}" for name, about in BENCHMARKS.items())
    result = _Parser(
        prog="python -m benchmarks",
        epilog=f"benchmarks:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("name", choices=BENCHMARKS, metavar="NAME", help="which one to run")
    result.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    result.add_argument(
        "--tree",
        type=Path,
        metavar="DIR",
        help="keep the drawn data set here, and use it if it is there; else it is temporary",
    )
    result.add_argument(
        "--images", type=_positive, metavar="N", help="use a part of N images of the data set"
    )
    result.add_argument("--rounds", type=_positive, metavar="N", help="rounds of each measurement")
    result.add_argument("--only", metavar="PART", help="of a benchmark in parts, this one alone")
    return result


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Runs one benchmark; returns the exit status."""
    options = parser().parse_args(arguments)
    facts = machine()  # before the benchmark itself loads the machine
    try:
        module = importlib.import_module(f"benchmarks.{options.name}")
        _check_part(options, getattr(module, "PARTS", ()))
        run: Callable[..., Any] = module.run
        figures, bars = run(options)
    except BlastLensError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or 'The system'}: {error.strerror or error}.", file=sys.stderr)
        return 2
    document = {
        "name": options.name,
        "machine": facts,
        "figures": figures,
        "bars": [asdict(bar) if isinstance(bar, Bar) else bar for bar in bars],
    }
    if options.json:
        print(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        _print(document)
    return 0


def _check_part(options: argparse.Namespace, parts: Collection[str]) -> None:
    if options.only and options.only not in parts:
        can = f"it can be {', '.join(parts)}" if parts else f"{options.name} has no parts"
        raise ConfigError(f"--only is {options.only!r}; {can}.")


def _print(document: dict[str, Any]) -> None:
    """The document as a table, for people."""
    for part in ("machine", "figures"):
        print(f"{part}")
        for name, value in _flat(document[part]):
            print(f"  {name:44} {value}")
    print(f"{'bars':46} {'value':>10} {'target':>10}  holds")
    for bar in document["bars"]:
        values = f"{bar['value']!s:>10} {bar['target']!s:>10}"
        print(f"  {bar['name']:44} {values}  {'yes' if bar['holds'] else 'NO'}")


def _flat(figures: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, value))
    return rows


if __name__ == "__main__":
    # Ended from outside, it still stops its servers and removes its temporary folders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
