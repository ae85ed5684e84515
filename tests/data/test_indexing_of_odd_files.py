"""Files that are no cells: listed with a reason, and never waited for."""

import os
from pathlib import Path

import pytest

from core.data import duplicates
from core.data.indexing import index
from core.data.measures import measure
from core.errors import DataError
from tests.factories.trees import assert_equal_indexes, cell, save


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
    assert_equal_indexes(index(root), found)


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


def test_a_file_name_that_is_no_text_does_not_stop_the_index(root):
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.bmp")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    found = index(root)
    assert (len(found.cells), len(found.rejected)) == (3, 1)


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


def test_a_root_whose_name_is_no_text_is_refused_in_words(root):
    strange = Path(os.fsdecode(os.fsencode(root.parent) + b"/caf\xe9"))
    try:
        root.rename(strange)
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    with pytest.raises(DataError, match=r"caf\?.* not Unicode") as caught:
        index(strange)
    str(caught.value).encode()
