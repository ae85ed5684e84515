"""What a path tells of a cell, for both layouts and without a file on disk."""

import re
from collections.abc import Iterable

import pytest

from core.data import layouts
from core.data.layouts import (
    ClassesUnknownError,
    Cnmc,
    FolderPerClass,
    Layout,
    PathFacts,
    recognise,
)
from core.errors import DataError
from tests.factories.trees import HEADER, NAMINGS


def _nothing(path: str) -> str:
    raise AssertionError(f"{path} was read")


def _cnmc(*paths: str, table: str = "") -> Cnmc:
    found = recognise(["UID_1_1_1_all.bmp", *paths], lambda _: table)
    assert isinstance(found, Cnmc)
    return found


def _prelim(table: str, name: str = "1.bmp") -> PathFacts:
    folder = NAMINGS["tcia"]["preliminary"]
    return _cnmc("labels.csv", table=table).facts(f"{folder}/{name}")


def _refusal(layout: Layout, path: str) -> str:
    with pytest.raises(DataError) as caught:
        layout.facts(path)
    return str(caught.value)


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
        ("fold_200/UID_1_1_1_all.bmp", "1", 1, None),
        ("overall/UID_1_1_1_all.bmp", "1", 1, None),
    ],
)
def test_a_training_name_gives_subject_label_and_fold(path, subject, label, fold):
    assert _cnmc().facts(path) == PathFacts("training", subject, label, fold)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".UID_1_1_1_all.bmp", "hidden"),
        ("all/.DS_Store", "hidden"),
        (".git/UID_1_1_1_all.bmp", "hidden"),
        ("__MACOSX/all/UID_1_1_1_all.bmp", "hidden"),
        ("UID_1_1_1_all.png", "suffix .png"),
        ("C-NMC_test_final_phase_data/1.jpg", "suffix .jpg"),
        ("UID_1_1_1_all.bmp.txt", "not an image file"),
        ("UID_1_1_1_all", "not an image file"),
        ("all/notes.txt", "not an image file"),
        ("Thumbs.db", "not an image file"),
        ("UID_1_1_all.bmp", "name is not"),
        ("UID_1_1_1_1_all.bmp", "name is not"),
        ("UID_X3_1_1_all.bmp", "name is not"),
        ("UID_1_1_1_blast.bmp", "name is not"),
        ("1.bmp", "name is not"),
        ("fold_0/all/1.bmp", "name is not"),
        ("C-NMC_test_final_phase_data/1 (2).bmp", "name is not"),
        ("UID_H1_1_1_all.bmp", "contradict"),
        ("UID_1_1_1_hem.bmp", "contradict"),
        ("hem/UID_1_1_1_all.bmp", "folder HEM"),
        ("all/UID_H1_1_1_hem.bmp", "folder ALL"),
        ("all/hem/UID_1_1_1_all.bmp", "folder ALL/HEM"),
    ],
)
def test_any_other_name_is_refused_with_a_reason(path, reason):
    assert reason in _refusal(_cnmc(), path)


@pytest.mark.parametrize("naming", NAMINGS)
def test_the_folder_tells_the_phase_under_either_naming_and_case(naming):
    names = NAMINGS[naming]
    paths = [
        f"{names['training']}/fold_1/all/UID_5_1_1_all.bmp",
        f"{names['preliminary']}/17.bmp",
        f"{names['final']}/17.bmp",
    ]
    for some in (paths, [path.upper() for path in paths]):
        layout = recognise(some, _nothing)
        assert layout.title == "C-NMC 2019" and layout.unique and layout.classes is None
        assert [layout.facts(path) for path in some] == [
            PathFacts("training", "5", 1, 1),
            PathFacts("preliminary", None, None),
            PathFacts("final", None, None),
        ]


@pytest.mark.parametrize("phase", ["preliminary", "final"])
def test_a_test_phase_alone_is_recognised(phase):
    path = f"{NAMINGS['kaggle'][phase]}/1.bmp"
    assert recognise([path], _nothing).facts(path).phase == phase


