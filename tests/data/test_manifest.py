import json
import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core import storage
from core.data import images, manifest, splits
from core.data.manifest import Index, index, parse, spread, summarise
from core.data.synthetic import draw_cell
from core.errors import DataError

CELL = {
    name: draw_cell(subject=name, cell=0, label=int(not name.startswith("H")), seed=1)
    for name in ("1", "2", "H1")
}


def _save(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, format="BMP")
    return path


@pytest.fixture
def root(tmp_path) -> Path:
    """Three subjects, one cell each."""
    folder = tmp_path / "set"
    _save(folder / "fold_0/all/UID_1_1_1_all.bmp", CELL["1"])
    _save(folder / "fold_1/all/UID_2_1_1_all.bmp", CELL["2"])
    _save(folder / "fold_2/hem/UID_H1_1_1_hem.bmp", CELL["H1"])
    return folder


@pytest.fixture
def no_decoding(monkeypatch):
    """Call it, and from then on reading a pixel fails the test."""

    def refuse(*_, **__):
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(images, "decode", refuse)


def _assert_equal(a: Index, b: Index) -> None:
    for table in ("cells", "pairs", "rejected"):
        pd.testing.assert_frame_equal(getattr(a, table), getattr(b, table))
    facts = [(i.root, i.name, i.synthetic, i.fingerprint) for i in (a, b)]
    assert facts[0] == facts[1]


@pytest.mark.parametrize(
    ("path", "subject", "label", "fold"),
    [
        ("UID_11_2_3_all.bmp", "11", 1, None),
        ("uid_11_2_3_ALL.BMP", "11", 1, None),
        ("UID_H3_1_1_hem.bmp", "H3", 0, None),
        ("UID_h3_1_1_hem.bmp", "H3", 0, None),
        ("UID_H3_1_1_HEM.bmp", "H3", 0, None),
        ("a/fold_0/all/UID_1_1_1_all.bmp", "1", 1, 0),
        ("FOLD_2/HEM/UID_H1_1_1_hem.bmp", "H1", 0, 2),
        ("fold_0/fold_1/UID_1_1_1_all.bmp", "1", 1, 1),
        ("fold_x/UID_1_1_1_all.bmp", "1", 1, None),
        ("overall/UID_1_1_1_all.bmp", "1", 1, None),
    ],
)
def test_a_cell_name_gives_subject_label_and_fold(path, subject, label, fold):
    assert parse(path) == {"subject": subject, "label": label, "fold": fold}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".UID_1_1_1_all.bmp", "hidden"),
        ("all/.DS_Store", "hidden"),
        ("UID_1_1_1_all.png", "name is not"),
        ("UID_1_1_1_all.bmp.txt", "name is not"),
        ("UID_1_1_all.bmp", "name is not"),
        ("UID_1_1_1_1_all.bmp", "name is not"),
        ("UID_X3_1_1_all.bmp", "name is not"),
        ("UID_1_1_1_blast.bmp", "name is not"),
        ("1.bmp", "name is not"),
        ("all/notes.txt", "name is not"),
        ("UID_H1_1_1_all.bmp", "contradict"),
        ("UID_1_1_1_hem.bmp", "contradict"),
        ("hem/UID_1_1_1_all.bmp", "folder HEM"),
        ("all/UID_H1_1_1_hem.bmp", "folder ALL"),
        ("all/hem/UID_1_1_1_all.bmp", "folder ALL/HEM"),
    ],
)
def test_any_other_name_is_refused_with_a_reason(path, reason):
    with pytest.raises(DataError, match=re.escape(reason)):
        parse(path)


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


def test_the_fingerprint_names_contents_and_not_the_place(demo_root, demo_index, tmp_path):
    copy = shutil.copytree(demo_root, tmp_path / "copy")
    assert index(copy).fingerprint == demo_index.fingerprint
    (copy / demo_index.cells["image_id"].iat[0]).unlink()
    assert index(copy).fingerprint != demo_index.fingerprint


