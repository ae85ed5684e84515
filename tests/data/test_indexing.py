"""The index: every file below a root is a cell, a table, or rejected with a reason."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import storage
from core.data import duplicates, images, indexing
from core.data.indexing import Index, index
from core.data.layouts import ClassesUnknownError, Labelling
from core.data.measures import measure
from core.errors import DataError
from tests.factories.trees import HEADER, KAGGLE, NAMINGS, cell, save, write_three_phases


@pytest.fixture
def root(tmp_path) -> Path:
    """Three subjects, one cell each."""
    folder = tmp_path / "set"
    save(folder / "fold_0/all/UID_1_1_1_all.bmp", cell("1"))
    save(folder / "fold_1/all/UID_2_1_1_all.bmp", cell("2"))
    save(folder / "fold_2/hem/UID_H1_1_1_hem.bmp", cell("H1"))
    return folder


@pytest.fixture
def per_class(tmp_path) -> Path:
    """Two class folders of two cells each, without subjects."""
    for number, (name, subject) in enumerate(
        [("blast", "1"), ("blast", "2"), ("normal", "H1"), ("normal", "H2")]
    ):
        save(tmp_path / f"per class/{name}/{number % 2}.png", cell(subject), "PNG")
    return tmp_path / "per class"


@pytest.fixture
def no_decoding(monkeypatch):
    """Call it, and from then on reading a pixel fails the test."""

    def refuse(*_, **__):
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(images, "decode", refuse)


def _assert_equal(a: Index, b: Index) -> None:
    for table in ("cells", "pairs", "rejected"):
        pd.testing.assert_frame_equal(getattr(a, table), getattr(b, table))
    names = ("root", "name", "synthetic", "layout", "classes", "fingerprint")
    assert [getattr(a, name) for name in names] == [getattr(b, name) for name in names]


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
        "Thumbs.db": "not an image file",
        "UID_9_1_1_all.bmp": "cannot be opened",
    }
    assert reasons.keys() == parts.keys()
    assert all(part in reasons[name] for name, part in parts.items())
    no_decoding()
    _assert_equal(index(root), found)


def test_pipes_devices_and_files_beyond_the_limit_are_named_and_nothing_waits_for_them(
    root, monkeypatch
):
    folder = root / "fold_0/all"
    os.mkfifo(folder / "UID_5_1_1_all.bmp")
    (folder / "UID_6_1_1_all.bmp").symlink_to("/dev/zero")
    with (folder / "UID_7_1_1_all.bmp").open("wb") as sparse:
        sparse.truncate(3 * 2**30)
    os.mkfifo(root / "labels.csv")
    found = index(root)
    assert len(found.cells) == 3
    reasons = {Path(row.path).name: row.reason for row in found.rejected.itertuples()}
    parts = {
        "UID_5_1_1_all.bmp": "a pipe or a device",
        "UID_6_1_1_all.bmp": "a pipe or a device",
        "UID_7_1_1_all.bmp": "3072 MiB, more than the limit",
        "labels.csv": "not an image file",
    }
    assert reasons.keys() == parts.keys()
    assert all(part in reasons[name] for name, part in parts.items())
    assert measure(found).shape[0] == 3


def test_a_pipe_in_place_of_the_description_is_an_error(root):
    os.mkfifo(root / "dataset.json")
    with pytest.raises(DataError, match="a pipe or a device"):
        index(root)


@pytest.mark.parametrize(
    "happens", [Path.unlink, lambda file: os.truncate(file, 9), lambda file: save(file, cell("2"))]
)
def test_a_file_that_goes_or_changes_while_it_is_compared_is_named_and_the_rest_is_indexed(
    root, monkeypatch, happens
):
    twin = cell("1").copy()
    twin[0, 0] = 9
    lost = save(root / "fold_0/all/UID_1_1_9_all.bmp", twin)
    find = duplicates.find_pairs

    def find_pairs(*arguments):
        happens(lost)
        return find(*arguments)

    monkeypatch.setattr(duplicates, "find_pairs", find_pairs)
    found = index(root)
    assert len(found.cells) == 3 and found.pairs.empty
    assert found.rejected["path"].tolist() == ["fold_0/all/UID_1_1_9_all.bmp"]
    assert "ndex" in found.rejected["reason"].iat[0]


def test_a_second_look_is_equal_and_reads_no_pixel(demo_root, demo_index, no_decoding):
    _assert_equal(index(demo_root), demo_index)
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
    file = root / "fold_0/all/UID_1_1_1_all.bmp"
    save(file, cell("1")[::-1])
    os.utime(file, ns=(0, 10**18))
    changed = index(root)
    assert changed.fingerprint != first.fingerprint
    os.utime(file, ns=(0, 2 * 10**18))
    touched = index(root)
    assert touched.fingerprint == changed.fingerprint
    assert touched.cells["mtime_ns"].iat[0] == 2 * 10**18
    added = save(root / "fold_0/all/UID_1_1_2_all.bmp", cell("2")[:, ::-1])
    assert len(index(root).cells) == 4
    added.unlink()
    _assert_equal(index(root), touched)
    (root / "notes.txt").write_text("x")
    assert len(index(root).rejected) == 1


def test_a_cell_behind_a_link_that_changes_is_noticed(root, tmp_path):
    target = save(tmp_path / "elsewhere.bmp", cell("1")[:, ::-1])
    (root / "fold_0/all/UID_3_1_1_all.bmp").symlink_to(target)
    first = index(root)
    assert len(first.cells) == 4
    save(target, cell("1")[::-1])
    os.utime(target, ns=(0, 10**18))
    assert index(root).fingerprint != first.fingerprint


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The names of the files that are decoded from here on."""
    names: list[str] = []
    decode = images.decode

    def note(source, name=None):
        names.append(name or source.name)
        return decode(source, name)

    monkeypatch.setattr(images, "decode", note)
    return names


