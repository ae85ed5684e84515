"""Reads a Parquet table from elsewhere within limits of rows, bytes and lengths of text."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.settings import settings

MOST_COLUMNS = 64
MOST_GROUPS = 10_000
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
    import pyarrow
    from pyarrow import parquet

    # Its own allocator reserves more than it uses, which a limit of memory would count.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    try:
        with parquet.ParquetFile(file, **_FOOTER) as described:
            _require_small(described.metadata, file.stat().st_size)
            schema = described.schema_arrow
        _require_columns(schema, columns)
        texts = [item.name for item in schema if str(item.type) in _TEXTS]
        # A value that is stored once and named by a million rows stays one value.
        with parquet.ParquetFile(file, read_dictionary=texts, **_FOOTER) as stored:
            left = TABLE_BYTES
            for number in range(stored.num_row_groups):
                part = stored.read_row_group(number)
                left -= _bytes_of(part, texts)
                if left < 0:
                    raise RunError(f"Its texts take over {TABLE_BYTES:,} bytes.")
                yield part
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, MemoryError):
            raise
        raise ValueError(str(error)) from None


def _require_small(metadata: Any, size: int) -> None:
    rows, most = metadata.num_rows, settings().max_archive_rows
    if not 0 <= rows <= most:
        raise RunError(
            f"It has {rows:,} rows; the limit is {most:,} (max_archive_rows in core/settings.py)."
        )
    if metadata.num_columns > MOST_COLUMNS or metadata.num_row_groups > MOST_GROUPS:
        raise RunError(
            f"It has {metadata.num_columns:,} columns in {metadata.num_row_groups:,} groups; "
            f"{MOST_COLUMNS:,} in {MOST_GROUPS:,} are the most."
        )
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(n) for group in groups for n in range(group.num_columns)]
    unpacked = [chunk.total_uncompressed_size for chunk in chunks]
    packed = [chunk.total_compressed_size for chunk in chunks]
    if min((*unpacked, *packed), default=0) < 0 or sum(packed) > size:
        raise ValueError("its columns are longer than the file")
    if sum(unpacked) > TABLE_BYTES:
        raise RunError(f"It would unpack to {sum(unpacked):,} bytes; the limit is {TABLE_BYTES:,}.")


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


def _bytes_of(part: Any, texts: list[str]) -> int:
    """The bytes of all texts of a part, one by one. Raises `RunError` for one that is too long."""
    import pyarrow.compute as pc

    total = 0
    for name in texts:
        for chunk in part[name].chunks:
            lengths = pc.binary_length(chunk.dictionary)
            longest = pc.max(lengths).as_py() or 0
            if longest > TEXT_BYTES:
                raise RunError(
                    f"A value of {name} has {longest:,} bytes; {TEXT_BYTES:,} are the most."
                )
            total += pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0
    return total
