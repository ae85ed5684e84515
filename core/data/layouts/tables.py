"""Class, subject and part from a table of labels: CSV, TSV or Parquet."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

import pandas as pd

from core.data.layouts.image_finder import ImageFinder
from core.data.layouts.labelling import ASSUMED, ENCODINGS, ROLES
from core.data.layouts.layout import ColumnsUnknownError
from core.errors import DataError
from core.untrusted import parquet_file

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
SPREADSHEETS = (".xlsx", ".xls", ".ods")  # not read
# What columns are called, with everything but letters and digits taken out.
_CALLED = {
    "file": "file filename filepath image imageid imagename imagefile imagepath path img name",
    "class": "class label labels diagnosis category target celltype type classname cellclass",
    "subject": "subject subjectid patient patientid case caseid donor donorid person slideid",
    "part": "part split set subset partition phase",
}
_SEPARATORS = (";", "\t", ",")
_BLOCK = 2**20  # bytes
MOST_COLUMNS = 1000  # of labels and what else a table says of a picture; a matrix has more
_WHOLE = re.compile(r"([+-]?\d+)[.,]0*")


class Table:
    """Reads class, subject and part of each image from the rows of a table.

    `columns` are those that are read, by role, of `all_columns`. `absent` gives a reason for each
    image that is listed and not there.
    """

    def __init__(
        self, rows: pd.DataFrame, images: Sequence[str], chosen: Mapping[str, str], name: str
    ) -> None:
        """Recognises the columns, where `chosen` names none for a role, and matches the files.

        `rows` as `read_table` returns them; `images` the paths of all images. Raises
        `core.data.layouts.layout.ColumnsUnknownError` if no column of files or of classes is
        recognised, `DataError` if a chosen column does not exist.
        """
        finder = ImageFinder(images)
        self.all_columns = list(rows.columns)
        self.columns = _columns(rows, finder, chosen, name)
        self.absent: dict[str, str] = {}
        self._facts: dict[str, dict[str, str]] = {}
        self._problems: dict[str, str] = {}
        roles = {role: column for role, column in self.columns.items() if role != "file"}
        for row in rows.to_dict("records"):
            listed = row[self.columns["file"]]
            facts = {role: value for role, c in roles.items() if (value := plain(row[c]))}
            self._add(listed, finder.find(listed), facts, name)

    def _add(self, listed: str, found: list[str], facts: dict[str, str], name: str) -> None:
        if not found and listed.strip():
            self.absent[listed] = f"listed in {name}, but there is no such image"
        for path in found:
            if len(found) > 1:
                self._problems[path] = (
                    f"{name} lists {listed}, which can be any of {len(found)} images: write its "
                    "folders too"
                )
            elif self._facts.setdefault(path, facts) != facts:
                self._problems[path] = f"{name} lists {listed} twice, with other values"

    def facts(self, path: str) -> dict[str, str]:
        """The facts of one image by role; empty for one that the table does not list.

        Raises `DataError` if rows contradict each other, or a row can be of several images.
        """
        if path in self._problems:
            raise DataError(self._problems[path])
        return self._facts.get(path, {})

    def __len__(self) -> int:
        """The number of images that the table lists."""
        return len(self._facts)


def may_have_rows(data: bytes, name: str, number: float) -> bool:
    """Whether a file can be a table of so many rows, by its line ends alone."""
    ends = max(data.count(b"\n"), data.count(b"\r"))
    return name.lower().endswith(".parquet") or ends >= number


def read_table(data: bytes, name: str, encoding: str | None = None) -> pd.DataFrame:
    """Reads a table as text: CSV with comma, semicolon or tab, or Parquet.

    A CSV has an `encoding` of `ENCODINGS`; None: see `encoding_of`. Missing values are "". Raises
    `DataError` if it cannot be read, or has no row.
    """
    return pd.concat(parts_of_table(io.BytesIO(data), name, encoding=encoding))


def parts_of_table(
    file: BinaryIO, name: str, rows: int = 50_000, encoding: str | None = None
) -> Iterator[pd.DataFrame]:
    """Yields a table as `read_table` reads it, so many rows at a time, from a file of bytes.

    Raises as `read_table` does.
    """
    if name.lower().endswith(SPREADSHEETS):
        raise DataError(f"{name} is a spreadsheet, not a table of text. Save it as CSV.")
    empty = True
    try:
        is_parquet = name.lower().endswith(".parquet")
        for part in _parquet(file, rows) if is_parquet else _csv(file, rows, encoding):
            part.columns = [str(column).strip() for column in part.columns]
            if not part.columns.is_unique:
                break
            if len(part):
                empty = False
                yield part
    except UnicodeError:
        asked = ENCODINGS[encoding] if encoding else "UTF-8, UTF-16 or Windows-1252"
        raise DataError(
            f"{name} is not in {asked}. Choose another encoding (--encoding), or save it as UTF-8."
        ) from None
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"{name} is not a table that can be read: {reason}. Save it as CSV."
        ) from None
    if empty:
        raise DataError(
            f"{name} holds no row, or two columns of one name. Give a table with rows, and each "
            "column a name of its own."
        )


def _require_named_apart(head: str, separator: str) -> None:
    """Raises `ValueError` if two columns have one name, of which pandas would rename one."""
    counts = Counter(map(str.strip, _fields(head, separator)))
    if twice := [name for name, count in counts.items() if name and count > 1]:
        raise ValueError(f"it has two columns of one name, {twice[0]!r}")


def _fields(line: str, separator: str) -> list[str]:
    with suppress(csv.Error):  # a field without end
        return next(csv.reader([line], delimiter=separator), [])
    return []


def _require_narrow(columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise ValueError(f"it has {columns:,} columns, and {MOST_COLUMNS:,} are the most")


def _parquet(file: BinaryIO, rows: int) -> Iterator[pd.DataFrame]:
    for batch in parquet_file.batches(file, rows, MOST_COLUMNS, DataError):
        part = batch.to_pandas()
        yield part.astype(object).where(part.notna(), "").astype(str)


def _csv(file: BinaryIO, rows: int, encoding: str | None) -> Iterator[pd.DataFrame]:
    text = io.TextIOWrapper(
        file, _codec(file, encoding or encoding_of(file, "") or "utf-8"), newline=""
    )
    start = 0
    head = text.readline()
    if head.lower().startswith("sep="):  # tells Excel the separator
        start, head = 1, text.readline()
    separator = max(_SEPARATORS, key=head.count)
    _require_narrow(head.count(separator) + 1)
    _require_named_apart(head, separator)
    columns, first = len(_fields(head, separator)), _fields(next(text, ""), separator)
    text.seek(0)
    for _ in range(start):
        text.readline()
    plain = {"dtype": str, "keep_default_na": False, "na_filter": False}
    # Of rows with more fields than the header pandas takes the first as names of the rows, as R
    # writes them; not if they only end in a separator more.
    named = None if any(first[columns:]) else False
    yield from pd.read_csv(text, sep=separator, chunksize=rows, index_col=named, **plain)


def encoding_of(file: BinaryIO, name: str) -> str | None:
    """The encoding of a table, one of `ENCODINGS`; None of Parquet, which has none of its own.

    `file` is read through, and then stands at its start. UTF-16 is told by its byte order mark or
    its zeros. What is not UTF-8 either is taken for `ASSUMED`.
    """
    if name.lower().endswith(".parquet"):
        return None
    start = file.read(200)
    file.seek(0)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start:
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return ASSUMED
    finally:
        file.seek(0)
    return "utf-8"


def assumed(encoding: str | None, name: str) -> str:
    """That a table is read in an encoding that is only assumed, in a sentence; "" if it is not."""
    if encoding != ASSUMED:
        return ""
    return f"{name} is not Unicode; it is read as Windows-1252: check the names with accents."


def _codec(file: BinaryIO, encoding: str) -> str:
    """What Python calls an encoding of this file: UTF-8 without its mark, UTF-16 by its order."""
    start = file.read(2)
    file.seek(0)
    if encoding == "utf-8":
        return "utf-8-sig"
    if encoding == "utf-16" and start not in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16-be" if start[:1] == b"\0" else "utf-16-le"
    return encoding


def _columns(
    rows: pd.DataFrame, finder: ImageFinder, chosen: Mapping[str, str], name: str
) -> dict[str, str]:
    have = list(rows.columns)
    for role, asked in chosen.items():
        if asked not in have:
            raise DataError(f"{name} has no column {asked!r} for {role}; it has {', '.join(have)}.")
    found = dict(chosen)
    if "file" not in found and (column := _file_column(rows, finder)):
        found["file"] = column
    for role in ROLES[1:]:
        free = [column for column in have if column not in found.values()]
        named = called(role, free)
        if role not in found and named:
            found[role] = named
    found = {role: found[role] for role in ROLES if role in found}
    if not {"file", "class"} <= set(found):
        raise ColumnsUnknownError(name, have, found)
    return found


def _file_column(rows: pd.DataFrame, finder: ImageFinder) -> str | None:
    """The column whose first values are most often the names of images, or is called so."""
    some = rows.head(200)
    hits = {column: sum(len(finder.find(v)) > 0 for v in some[column]) for column in rows.columns}
    best = max(hits, key=lambda column: hits[column])
    if hits[best]:
        return str(best)
    return called("file", rows.columns)


def called(role: str, columns: Iterable[str]) -> str | None:
    """The first column whose name is that of a role, such as "Patient_ID" for subject."""
    return next((column for column in columns if _bare(column) in _CALLED[role].split()), None)


def _bare(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())


def plain(value: str) -> str:
    """A value without blanks; a whole number without the decimals of a spreadsheet ("1,0")."""
    value = value.strip()
    whole = _WHOLE.fullmatch(value)
    return whole[1] if whole else value