def test_only_files_that_are_new_or_changed_are_looked_into(root, decoded):
    index(root)
    assert len(decoded) == 3
    decoded.clear()
    save(root / "UID_7_1_1_all.bmp", cell("7"))
    os.utime(root / "fold_1/all/UID_2_1_1_all.bmp", ns=(0, 10**18))
    (root / "notes.txt").write_text("x")
    assert len(index(root).cells) == 4
    assert sorted(decoded) == ["UID_2_1_1_all.bmp", "UID_7_1_1_all.bmp"]


def test_a_new_labels_csv_or_another_positive_class_decodes_nothing(tmp_path, per_class, decoded):
    root = write_three_phases(tmp_path / "cnmc", KAGGLE, b"")
    index(root)
    index(per_class, labelling=Labelling(positive=("blast",)))
    decoded.clear()
    rows = f"{HEADER}UID_H7_1_2_hem.bmp,1.bmp,0\n"
    (root / KAGGLE["labels"]).write_text(rows)
    assert len(index(root).labelled()) == 5
    assert index(per_class, labelling=Labelling(positive=("normal",))).classes == {
        "blast": 0,
        "normal": 1,
    }
    assert decoded == []


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", None])
def test_damaged_thumbnails_only_cost_a_new_look(root, artifacts, content):
    index(root)
    (file,) = artifacts.rglob("thumbnails.npy")
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    copy = save(root / "UID_7_1_1_all.bmp", cell("1"))
    assert index(root).linked_subjects() == [["1", "7"]]
    copy.unlink()
    assert index(root).linked_subjects() == []