@pytest.mark.parametrize(
    "table",
    [
        HEADER + "UID_H7_1_2_hem.bmp,1.bmp,0\n",
        "\ufeff" + HEADER + "UID_H7_1_2_hem.bmp,1.bmp,0\n",
        (HEADER + "UID_H7_1_2_hem.bmp,1.bmp,0\n").replace("\n", "\r\n"),
        HEADER + "uid_h7_1_2_HEM.BMP, 1.BMP , 0 \n",
        'labels,note,new_names,Patient_ID\n0,"a, ""b""",1.bmp,UID_H7_1_2_hem.bmp\n',
        HEADER + "\n,,\nUID_H7_1_2_hem.bmp,1.bmp\nUID_H7_1_2_hem.bmp,1.bmp,0,more,more\n",
    ],
)
def test_the_labels_csv_names_preliminary_cells_however_it_was_saved(table):
    assert _prelim(table) == PathFacts("preliminary", "H7", 0)
    assert _cnmc("a/labels.CSV", table=table).tables == {"a/labels.CSV"}


def test_cells_that_the_labels_csv_does_not_list_stay_unknown():
    table = HEADER + "UID_H7_1_2_hem.bmp,1.bmp,0\nUID_8_1_1_all.bmp,3.bmp,\n"
    for name in ("2.bmp", "3.bmp", "11.bmp"):
        assert _prelim(table, name) == PathFacts("preliminary", None, None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("UID_H7_1_2_hem.bmp,1.bmp,1", "says 1, but the original name UID_H7_1_2_hem.bmp says HEM"),
        ("UID_7_1_2_all.bmp,1.bmp,0", "says 0, but the original name UID_7_1_2_all.bmp says ALL"),
        ("UID_7_1_2_all.bmp,1.bmp,blast", "says blast"),
        ("UID_7_1_2_hem.bmp,1.bmp,0", "subject 7 and label HEM contradict"),
        ("cell 7,1.bmp,0", "calls it cell 7"),
    ],
)
def test_a_row_that_contradicts_itself_refuses_its_cell_and_no_other(row, reason):
    table = f"{HEADER}{row}\nUID_H9_1_1_hem.bmp,2.bmp,0\n"
    layout = _cnmc("labels.csv", table=table)
    assert reason in _refusal(layout, f"{NAMINGS['tcia']['preliminary']}/1.bmp")
    assert _prelim(table, "2.bmp").subject == "H9"


@pytest.mark.parametrize(
    "table",
    [
        "",
        HEADER,
        "a,b\n1,2\n",
        "Patient_ID;new_names;labels\nUID_H7_1_2_hem.bmp;1.bmp;0\n",
        HEADER + '"' + "x" * 200_000,
        "\x00\ufffd" * 50,
    ],
)
def test_a_csv_of_another_kind_says_nothing_and_is_a_file_like_any_other(table):
    layout = _cnmc("labels.csv", table=table)
    assert layout.tables == frozenset()
    assert _refusal(layout, "labels.csv") == "not an image file"
    assert _prelim(table) == PathFacts("preliminary", None, None)


def test_the_labels_csv_speaks_of_the_preliminary_phase_only():
    layout = _cnmc("labels.csv", table=HEADER + "UID_H7_1_2_hem.bmp,1.bmp,0\n")
    assert layout.facts(f"{NAMINGS['tcia']['final']}/1.bmp") == PathFacts("final", None, None)


def _names(*paths: str) -> list[str]:
    return [f"{path}/{n}.png" for path in paths for n in range(3)]


@pytest.mark.parametrize(
    ("paths", "parts"),
    [
        (_names("train/a", "train/b", "test/a"), {"test": 3, "train": 6}),
        (_names("x/Train/a/s", "x/val/b", "x/val/a"), {"Train": 3, "val": 6}),
        (_names("train/a", "train/b"), {}),
        (_names("a", "b"), {}),
        (_names("a/train", "b/test"), {"test": 3, "train": 3}),
        (["0.png"], {}),
        ([], {}),
    ],
)
def test_the_publishers_parts_are_named_and_counted(paths, parts):
    assert layouts.published_parts(paths) == parts


