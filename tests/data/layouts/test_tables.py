"""Labels from tables: how they are saved, how columns are called, how files are named."""

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from core.data.layouts import ClassesUnknownError, PathFacts, recognise
from core.data.layouts.described import Described
from core.data.layouts.labelling import from_texts
from core.data.layouts.layout import ColumnsUnknownError
from core.data.layouts.tables import Table, assumed, may_have_rows, read_table
from core.errors import ConfigError, DataError

IMAGES = [f"pictures/Cell {n}.PNG" for n in range(6)]
ROWS = pd.DataFrame(
    {
        "Image": [f"Cell {n}.PNG" for n in range(6)],
        "Diagnosis": ["Blast", "Blast", "Normal", "Normal", "Other", "Blast"],
        "Patient ID": ["7", "7", "8", "9", "9", "10"],
        "Split": ["train", "Training", "train", "valid", "test", "test"],
        "Age": ["3,5"] * 6,
    }
)


def _csv(separator: str, encoding: str, head: str = "") -> bytes:
    return (head + ROWS.to_csv(sep=separator, index=False)).encode(encoding)


def _parquet(rows: pd.DataFrame = ROWS) -> bytes:
    file = io.BytesIO()
    rows.to_parquet(file)
    return file.getvalue()


def _read(content: bytes, name: str = "labels.csv", **said: Any) -> Described:
    layout = recognise([*IMAGES, name], lambda _: content, from_texts(**said))
    assert isinstance(layout, Described)
    return layout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", _csv(",", "utf-8")),
        ("labels.csv", _csv(";", "utf-8-sig")),
        ("labels.csv", _csv(";", "utf-8", "sep=;\n")),
        ("Labels.TSV", _csv("\t", "utf-16")),
        ("labels.txt", _csv("\t", "utf-16-le")),
        ("a/labels.csv", _csv(",", "utf-16-be")),
        ("labels.parquet", _parquet()),
    ],
)
def test_a_table_is_found_and_read_however_it_was_saved(name: str, content: bytes) -> None:
    layout = _read(content, name, positive="Blast", negative="Normal")
    assert layout.columns == {
        "file": "Image",
        "class": "Diagnosis",
        "subject": "Patient ID",
        "part": "Split",
    }
    assert layout.classes == {"Blast": 1, "Normal": 0, "Other": None}
    assert layout.facts(IMAGES[1]) == PathFacts("training", "7", 1, None, "Blast", "train")
    assert layout.facts(IMAGES[3]) == PathFacts("training", "9", 0, None, "Normal", "validation")
    assert layout.facts(IMAGES[4]) == PathFacts("training", "9", None, None, "Other", "test")
    assert layout.tables == {name} and not layout.absent


def test_files_may_be_named_without_folder_suffix_or_case_and_with_backslashes() -> None:
    listed = ["cell 0", "PICTURES\\Cell 1", "./pictures/cell 2.png", "/data/pictures/Cell 3.PNG"]
    rows = pd.DataFrame({"file": [*listed, "Cell 9"], "class": list("ababa")})
    table = Table(rows, IMAGES, {}, "t.csv")
    assert [table.facts(path).get("class") for path in IMAGES] == ["a", "b", "a", "b", None, None]
    assert len(table) == 4
    assert table.absent == {"Cell 9": "listed in t.csv, but there is no such image"}


def test_an_image_that_is_listed_twice_otherwise_or_not_alone_is_refused() -> None:
    images = ["a/1.png", "b/1.png", "2.png", "3.png"]
    rows = pd.DataFrame({"file": ["1.png", "2", "2", "3", "3"], "class": ["x", "x", "y", "y", "y"]})
    table = Table(rows, images, {}, "t.csv")
    for path in images[:2]:
        with pytest.raises(DataError, match="any of 2 images: write its folders too"):
            table.facts(path)
    with pytest.raises(DataError, match="lists 2 twice, with other values"):
        table.facts("2.png")
    assert table.facts("3.png") == {"class": "y"}


@pytest.mark.parametrize("one", ["1", "1,0", " 1.0 ", "1,"])
def test_numbers_of_a_spreadsheet_are_classes_without_their_decimals(one: str) -> None:
    content = "\n".join(["file;label", *(f"Cell {n};{one if n else '0'}" for n in range(6))])
    layout = _read(content.encode(), positive="1")
    assert layout.classes == {"0": 0, "1": 1} and layout.facts(IMAGES[5]).label == 1