def test_whatever_changes_the_index_is_that_of_a_first_look(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    root = write_three_phases(tmp_path / "set", KAGGLE)
    folder = root / KAGGLE["training"]
    links = set()
    for step in range(16):
        names = sorted(path for path in root.rglob("*.bmp"))
        some = names[rng.integers(len(names))]
        new = folder / f"fold_{step % 3}/UID_{20 + step}_1_1_all.bmp"
        new.parent.mkdir(exist_ok=True)
        match step % 8:
            case 0:
                save(new, cell(str(step % 3)))
            case 1:
                shutil.copy(some, new)  # an exact copy under another subject
            case 2:
                changed = images.decode(some).copy()
                changed[220:224, 220:224] ^= 0x40
                save(new, changed)
            case 3:
                some.unlink()
            case 4:
                some.rename(new)
            case 5:
                some.write_bytes(some.read_bytes()[:500])
            case 6:
                (root / KAGGLE["labels"]).write_text(HEADER if step < 8 else "")
            case 7:
                os.utime(some, ns=(0, 10**18 + step))
        found = index(root)
        with monkeypatch.context() as patch:
            patch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path / f"fresh {step}"))
            _assert_equal(found, index(root))
        links.add(len(found.pairs))
    assert len(links) > 1


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
    file = storage.index_dir(indexing.digest([str(root)])) / "index.json"
    file.write_text(content, encoding="latin-1")
    _assert_equal(index(root), first)
    assert storage.read_json(file)["state"]["version"] == indexing.VERSION


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


def test_a_file_name_that_is_no_text_does_not_stop_the_index(root):
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.bmp")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    found = index(root)
    assert (len(found.cells), len(found.rejected)) == (3, 1)


@pytest.mark.parametrize("naming", NAMINGS)
def test_all_three_phases_are_indexed_under_either_naming(tmp_path, naming):
    names = NAMINGS[naming]
    found = index(write_three_phases(tmp_path / "set", names))
    facts = found.cells.set_index("image_id")[["phase", "subject", "label", "fold"]]
    facts = facts.astype(object).where(facts.notna(), None)
    assert {image_id: tuple(row) for image_id, row in facts.T.items()} == {
        f"{names['training']}/fold_0/all/UID_1_1_1_all.bmp": ("training", "1", 1, 0),
        f"{names['training']}/fold_0/hem/UID_H1_1_1_hem.bmp": ("training", "H1", 0, 0),
        f"{names['training']}/fold_1/all/UID_2_1_1_all.bmp": ("training", "2", 1, 1),
        f"{names['training']}/fold_2/hem/UID_H2_1_1_hem.bmp": ("training", "H2", 0, 2),
        f"{names['preliminary']}/1.bmp": ("preliminary", "H7", 0, None),
        f"{names['preliminary']}/2.bmp": ("preliminary", "8", 1, None),
        f"{names['final']}/1.bmp": ("final", None, None, None),
    }
    assert (len(found.rejected), len(found.pairs)) == (0, 0)
    assert (found.layout, found.classes) == ("C-NMC 2019", {})
    assert list(found.labelled()["label"].value_counts()[[1, 0]]) == [3, 3]
    assert str(found.labelled()["label"].dtype) == "int64"
    assert found.cells["group"].equals(found.cells["subject"])
    _assert_equal(index(found.root), found)


def test_a_final_cell_has_the_scale_of_the_others(tmp_path):
    root = write_three_phases(tmp_path / "set", KAGGLE)
    save(root / KAGGLE["training"] / "fold_0/all/UID_9_1_1_all.bmp", cell("9"))
    found = index(root)
    twins = found.cells[found.cells["image_id"].str.contains("final|UID_9")]
    assert len(twins) == 2 and twins["bytes"].nunique() == 2
    looks = measure(found, image_ids=twins["image_id"])
    assert looks["area_px"].nunique() == looks["focus"].nunique() == 1
    (pair,) = found.pairs.to_dict("records")
    assert (pair["kind"], pair["changed_pixels"]) == ("near", 0)
    assert found.linked_subjects() == []  # one of the two subjects is not known


