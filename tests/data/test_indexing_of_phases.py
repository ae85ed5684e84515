"""The phases of C-NMC: preliminary and final cells, and the tables with their labels."""

import pytest

from core.data.indexing import index
from core.data.measures import measure
from tests.factories.trees import (
    HEADER,
    KAGGLE,
    NAMINGS,
    assert_equal_indexes,
    cell,
    save,
    write_three_phases,
)


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
    assert_equal_indexes(index(found.root), found)


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