def test_columns_of_other_names_are_asked_for_and_can_be_named() -> None:
    rows = ROWS.rename(columns={"Diagnosis": "Befund", "Image": "Bild"})
    content = rows.to_csv(index=False).encode()
    with pytest.raises(ColumnsUnknownError, match=r"none is recognised as class.*--columns") as e:
        _read(content)
    assert e.value.recognised == {"file": "Bild", "subject": "Patient ID", "part": "Split"}
    layout = _read(content, columns="class=Befund", positive="Blast", negative="Normal")
    assert layout.facts(IMAGES[0]).label == 1
    with pytest.raises(DataError, match="has no column 'Grund' for class; it has Bild"):
        _read(content, table="labels.csv", columns="class=Grund")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a table that can be read"),
        (b"a,b\n", "holds no row"),
        (b"a,a \n1,2\n", "two columns of one name"),
        (b"file,class,'class',class\n1,2,3,4\n", "two columns of one name, 'class'"),
        (b"a,b\n1,2\n3,4,5,6\n", "not a table that can be read"),
        (b"," * 200_000 + b"\n", "200,001 columns, and 1,000 are the most"),
        (b'a,b\n"' + b"1,\n" * 1_000_000, "not a table that can be read"),
        (b"file;Gr\x81\x8de\n1;2\n", "is not in UTF-8, UTF-16 or Windows-1252"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table(content, "labels.csv")
    with pytest.raises(DataError, match="not a table that can be read"):
        read_table(b"PAR1" + content, "labels.parquet")


@pytest.mark.filterwarnings("ignore:Length of header")
def test_a_separator_at_the_end_of_each_row_shifts_nothing() -> None:
    read = read_table(b"file,class\n1.png,ALL,\n2.png,HEM,\n", "labels.csv")
    assert read.to_dict("list") == {"file": ["1.png", "2.png"], "class": ["ALL", "HEM"]}


def test_names_of_rows_without_a_column_of_their_own_shift_nothing() -> None:
    read = read_table(b'"file","class"\n"1","1.png","ALL"\n"2","2.png","HEM"\n', "labels.csv")
    assert read.to_dict("list") == {"file": ["1.png", "2.png"], "class": ["ALL", "HEM"]}


BEFUNDE = "file;class;Größe\n" + "".join(
    f"Cell {n};{'Blästen' if n % 2 else 'Normal'};3\n" for n in range(6)
)


@pytest.mark.parametrize(
    ("encoding", "said", "read"),
    [
        ("utf-8", None, None),
        ("windows-1252", None, "windows-1252"),
        ("windows-1252", "windows-1252", "windows-1252"),
        ("macintosh", "macintosh", "macintosh"),
    ],
)
def test_a_table_that_is_not_unicode_is_read_and_its_encoding_said(
    encoding: str, said: str | None, read: str | None
) -> None:
    content = BEFUNDE.encode(encoding)
    layout = _read(content, encoding=said, positive="Blästen", negative="Normal")
    assert layout.classes == {"Blästen": 1, "Normal": 0} and "Größe" in layout.all_columns
    assert layout.encoding == (read or "utf-8")
    title = "a table of labels (labels.csv, read as Windows-1252)"
    assert (layout.title == title) == (read == "windows-1252")


def test_the_wrong_encoding_changes_accents_alone_and_is_said() -> None:
    content = BEFUNDE.encode("macintosh")
    layout = _read(content, positive="BlŠsten")  # as Windows-1252 has it
    assert "Windows-1252: check the names with accents" in assumed(layout.encoding, "labels.csv")
    assert [layout.facts(path).label for path in IMAGES] == [0, 1] * 3
    with pytest.raises(DataError, match=r"labels.csv is not in UTF-8. .*--encoding"):
        _read(content, table="labels.csv", encoding="utf-8")
    with pytest.raises(ConfigError, match="encoding"):
        from_texts(encoding="klingon")
    late = ("file;class\n" + "Cell 1;ok\n" * 200_000 + "Cell 2;Blästen\n").encode("cp1252")
    assert read_table(late, "labels.csv")["class"].iloc[-1] == "Blästen"


def test_a_table_of_other_things_is_a_file_like_any_other() -> None:
    images = [f"{name}/{n}.png" for name in "ab" for n in range(3)]
    layout = recognise([*images, "notes.csv"], lambda _: b"who,what\nme,this\n",
                       from_texts(positive="a"))  # fmt: skip
    assert layout.title == "a folder per class" and layout.tables == frozenset()


def test_a_set_of_one_class_is_looked_at_once_its_side_is_said() -> None:
    content = "\n".join(["file,class", *(f"Cell {n},WBC" for n in range(6))]).encode()
    with pytest.raises(ClassesUnknownError, match=r"are WBC \(6\)"):
        _read(content)
    for side, label in (("positive", 1), ("negative", 0)):
        assert _read(content, **{side: "WBC"}).classes == {"WBC": label}


def test_a_short_file_is_told_from_a_table_of_all_images_by_its_lines() -> None:
    for data in (b"file,class\na,b\nc,d", b"file,class\ra,b\rc,d\r", b"f\n\0a\n\0b\n\0"):
        assert may_have_rows(data, "labels.csv", 2)
        assert not may_have_rows(data, "labels.csv", 4)
    assert may_have_rows(b"", "labels.parquet", 4)


def test_a_parquet_table_whose_rows_all_name_one_long_text_is_refused() -> None:
    """A million rows of 8 KB are 8 GB, were each to have its text; the file has some kilobytes."""
    rows = 10**6
    text = pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int32()).fill_null(0), ["x" * 2**13])
    stream = io.BytesIO()
    parquet.write_table(pa.table({"Image": text}), stream, compression="zstd", store_schema=False)
    assert len(stream.getvalue()) < 2**16
    with pytest.raises(DataError, match="A value of Image has 8,192 bytes; 4,096 are the most"):
        read_table(stream.getvalue(), "labels.parquet")


def test_a_spreadsheet_is_refused_as_one():
    with pytest.raises(DataError, match=r"b\.xlsx is a spreadsheet.*Save it as CSV"):
        read_table(b"PK", "b.xlsx")
