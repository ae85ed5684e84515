"""The index of a folder: its cells, their scale, fingerprint and description."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.data.indexing import index
from core.data.layouts import ClassesUnknownError, Labelling
from core.errors import DataError
from tests.factories.trees import (
    assert_equal_indexes,
    cell,
    save,
)


def test_the_demo_set_is_indexed_completely(demo_root, demo_index):
    cells = demo_index.cells
    assert (len(cells), len(demo_index.rejected), len(demo_index.pairs)) == (120, 0, 0)
    assert cells["subject"].nunique() == cells["group"].nunique() == 12
    assert demo_index.linked_subjects() == []
    assert cells["label"].sum() == 72
    assert (cells["subject"].str.startswith("H") == (cells["label"] == 0)).all()
    assert sorted(cells["fold"].unique()) == [0, 1, 2]
    assert cells["image_id"].is_monotonic_increasing
    assert cells["image_id"].is_unique
    assert demo_index.synthetic
    assert demo_index.name == "Synthetic demo set"
    assert re.fullmatch("[0-9a-f]{16}", demo_index.fingerprint)
    path = demo_index.path(cells["image_id"].iat[0])
    assert path.stat().st_size == cells["bytes"].iat[0]
    assert path.is_relative_to(demo_root)


def test_the_fingerprint_names_contents_and_not_the_place(root, tmp_path):
    first = index(root).fingerprint
    copy = shutil.copytree(root, tmp_path / "copy")
    assert index(copy).fingerprint == first
    (copy / "fold_0/all/UID_1_1_1_all.bmp").unlink()
    assert index(copy).fingerprint != first


def test_progress_reaches_the_number_of_files(root):
    (root / "notes.txt").write_text("x")
    progress = []
    index(root, lambda *numbers: progress.append(numbers))
    assert progress == [(4, 4)]


def test_a_folder_without_cells_says_so_and_names_what_was_there(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for _ in range(2):
        with pytest.raises(DataError, match="classes of these images are not known"):
            index(empty)
    (empty / "UID_1_1_1_all.bmp").write_text("x")
    for _ in range(2):
        with pytest.raises(DataError, match=r"holds no cell.*1 files.*UID_1_1_1_all.bmp is not an"):
            index(empty)


def test_a_missing_folder_and_a_file_are_no_data_set(root):
    for path in (root / "gone", root / "fold_0/all/UID_1_1_1_all.bmp"):
        with pytest.raises(DataError, match="is not a folder"):
            index(path)


def test_a_new_description_is_read_without_reading_pixels(root, no_decoding):
    assert (index(root).name, index(root).synthetic) == ("set", False)
    no_decoding()
    (root / "dataset.json").write_text(json.dumps({"name": "Ward 7", "synthetic": True}))
    assert (index(root).name, index(root).synthetic) == ("Ward 7", True)


def test_the_scale_is_that_of_the_description_and_else_only_c_nmc_s_is_known(root, tmp_path):
    assert index(root).um_per_px == 0.06
    (root / "dataset.json").write_text('{"um_per_px": 0.1}')
    assert index(root).um_per_px == 0.1
    (root / "dataset.json").write_text('{"um_per_px": 6}')
    with pytest.raises(DataError, match=r"um_per_px is 6.*between 0\.02 and 1\.0\.\).*Correct"):
        index(root)
    for name in ("a/1.png", "b/2.png"):
        save(tmp_path / "other" / name, cell(name), "PNG")
    labelling = Labelling(positive=("a",), negative=("b",))
    assert index(tmp_path / "other", labelling=labelling).um_per_px is None


@pytest.mark.parametrize("content", ["{", "[]", "null"])
def test_a_damaged_description_does_not_stop_the_index(root, content):
    (root / "dataset.json").write_text(content)
    try:
        found = index(root)
    except DataError as error:
        assert "dataset.json" in str(error)
    else:
        assert len(found.cells) == 3


def test_a_large_fold_number_does_not_stop_the_index(root):
    save(root / "fold_200/UID_3_1_1_all.bmp", cell("1")[::-1])
    found = index(root)
    assert len(found.cells) + len(found.rejected) == 4


def test_a_folder_per_class_is_indexed_once_the_positive_one_is_named(per_class):
    with pytest.raises(ClassesUnknownError, match=r"blast \(2\), normal \(2\)"):
        index(per_class)
    found = index(per_class, labelling=Labelling(positive=("blast",)))
    assert (found.layout, found.classes) == ("a folder per class", {"normal": 0, "blast": 1})
    assert list(found.cells["label"]) == [1, 1, 0, 0]
    for column in ("subject", "group", "fold"):
        assert found.cells[column].isna().all()
    assert found.linked_subjects() == [] and found.rejected.empty
    assert_equal_indexes(index(per_class, labelling=Labelling(positive=("blast",))), found)
    other = index(per_class, labelling=Labelling(positive=("normal",)))
    assert list(other.cells["label"]) == [0, 0, 1, 1]
    assert other.fingerprint != found.fingerprint


def test_linked_subjects_reads_the_groups(demo_index):
    cells = demo_index.cells.copy()
    cells.loc[cells["subject"].isin(["H1", "H2"]), "group"] = "H1+H2"
    assert replace(demo_index, cells=cells).linked_subjects() == [["H1", "H2"]]


def test_real_cells_are_indexed_as_published(real_data):
    found = index(real_data / "cnmc_sample")
    assert (len(found.cells), found.cells["label"].sum(), len(found.rejected)) == (55, 26, 0)
    assert not found.synthetic
    assert found.linked_subjects() == [["H10", "H3"], ["H2", "H6"]]
    pairs = {
        tuple(sorted(Path(image).name for image in (row.image_a, row.image_b)))
        for row in found.pairs.itertuples()
    }
    assert pairs == {
        ("UID_H2_1_1_hem.bmp", "UID_H6_1_1_hem.bmp"),
        ("UID_H2_1_2_hem.bmp", "UID_H6_1_2_hem.bmp"),
        ("UID_H10_1_1_hem.bmp", "UID_h3_1_1_hem.bmp"),
    }
    assert set(found.pairs["kind"]) == {"near"}
