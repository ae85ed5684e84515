"""The index that is kept: used again while nothing changed, and made anew where something did."""

import os
import shutil

import numpy as np
import pytest

from core import storage
from core.data import images, indexing
from core.data.indexing import index
from core.data.layouts import Labelling
from tests.factories.trees import (
    HEADER,
    KAGGLE,
    assert_equal_indexes,
    cell,
    save,
    write_three_phases,
)


def test_a_second_look_is_equal_and_reads_no_pixel(demo_root, demo_index, no_decoding):
    assert_equal_indexes(index(demo_root), demo_index)
    no_decoding()
    progress = []
    again = index(demo_root, lambda *numbers: progress.append(numbers))
    assert_equal_indexes(again, demo_index)
    assert progress == []


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
    assert_equal_indexes(index(root), touched)
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


@pytest.mark.slow
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
            assert_equal_indexes(found, index(root))
        links.add(len(found.pairs))
    assert len(links) > 1


@pytest.mark.parametrize("name", ["cells.parquet", "pairs.parquet", "rejected.parquet"])
@pytest.mark.parametrize("content", [b"", b"PAR1 half a file", None])
def test_a_damaged_kept_index_is_built_again(root, artifacts, name, content):
    first = index(root)
    (file,) = artifacts.rglob(name)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert_equal_indexes(index(root), first)
    assert file.stat().st_size > 100


@pytest.mark.parametrize("content", ["", "{", "null", '{"version": 0}', "\xff"])
def test_a_kept_index_of_another_version_is_built_again(root, content):
    first = index(root)
    file = storage.index_dir(indexing.digest([str(root)])) / "index.json"
    file.write_text(content, encoding="latin-1")
    assert_equal_indexes(index(root), first)
    assert storage.read_json(file)["state"]["version"] == indexing.VERSION
