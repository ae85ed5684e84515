"""Tables as CSV for spreadsheets, which run a text that begins like a formula.

No other module writes a CSV that leaves BlastLens.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

import pandas as pd
from pandas.api.types import is_numeric_dtype

# After OWASP, "CSV injection"; the last four are the full-width forms of = + - @.
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# Of RFC 4180; with it, the writers quote a text that holds either half, so none begins a line.
LINE_END = "\r\n"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?%?", re.IGNORECASE)


def harmless(value: object) -> object:
    """A cell as a spreadsheet may have it: text like a formula gets an apostrophe in front.

    Text that is a number, such as "-0.5" or "+3%", and everything that is not text stay as is.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def to_csv(table: pd.DataFrame, *, index: bool = False, float_format: str | None = None) -> str:
    """A table as CSV with a header, every text in it `harmless`, the names included.

    `index` also writes the names of the rows; `float_format` is a printf format of all floats.
    """
    safe = table.copy()
    for place, (_, column) in enumerate(table.items()):
        if not is_numeric_dtype(column):
            safe.isetitem(place, column.map(harmless, na_action="ignore"))
    safe.columns = safe.columns.map(harmless)
    safe.index = safe.index.map(harmless)
    text: str = safe.to_csv(index=index, float_format=float_format, lineterminator=LINE_END)
    return text


def rows_to_csv(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Rows of cells as CSV below a header, every text in it `harmless`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=LINE_END)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()
