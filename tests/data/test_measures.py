"""Measures of cells: put off until they are asked for, then kept by content."""

import os
import shutil
import threading
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import locks
from core.cells.masks import cell_mask
from core.cells.morphology import measure as measure_cell
from core.data import images, measures
from core.data.images import decode
from core.data.indexing import Index, index
from core.data.measures import MEASURES, measure, missing
from core.data.quality import flags
from core.errors import DataError
from tests.factories.trees import cell, save


@pytest.fixture
def found(tmp_path: Path) -> Index:
    """Four images: a cell, its copy, another cell and a black image."""
    root = tmp_path / "set"
    one = save(root / "all/UID_1_1_1_all.bmp", cell("1"))
    shutil.copy(one, root / "all/UID_2_1_1_all.bmp")
    save(root / "hem/UID_H1_1_1_hem.bmp", cell("H1"))
    save(root / "hem/UID_H2_1_1_hem.bmp", np.zeros((450, 450, 3), np.uint8))
    return index(root)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are decoded from here on."""
    names: list[str] = []

    def note(source: bytes, name: str) -> np.ndarray:
        names.append(name)
        return decode(source, name)

    monkeypatch.setattr(images, "decode", note)
    return names


def test_a_row_has_what_the_cells_own_functions_say(found: Index) -> None:
    table = measure(found)
    assert list(table) == ["image_id", "quality", *MEASURES]
    assert list(table["image_id"]) == list(found.cells["image_id"])
    image = decode(found.path("hem/UID_H1_1_1_hem.bmp"))
    shape = measure_cell(image, cell_mask(image))
    row = table.set_index("image_id").loc["hem/UID_H1_1_1_hem.bmp"]
    assert row["quality"] == ", ".join(flags(image, cell_mask(image), shape))
    wanted = pd.Series(asdict(shape), dtype=float)
    pd.testing.assert_series_equal(row[MEASURES].astype(float), wanted, check_names=False)
    black = table.set_index("image_id").loc["hem/UID_H2_1_1_hem.bmp"]
    assert black["quality"] == "empty" and black[MEASURES].isna().all()
    assert set(table[MEASURES].dtypes.astype(str)) == {"float64"}


def test_indexing_measures_nothing_and_asking_twice_measures_once(
    found: Index, decoded: list[str]
) -> None:
    assert missing(found) == list(found.cells["image_id"])
    first = measure(found)
    assert len(decoded) == 3  # of two copies, one
    assert missing(found) == []
    pd.testing.assert_frame_equal(measure(found), first)
    assert len(decoded) == 3


def test_a_table_that_has_not_changed_is_read_once(
    found: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = measure(found)
    assert missing(found) == []

    def read_again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(pd, "read_parquet", read_again)
    assert missing(found) == []
    pd.testing.assert_frame_equal(measure(found), before)


def test_only_the_cells_asked_for_are_measured_in_their_order(
    found: Index, decoded: list[str]
) -> None:
    asked = ["hem/UID_H1_1_1_hem.bmp", "all/UID_2_1_1_all.bmp"]
    assert list(measure(found, image_ids=asked)["image_id"]) == asked
    assert sorted(decoded) == ["UID_2_1_1_all.bmp", "UID_H1_1_1_hem.bmp"]
    assert missing(found) == ["hem/UID_H2_1_1_hem.bmp"]  # a copy is measured with its original
    assert measure(found, image_ids=[]).empty
    with pytest.raises(DataError, match=r"nothing\.bmp is not in the index"):
        measure(found, image_ids=["nothing.bmp"])


def test_a_changed_file_alone_is_measured_anew(found: Index, decoded: list[str]) -> None:
    before = measure(found).set_index("image_id")
    file = save(found.path("hem/UID_H1_1_1_hem.bmp"), cell("H3"))
    os.utime(file, ns=(0, 10**18))
    again = index(found.root)
    assert missing(again) == ["hem/UID_H1_1_1_hem.bmp"]
    decoded.clear()
    after = measure(again).set_index("image_id")
    assert decoded == ["UID_H1_1_1_hem.bmp"]
    same = before.index != "hem/UID_H1_1_1_hem.bmp"
    pd.testing.assert_frame_equal(after[same], before[same])
    assert (after[~same]["area_px"] != before[~same]["area_px"]).all()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda file: file.unlink(), "cannot be read"),
        (lambda file: file.write_bytes(b"x"), "has changed since it was indexed"),
    ],
)
def test_a_file_that_is_not_the_indexed_one_is_named(found: Index, harm, message: str) -> None:
    harm(found.path("hem/UID_H1_1_1_hem.bmp"))
    with pytest.raises(DataError, match=f"UID_H1_1_1_hem.bmp {message}"):
        measure(found)
    assert missing(found)[0] == "hem/UID_H1_1_1_hem.bmp"  # what came before it is kept


@pytest.mark.slow
def test_what_progress_raises_stops_the_work_and_what_was_measured_is_kept(
    demo_root: Path, demo_index: Index
) -> None:
    """In an artifacts folder of this test."""
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        raise InterruptedError

    with pytest.raises(InterruptedError):
        measure(demo_index, stop)
    assert told == [(50, 120)]
    left = missing(demo_index)
    assert left == list(demo_index.cells["image_id"][50:])
    measure(demo_index, lambda *numbers: told.append(numbers))
    assert told[1:] == [(50, 70), (70, 70)] and missing(demo_index) == []


@pytest.mark.parametrize("content", [b"", b"PAR1 half a file"])
def test_a_damaged_table_is_measured_again(found: Index, content: bytes) -> None:
    first = measure(found)
    (file,) = found.folder.rglob("measures*.parquet")
    file.write_bytes(content)
    assert len(missing(found)) == 4
    pd.testing.assert_frame_equal(measure(found), first)


def test_while_another_measures_it_waits_and_can_be_stopped(found: Index) -> None:
    locked, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with locks.lock(found.folder / "measures"):
            locked.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()

    def stop(done: int, total: int) -> None:
        assert (done, total) == (0, 4)
        raise InterruptedError

    try:
        with pytest.raises(InterruptedError):
            measure(found, stop)
        assert len(index(found.root).cells) == 4  # the index waits for nobody who measures
    finally:
        leave.set()
        holder.join()
    assert len(measure(found)) == 4


def test_an_index_built_anew_leaves_the_measures(found: Index, decoded: list[str]) -> None:
    measure(found)
    (found.folder / "index.json").unlink()
    again = index(found.root)
    decoded.clear()
    assert len(measure(again)) == 4 and decoded == []


def test_a_table_of_another_version_is_not_used(
    found: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(found)
    monkeypatch.setattr(measures, "VERSION", measures.VERSION + 1)
    assert len(missing(found)) == 4
