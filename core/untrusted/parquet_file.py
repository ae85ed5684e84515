"""Reads a Parquet table from elsewhere within limits of rows, bytes and lengths of text."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import BlastLensError, RunError
from core.settings import settings

MOST_COLUMNS = 64
MOST_GROUPS = 100_000
TABLE_BYTES = 512 * 2**20  # 2 million rows of 268 bytes
TEXT_BYTES = 4096  # of a value; paths are the longest
_FOOTER = {"thrift_string_size_limit": 2**22, "thrift_container_size_limit": 2**20}
_NUMBERS = ("int", "uint", "float", "double", "halffloat", "null", "bool")
_TEXTS = ("string", "large_string")
# Types of Arrow by what a column is to hold.
TYPES = {
    "text": _TEXTS,
    "text or nothing": (*_TEXTS, "null"),
    "whole number": ("int", "uint"),
    "number": ("float", "double", "halffloat"),
}


def parts(file: Path, columns: Mapping[str, str]) -> Iterator[Any]:
    """Yields a table part by part, as `pyarrow.Table`, its texts as dictionaries.

    `columns` are those that it must have, each with a key of `TYPES`; others may hold text or
    numbers. What the file says of itself is checked before a page of it is read. Raises `RunError`
    if the table is too large, `ValueError` if it is damaged or has other columns.
    """
    with file.open("rb") as stream, _opened(stream, RunError) as (stored, schema):
        rows, most = stored.metadata.num_rows, settings().max_archive_rows
        if rows > most:
            raise RunError(
                f"It has {rows:,} rows; the limit is {most:,} (max_archive_rows in "
                "core/settings.py)."
            )
        if (wide := len(schema.names)) > MOST_COLUMNS:
            raise RunError(f"It has {wide:,} columns; {MOST_COLUMNS} are the most.")
        if (total := sum(_group_bytes(stored.metadata))) > TABLE_BYTES:
            raise RunError(f"It would unpack to {total:,} bytes; the limit is {TABLE_BYTES:,}.")
        _require_columns(schema, columns)
        texts, left = _texts_of(schema), TABLE_BYTES
        for number in range(stored.num_row_groups):
            part = stored.read_row_group(number)
            left -= _bytes_of(part, texts, RunError)
            if left < 0:
                raise RunError(f"Its texts take over {TABLE_BYTES:,} bytes.")
            yield part


def batches(
    stream: BinaryIO, rows: int, most_columns: int, error: type[BlastLensError]
) -> Iterator[Any]:
    """Yields a table of any columns, up to so many, so many rows at a time, as `pyarrow.Table`.

    Any number of rows is read, each group of them within the limits of a table. Raises `error` if
    one is larger, `ValueError` if the table is damaged.
    """
    import pyarrow

    with _opened(stream, error) as (stored, schema):
        if len(schema.names) > most_columns:
            raise error(f"It has {len(schema.names):,} columns, and {most_columns:,} are the most.")
        texts = _texts_of(schema)
        if max(_group_bytes(stored.metadata), default=0) > TABLE_BYTES:
            raise error(f"A group of its rows would unpack to over {TABLE_BYTES:,} bytes.")
        for batch in stored.iter_batches(rows):
            part = pyarrow.Table.from_batches([batch])
            if _bytes_of(part, texts, error) > TABLE_BYTES:
                raise error(f"Its texts take over {TABLE_BYTES:,} bytes.")
            yield part


@contextmanager
def _opened(stream: BinaryIO, error: type[BlastLensError]) -> Iterator[tuple[Any, Any]]:
    """The file, with its texts as dictionaries, and its schema as it is stored."""
    import pyarrow
    from pyarrow import parquet

    # Its own allocator reserves more than it uses, which a limit of memory would count.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    try:
        size = stream.seek(0, io.SEEK_END)
        described = parquet.ParquetFile(stream, **_FOOTER)
        _require_sound(described.metadata, size, error)
        schema = described.schema_arrow
        # A value that is stored once and named by a million rows stays one value.
        texts = _texts_of(schema)
        yield parquet.ParquetFile(stream, read_dictionary=texts, **_FOOTER), schema
    except (pyarrow.ArrowException, OSError) as problem:
        if isinstance(problem, MemoryError):
            raise
        raise ValueError(str(problem)) from None


def _require_sound(metadata: Any, size: int, error: type[BlastLensError]) -> None:
    if metadata.num_row_groups > MOST_GROUPS:
        raise error(f"It has {metadata.num_row_groups:,} groups; {MOST_GROUPS:,} are the most.")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(n) for group in groups for n in range(group.num_columns)]
    packed = [chunk.total_compressed_size for chunk in chunks]
    unpacked = [chunk.total_uncompressed_size for chunk in chunks]
    if min((*packed, *unpacked), default=0) < 0 or sum(packed) > size:
        raise ValueError("its columns are longer than the file")


def _texts_of(schema: Any) -> list[str]:
    return [item.name for item in schema if str(item.type) in _TEXTS]


def _group_bytes(metadata: Any) -> list[int]:
    """The bytes that each group of rows says it unpacks to."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return [
        sum(group.column(n).total_uncompressed_size for n in range(group.num_columns))
        for group in groups
    ]


def _require_columns(schema: Any, columns: Mapping[str, str]) -> None:
    if len(set(schema.names)) < len(schema.names):
        raise ValueError("it has two columns of one name")
    missing = sorted(set(columns) - set(schema.names))
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    for item in schema:
        wanted = columns.get(item.name, "text or number")
        if not str(item.type).startswith(TYPES.get(wanted, (*_TEXTS, *_NUMBERS))):
            raise ValueError(f"{item.name} is {item.type}, and must be {wanted}")


def _bytes_of(part: Any, texts: list[str], error: type[BlastLensError]) -> int:
    """The bytes of all texts of a part, one by one. Raises `error` for one that is too long."""
    import pyarrow.compute as pc

    total = 0
    for name in texts:
        for chunk in part[name].chunks:
            lengths = pc.binary_length(chunk.dictionary)
            longest = pc.max(lengths).as_py() or 0
            if longest > TEXT_BYTES:
                raise error(
                    f"A value of {name} has {longest:,} bytes; {TEXT_BYTES:,} are the most."
                )
            total += pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0
    return total