@pytest.mark.parametrize(
    ("labels", "unlabelled"),
    [
        (b"", 3),
        (HEADER.encode(), 3),
        (f"{HEADER}UID_H7_1_2_hem.bmp,1.bmp,0\n".encode(), 2),
        (f"{HEADER}UID_H7_1_2_hem.bmp,1.bmp,0\n".encode("utf-8-sig"), 2),
        (f"{HEADER}UID_H7_1_2_hem.bmp,1.bmp,0\n".encode("utf-16"), 3),
        (f"ä,{HEADER}ä,UID_H7_1_2_hem.bmp,1.bmp,0\n".encode("cp1252"), 2),
    ],
)
def test_without_labels_a_preliminary_cell_is_kept_unlabelled(tmp_path, labels, unlabelled):
    found = index(write_three_phases(tmp_path / "set", KAGGLE, labels))
    assert len(found.cells) == 7
    assert found.cells["label"].isna().sum() == found.cells["subject"].isna().sum() == unlabelled
    # A table that labels nothing is a file without use.
    assert list(found.rejected["path"]) == ([KAGGLE["labels"]] if unlabelled == 3 else [])


def test_a_cell_whose_row_contradicts_its_name_is_rejected(tmp_path):
    rows = "UID_H7_1_2_hem.bmp,1.bmp,1\nUID_8_1_1_all.bmp,2.bmp,1\n"
    found = index(write_three_phases(tmp_path / "set", KAGGLE, (HEADER + rows).encode()))
    assert found.rejected.to_dict("records") == [
        {
            "path": f"{KAGGLE['preliminary']}/1.bmp",
            "reason": "the labels CSV says 1, but the original name UID_H7_1_2_hem.bmp says HEM",
        }
    ]


def test_a_new_labels_csv_is_noticed(tmp_path):
    root = write_three_phases(tmp_path / "set", KAGGLE, b"")
    first = index(root)
    write_three_phases(root, KAGGLE)
    second = index(root)
    assert (len(first.labelled()), len(second.labelled())) == (4, 6)
    assert first.fingerprint != second.fingerprint


def test_of_files_of_one_name_the_first_that_can_be_read_counts(root):
    whole = (root / "fold_0/all/UID_1_1_1_all.bmp").read_bytes()
    names = ["a/UID_9_1_1_all.bmp", "b/UID_9_1_1_all.bmp", "c/uid_9_1_1_ALL.BMP"]
    for name, content in zip(names, [whole[:99], whole[::-1], b""], strict=True):
        (root / name).parent.mkdir()
        (root / name).write_bytes(content)
    save(root / names[1], cell("9"))
    save(root / names[2], cell("9", 1))
    found = index(root)
    assert [name in set(found.cells["image_id"]) for name in names] == [False, True, False]
    reasons = dict(zip(found.rejected["path"], found.rejected["reason"], strict=True))
    assert "damaged" in reasons[names[0]]
    assert reasons[names[2]] == f"has the same name as {names[1]}"


def test_one_number_in_two_phases_is_two_cells_but_twice_in_a_phase_is_one(tmp_path):
    root = write_three_phases(tmp_path / "set", KAGGLE)
    again = save(root / KAGGLE["final"] / "copy/1.bmp", cell("10"))
    found = index(root)
    assert len(found.cells) == 7
    assert found.cells["image_id"].str.endswith("/1.bmp").sum() == 2
    assert [row.path for row in found.rejected.itertuples()] == [again.relative_to(root).as_posix()]


def test_a_folder_per_class_is_indexed_once_the_positive_one_is_named(per_class):
    with pytest.raises(ClassesUnknownError, match=r"blast \(2\), normal \(2\)"):
        index(per_class)
    found = index(per_class, labelling=Labelling(positive=("blast",)))
    assert (found.layout, found.classes) == ("a folder per class", {"normal": 0, "blast": 1})
    assert list(found.cells["label"]) == [1, 1, 0, 0]
    for column in ("subject", "group", "fold"):
        assert found.cells[column].isna().all()
    assert found.linked_subjects() == [] and found.rejected.empty
    _assert_equal(index(per_class, labelling=Labelling(positive=("blast",))), found)
    other = index(per_class, labelling=Labelling(positive=("normal",)))
    assert list(other.cells["label"]) == [0, 0, 1, 1]
    assert other.fingerprint != found.fingerprint