@pytest.mark.parametrize(
    ("paths", "where", "subject"),
    [
        (_names("blast", "normal"), "{}/0.png", None),
        (_names("blast/p1", "blast/p2", "normal/p3"), "{}/p1/0.png", "p1"),
        (_names("blast/p1/a", "normal/p3/b"), "{}/p1/a/0.png", "p1"),
        (_names("set/blast", "set/normal"), "set/{}/0.png", None),
        (_names(*(f"{p}/{c}" for p in ("train", "test") for c in ("blast", "normal"))),
         "test/{}/0.png", None),
        (_names(*(f"x/{p}/{c}/s" for p in ("Train", "val", "test") for c in ("blast", "normal"))),
         "x/val/{}/s/0.png", "s"),
        ([*_names("blast", "normal") * 4, "stray.png"], "{}/0.png", None),
        ([*_names("blast", "normal"), ".cache/1.png", "__MACOSX/2.png"], "{}/0.png", None),
        ([*_names("blast", "normal"), "notes/a.txt", "b.csv"], "{}/0.png", None),
    ],
)  # fmt: skip
def test_two_class_folders_are_found_and_the_user_says_which_is_positive(paths, where, subject):
    with pytest.raises(ClassesUnknownError, match=r"blast and normal.*--positive") as caught:
        recognise(paths, _nothing)
    assert caught.value.classes == ("blast", "normal")
    for positive, negative in (("blast", "normal"), ("normal", "blast")):
        layout = recognise(paths, _nothing, positive)
        assert isinstance(layout, FolderPerClass) and not layout.unique
        assert layout.classes == (negative, positive)
        assert layout.facts(where.format(positive)) == PathFacts("training", subject, 1)
        assert layout.facts(where.format(negative)) == PathFacts("training", subject, 0)


def test_folders_named_all_and_hem_need_no_saying_whatever_their_case():
    for names in (("all", "hem"), ("HEM", "ALL"), ("Hem", "All")):
        layout = recognise(_names(*names), _nothing)
        assert [layout.facts(f"{name}/0.png").label for name in names] == [
            int(name.upper() == "ALL") for name in names
        ]


def test_what_stands_outside_the_class_folders_is_refused_by_name():
    layout = recognise([*_names("a", "b") * 9, "stray.png"], _nothing, "a")
    for path in ("stray.png", "c/1.png", "A/1.png"):
        assert _refusal(layout, path) == "not in a class folder (b or a)"
    assert _refusal(layout, "a/notes.txt") == "not an image file"
    assert _refusal(layout, "a/.hidden.png") == "hidden file"
    assert layout.facts("a/1.TIFF").label == 1


@pytest.mark.parametrize(
    ("paths", "positive", "words"),
    [
        (_names("a", "b"), "c", "no class folder 'c'; the two are a and b"),
        (_names("a", "b"), "A", "no class folder 'A'"),
        (_names("a", "b", "c"), None, "it holds the folders a, b, c"),
        (_names("a", "b", "c"), "a", "it holds the folders a, b, c"),
        (_names("one"), None, "it holds the folders one"),
        (_names("train", "test"), None, "it holds the folders test, train"),
        (["1.png", "2.png"], None, "no folders with images"),
        (["notes.txt", "core/a.py"], None, "no folders with images"),
        ([], None, "no folders with images"),
    ],
)
def test_other_trees_are_refused_with_what_was_found(
    paths: Iterable[str], positive: str | None, words: str
):
    with pytest.raises(DataError, match=re.escape(words)):
        recognise(paths, _nothing, positive)


def test_every_phase_and_label_has_one_name():
    assert layouts.PHASES == ("training", "preliminary", "final")
    assert layouts.LABELS == {"ALL": 1, "HEM": 0}
