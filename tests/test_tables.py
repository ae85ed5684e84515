"""CSV for spreadsheets: no text in it is run, on any way out."""

import csv
import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core import tables
from core.cells import annotations
from core.reading import table
from core.reading.fields import export
from pages.ui.common import downloads

BAD = [
    "=cmd|'/C calc'!A0.bmp",
    "+1+1.png",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "--1",
]
PLAIN = ["a.bmp", "x=1", "-0.5", "+3%", "-1e-5", "+.5", "", " =1", "'=1"]


@pytest.mark.parametrize("text", BAD)
def test_a_text_like_a_formula_gets_an_apostrophe(text):
    assert tables.harmless(text) == "'" + text


@pytest.mark.parametrize("value", [*PLAIN, -1, -0.5, None, True])
def test_everything_else_stays_as_it_is(value):
    assert tables.harmless(value) is value


def _read(text: str, **options: object) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), **options)


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_a_table_is_harmless_in_its_cells_and_names_and_its_numbers_stay_numbers(dtype):
    found = pd.DataFrame(
        {
            "=name": pd.Series(["=1+1", None, "a"], dtype=dtype),
            "number": [-1.5, np.nan, 2.0],
            "whole": pd.array([-1, None, 3], dtype="Int8"),
        }
    )
    found.index = ["@a", "b", "-c"]
    before = found.copy()
    again = _read(tables.to_csv(found, index=True), index_col=0)
    assert list(again.index) == ["'@a", "b", "'-c"]
    assert list(again.columns) == ["'=name", "number", "whole"]
    assert again["'=name"].tolist()[::2] == ["'=1+1", "a"] and pd.isna(again["'=name"].iloc[1])
    assert again["number"].tolist()[::2] == [-1.5, 2.0] and again["whole"].tolist()[::2] == [-1, 3]
    pd.testing.assert_frame_equal(found, before)
    assert tables.to_csv(pd.DataFrame(columns=["a", "b"])) == "a,b\r\n"
    assert tables.to_csv(pd.DataFrame({"a": [0.125]}), float_format="%.2g") == "a\r\n0.12\r\n"


def _by_a_download_of_a_page(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    taken: list[str] = []
    monkeypatch.setattr(downloads, "download", lambda label, data, *_, **__: taken.append(data()))
    downloads.download_table("Table", pd.DataFrame({"image_id": [name], "n": [-1]}), "t.csv")
    return taken[0]


def _by_readings(name: str, _: pytest.MonkeyPatch) -> str:
    row = table.Row(
        file=name, **{field: None for field in table.Row.__annotations__ if field != "file"}
    )
    return table.to_csv(table.table([row])).decode("utf-8-sig")


def _by_a_read_field(name: str, _: pytest.MonkeyPatch) -> str:
    cell = SimpleNamespace(bbox=(1, 2, 3, 4), area_px=5, score=0.5, touches_border=False)
    one = SimpleNamespace(
        cell=cell, number=1, interval=None, probability=None, state="ALL", adapted=False,
        lobed=False,
        marked=SimpleNamespace(user_drawn=False), gate=SimpleNamespace(code=None, sentence=None),
    )  # fmt: skip
    return export.to_csv([SimpleNamespace(image=name, cells=[one], um_per_px=None)])


def _by_found_cells(name: str, _: pytest.MonkeyPatch) -> str:
    cell = SimpleNamespace(area_px=5, score=0.5, touches_border=False)
    field = SimpleNamespace(cells=[cell], frame=lambda _: (1, 2, 3, 4))
    return annotations.to_csv([(name, field)])


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize(
    "export", [_by_a_download_of_a_page, _by_readings, _by_a_read_field, _by_found_cells]
)
def test_no_export_begins_a_cell_like_a_formula(export, name, monkeypatch):
    rows = list(csv.reader(io.StringIO(export(name, monkeypatch), newline="")))
    assert "'" + name in rows[1]
    for cell in rows[0] + rows[1]:
        assert tables.harmless(cell) == cell