def test_every_other_file_is_listed_with_its_reason(root, no_decoding):
    (root / "fold_0/all/UID_5_1_1_all.bmp").write_bytes(b"")
    (root / "fold_0/all/UID_6_1_1_all.bmp").write_text("not a picture " * 9)
    whole = (root / "fold_0/all/UID_1_1_1_all.bmp").read_bytes()
    (root / "fold_0/all/UID_7_1_1_all.bmp").write_bytes(whole[: len(whole) // 2])
    (root / "fold_0/hem/UID_8_1_1_all.bmp").parent.mkdir()
    (root / "fold_0/hem/UID_8_1_1_all.bmp").write_bytes(whole)
    (root / "fold_0/all/cell 9.bmp").write_bytes(whole)
    (root / "fold_0/all/._UID_1_1_1_all.bmp").write_bytes(b"\0" * 40)
    (root / "Thumbs.db").write_bytes(b"x")
    (root / "fold_0/all/UID_9_1_1_all.bmp").symlink_to("nowhere")
    (root / "fold_0/all/UID_10_1_1_all.bmp").mkdir()
    found = index(root)
    assert len(found.cells) == 3
    reasons = {Path(row.path).name: row.reason for row in found.rejected.itertuples()}
    parts = {
        "UID_5_1_1_all.bmp": "empty (0 bytes)",
        "UID_6_1_1_all.bmp": "not an image",
        "UID_7_1_1_all.bmp": "damaged or cut short",
        "UID_8_1_1_all.bmp": "folder HEM",
        "cell 9.bmp": "name is not",
        "._UID_1_1_1_all.bmp": "hidden",
        "Thumbs.db": "name is not",
        "UID_9_1_1_all.bmp": "cannot be read",
    }
    assert reasons.keys() == parts.keys()
    assert all(part in reasons[name] for name, part in parts.items())
    no_decoding()
    _assert_equal(index(root), found)


def test_a_second_look_is_equal_and_reads_no_pixel(demo_root, demo_index, no_decoding):
    no_decoding()
    progress = []
    again = index(demo_root, lambda *numbers: progress.append(numbers))
    _assert_equal(again, demo_index)
    assert progress == []


def test_progress_reaches_the_number_of_files(root):
    (root / "notes.txt").write_text("x")
    progress = []
    index(root, lambda *numbers: progress.append(numbers))
    assert progress == [(4, 4)]


def test_a_changed_touched_added_or_removed_file_is_noticed(root):
    first = index(root)
    cell = root / "fold_0/all/UID_1_1_1_all.bmp"
    _save(cell, CELL["1"][::-1])
    os.utime(cell, ns=(0, 10**18))
    changed = index(root)
    assert changed.fingerprint != first.fingerprint
    os.utime(cell, ns=(0, 2 * 10**18))
    touched = index(root)
    assert touched.fingerprint == changed.fingerprint
    assert touched.cells["mtime_ns"].iat[0] == 2 * 10**18
    added = _save(root / "fold_0/all/UID_1_1_2_all.bmp", CELL["2"][:, ::-1])
    assert len(index(root).cells) == 4
    added.unlink()
    _assert_equal(index(root), touched)
    (root / "notes.txt").write_text("x")
    assert len(index(root).rejected) == 1


def test_a_cell_behind_a_link_that_changes_is_noticed(root, tmp_path):
    target = _save(tmp_path / "elsewhere.bmp", CELL["1"][:, ::-1])
    (root / "fold_0/all/UID_3_1_1_all.bmp").symlink_to(target)
    first = index(root)
    assert len(first.cells) == 4
    _save(target, CELL["1"][::-1])
    os.utime(target, ns=(0, 10**18))
    assert index(root).fingerprint != first.fingerprint


def test_a_folder_without_cells_says_so_and_names_what_was_there(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for _ in range(2):
        with pytest.raises(DataError, match=r"holds no cell.*0 files.*the folder is empty"):
            index(empty)
    (empty / "notes.txt").write_text("x")
    for _ in range(2):
        with pytest.raises(DataError, match=r"holds no cell.*1 files.*name is not"):
            index(empty)


def test_a_missing_folder_and_a_file_are_no_data_set(root):
    for path in (root / "gone", root / "fold_0/all/UID_1_1_1_all.bmp"):
        with pytest.raises(DataError, match="is not a folder"):
            index(path)


@pytest.mark.parametrize("name", ["cells.parquet", "pairs.parquet", "rejected.parquet"])
@pytest.mark.parametrize("content", [b"", b"PAR1 half a file", None])
def test_a_damaged_kept_index_is_built_again(root, artifacts, name, content):
    first = index(root)
    (file,) = artifacts.rglob(name)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    _assert_equal(index(root), first)
    assert file.stat().st_size > 100


@pytest.mark.parametrize("content", ["", "{", "null", '{"version": 0}', "\xff"])
def test_a_kept_index_of_another_version_is_built_again(root, content):
    first = index(root)
    file = storage.index_dir(manifest.digest([str(root)])) / "index.json"
    file.write_text(content, encoding="latin-1")
    _assert_equal(index(root), first)
    assert storage.read_json(file)["version"] == manifest.VERSION


def test_a_new_description_is_read_without_reading_pixels(root, no_decoding):
    assert (index(root).name, index(root).synthetic) == ("set", False)
    no_decoding()
    (root / "dataset.json").write_text(json.dumps({"name": "Ward 7", "synthetic": True}))
    assert (index(root).name, index(root).synthetic) == ("Ward 7", True)


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
    _save(root / "fold_200/UID_3_1_1_all.bmp", CELL["1"][::-1])
    found = index(root)
    assert len(found.cells) + len(found.rejected) == 4


def test_a_file_name_that_is_no_text_does_not_stop_the_index(root):
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.bmp")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    found = index(root)
    assert (len(found.cells), len(found.rejected)) == (3, 1)


def test_the_summary_has_the_facts_the_command_line_promises(demo_index):
    summary = summarise(demo_index, time.perf_counter())
    promised = {
        "images": 120,
        "rejected": [],
        "labels": {"ALL": 72, "HEM": 48, "unlabelled": 0},
        "subjects": 12,
        "groups": 12,
        "duplicates": {"exact_pairs": 0, "near_pairs": 0, "cross_subject_pairs": 0},
        "linked_subjects": [],
    }
    assert {key: summary[key] for key in promised} == promised
    assert set(summary["splits"]) == set(splits.PARTS)
    assert sum(summary["splits"].values()) == 120
    assert 0 <= summary["seconds"] < 5
    assert json.loads(json.dumps(summary)) == summary


def test_the_summary_lists_rejections_pairs_and_no_split_where_groups_are_too_few(root):
    shutil.copy(root / "fold_0/all/UID_1_1_1_all.bmp", root / "fold_1/all/UID_2_1_2_all.bmp")
    (root / "notes.txt").write_text("x")
    summary = summarise(index(root), time.perf_counter())
    assert summary["splits"] is None
    assert [row["path"] for row in summary["rejected"]] == ["notes.txt"]
    assert summary["duplicates"] == {"exact_pairs": 1, "near_pairs": 0, "cross_subject_pairs": 1}
    assert summary["linked_subjects"] == [["1", "2"]]
    assert (summary["subjects"], summary["groups"]) == (3, 2)


def test_copies_are_found_from_either_side(root):
    original = root / "fold_0/all/UID_1_1_1_all.bmp"
    twin = Path(shutil.copy(original, root / "fold_1/all/UID_2_1_2_all.bmp"))
    found = index(root)
    ids = [path.relative_to(root).as_posix() for path in (original, twin)]
    for here, there in (ids, ids[::-1]):
        assert found.copies(here).to_dict("records") == [
            {"image_id": there, "kind": "exact", "changed_pixels": 0}
        ]
    assert found.copies("fold_2/hem/UID_H1_1_1_hem.bmp").empty


def test_spread_goes_round_the_subjects(demo_index):
    cells = spread(demo_index.cells)
    assert sorted(cells["image_id"]) == list(demo_index.cells["image_id"])
    assert list(cells.columns) == list(demo_index.cells.columns)
    assert cells["subject"].head(12).nunique() == 12
    assert list(cells["label"].head(12)) == [1, 0] * 6
    turn = cells.groupby("subject").cumcount()
    assert turn.is_monotonic_increasing


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