def test_a_folder_in_a_class_folder_is_a_subject_and_copies_link_them(per_class):
    for name, subject, place in (("blast", "3", "A+B"), ("blast", "4", "C"), ("normal", "H3", "D")):
        save(per_class / name / place / "x.png", cell(subject), "PNG")
    shutil.copy(per_class / "blast/C/x.png", per_class / "normal/D/y.png")
    found = index(per_class, labelling=Labelling(positive=("blast",)))
    assert sorted(set(found.cells["subject"].dropna())) == ["A+B", "C", "D"]
    assert found.cells["subject"].isna().sum() == 4
    assert found.linked_subjects() == [["C", "D"]]
    assert found.cells["group"].value_counts().to_dict() == {"C+D": 3, "A+B": 1}


def test_every_strange_file_is_rejected_with_a_reason(root, tmp_path):
    deep = save(root / "/".join("abcdefghij") / "UID_3_1_1_all.bmp", cell("3"))
    (root / "loop").symlink_to("loop")
    (root / "fold_0/back").symlink_to(root)
    (root / "fold_0/all/also").symlink_to(root / "fold_2", target_is_directory=True)
    (root / "labels.csv").symlink_to("nowhere")
    (root / "UID_4_1_1_all.bmp").symlink_to("UID_4_1_1_all.bmp")
    save(root / "UID_5_1_1_all.BMP", cell("5"), "PNG")
    save(root / "UID_6_1_1_all.png", cell("6"), "PNG")
    (root / "UID_7_1_1_all.bmp").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    (root / "a name\nof two lines").write_text("x")
    (root / "UID_8_1_1_all").write_text("x")
    found = index(root)
    kept = {"1", "2", "H1", "3", "5", "6"}
    assert set(found.cells["subject"]) == kept and len(found.cells) == 6
    assert deep.relative_to(root).as_posix() in set(found.cells["image_id"])
    assert "fold_2/hem/UID_H1_1_1_hem.bmp" in set(found.cells["image_id"])
    reasons = dict(zip(found.rejected["path"], found.rejected["reason"], strict=True))
    parts = {
        "loop": "not an image file",
        "labels.csv": "not an image file",
        "UID_4_1_1_all.bmp": "cannot be opened",
        "UID_7_1_1_all.bmp": "UID_7_1_1_all.bmp is",
        "a name\nof two lines": "not an image file",
        "UID_8_1_1_all": "not an image file",
    }
    assert reasons.keys() == parts.keys()
    assert all(part in reasons[name] for name, part in parts.items())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_rejected_and_a_folder_says_so(root):
    (root / "fold_0/all/UID_1_1_1_all.bmp").chmod(0)
    found = index(root)
    assert len(found.cells) == 2
    assert "cannot be opened: Permission denied" in found.rejected["reason"].iat[0]
    (root / "fold_1").chmod(0)
    try:
        with pytest.raises(DataError, match="fold_1 cannot be read"):
            index(root)
    finally:
        (root / "fold_1").chmod(0o700)


def test_a_folder_of_one_black_image_a_subject_links_nobody(root):
    black = np.zeros((450, 450, 3), np.uint8)
    for subject in ("5", "6"):
        save(root / f"UID_{subject}_1_1_all.bmp", black)
    found = index(root)
    assert found.pairs.empty and found.linked_subjects() == []
    black = found.cells[~found.cells["visible"]]
    assert list(black["subject"]) == ["5", "6"]


def test_a_set_of_black_images_alone_can_be_indexed(tmp_path):
    save(tmp_path / "set/UID_1_1_1_all.bmp", np.zeros((450, 450, 3), np.uint8))
    assert list(index(tmp_path / "set").cells["visible"]) == [False]


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


def test_a_root_whose_name_is_no_text_is_refused_in_words(root):
    strange = Path(os.fsdecode(os.fsencode(root.parent) + b"/caf\xe9"))
    try:
        root.rename(strange)
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    with pytest.raises(DataError, match=r"caf\?.* not Unicode") as caught:
        index(strange)
    str(caught.value).encode()


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
