"""Tables of rows, tables of metrics, and paragraphs, as verbs print them."""

import io
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.metrics.classification import NAMES
from core.metrics.estimate import Estimate
from core.report import phrases
from core.runs.metrics import PartMetrics

_RULED = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_UNLIMITED = 10_000  # characters in a line of what is not read on a terminal


def table(rows: Sequence[Mapping[str, object]] | pd.DataFrame, margin: int = 0) -> str:
    """Rows below the names of their columns, which are those of the first row.

    A column without any value is left out; "" without rows. On a terminal, long values are broken
    at its width, less a `margin` for what is put before each line.
    """
    if isinstance(rows, pd.DataFrame):
        rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    if not rows:
        return ""
    names = [name for name in rows[0] if any(row[name] not in (None, "") for row in rows)]
    drawn = Table(box=_RULED, pad_edge=False, show_edge=False)
    for name in names:
        drawn.add_column(name, overflow="fold", no_wrap=name == names[0])
    for row in rows:
        drawn.add_row(*(Text(_value(row[name])) for name in names))
    on_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns - margin if on_terminal else _UNLIMITED
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as printed:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in printed.get().splitlines())


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def paragraphs(parts: Iterable[str]) -> str:
    """Joins sentences and tables, each on lines of its own; empty ones are left out."""
    return "\n".join(part for part in parts if part)


def metrics(part: PartMetrics) -> str:
    """The metrics of a part, each with its interval and beside always answering ALL."""
    counted = (
        f"{part.images:,} images of {part.groups:,} groups: {part.all:,} ALL, {part.hem:,} HEM."
    )
    rows = [
        {
            "Metric": label,
            "Value (95% interval over groups)": phrases.brief(part.estimate(name)),
            "Always ALL": phrases.brief(Estimate(part.always_all.get(name))),
        }
        for name, label in NAMES.items()
    ]
    return paragraphs([counted, table(rows)])
