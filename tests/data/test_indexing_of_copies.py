"""Copies and black images: which subjects they link, and which they do not."""

import shutil
from pathlib import Path

import numpy as np

from core.data.indexing import index
from core.data.layouts import Labelling
from tests.factories.trees import cell, save


def test_a_folder_in_a_class_folder_is_a_subject_and_copies_link_them(per_class):
    for name, subject, place in (("blast", "3", "1+2"), ("blast", "4", "3"), ("normal", "H3", "4")):
        save(per_class / name / place / "x.png", cell(subject), "PNG")
    shutil.copy(per_class / "blast/3/x.png", per_class / "normal/4/y.png")
    found = index(per_class, labelling=Labelling(positive=("blast",)))
    assert sorted(set(found.cells["subject"].dropna())) == ["1+2", "3", "4"]
    assert found.cells["subject"].isna().sum() == 4
    assert found.linked_subjects() == [["3", "4"]]
    assert found.cells["group"].value_counts().to_dict() == {"3+4": 3, "1+2": 1}


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
