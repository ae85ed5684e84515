"""A table from elsewhere is measured by what it says of itself before a page of it is read."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from core.errors import RunError
from core.untrusted import parquet_file

COLUMNS = {"name": "text", "value": "number"}


def written(file: Path, **columns: pa.Array) -> Path:
    parquet.write_table(pa.table(columns), file, compression="zstd", store_schema=False)
    return file


def read(file: Path) -> int:
    return sum(part.num_rows for part in parquet_file.parts(file, COLUMNS))


def test_a_table_is_read_group_by_group(tmp_path: Path) -> None:
    table = pa.table({"name": [str(n) for n in range(100)], "value": [0.5] * 100})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=30)
    sizes = [part.num_rows for part in parquet_file.parts(tmp_path / "a.parquet", COLUMNS)]
    assert sizes == [30, 30, 30, 10]


def test_one_long_text_that_all_rows_name_is_not_repeated(tmp_path: Path) -> None:
    """A million rows name one text of 8 KB: 8 GB, were each to have it."""
    rows = 10**6
    name = pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int32()).fill_null(0), ["x" * 2**13])
    file = written(tmp_path / "a.parquet", name=name, value=pa.nulls(rows, pa.float64()))
    assert file.stat().st_size < 2**16
    with pytest.raises(RunError, match="8,192 bytes; 4,096 are the most"):
        read(file)


def test_texts_are_summed_up_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"name": pa.array(["x" * 4000] * 100), "value": pa.array([0.5] * 100)}
    file = written(tmp_path / "a.parquet", **values)
    assert read(file) == 100
    monkeypatch.setattr(parquet_file, "TABLE_BYTES", 399_999)
    with pytest.raises(RunError, match="texts take over 399,999 bytes"):
        read(file)


def test_what_it_says_of_itself_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "a.parquet", name=pa.array(["a"]), value=pa.array([0.5]))
    monkeypatch.setattr(parquet.ParquetFile, "read_row_group", _never)
    monkeypatch.setattr(parquet_file, "TABLE_BYTES", 10)
    with pytest.raises(RunError, match=r"would unpack to .* bytes; the limit is 10"):
        read(file)
    monkeypatch.setattr(parquet_file, "MOST_COLUMNS", 1)
    with pytest.raises(RunError, match="2 columns; 1 are the most"):
        read(file)


def _never(*_: object, **__: object) -> None:
    raise AssertionError


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (lambda: {"name": pa.array([1]), "value": pa.array([0.5])}, "name is int64"),
        (lambda: {"name": pa.array(["a"]), "value": pa.array([1])}, "value is int64"),
        (lambda: {"name": pa.array(["a"])}, "lacks value"),
        (
            lambda: {
                "name": pa.array(["a"]),
                "value": pa.array([0.5]),
                "more": pa.array([[1, 2]]),
            },
            "more is list",
        ),
    ],
)
def test_columns_are_of_their_types(
    tmp_path: Path, columns: Callable[[], dict[str, pa.Array]], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read(written(tmp_path / "a.parquet", **columns()))


def test_damage_is_an_error_of_a_value(tmp_path: Path) -> None:
    texts = pa.array([f"cell-{n}" for n in range(50)])
    file = written(tmp_path / "a.parquet", name=texts, value=pa.array([0.5] * 50))
    whole = file.read_bytes()
    for place in range(0, len(whole), 37):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            read(file)
        except (ValueError, RunError):
            continue
