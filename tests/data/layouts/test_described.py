"""Class, label, subject and part of data sets of any classes, without a file on disk."""

import re
from typing import Any

import pytest

from core.data.layouts import (
    ClassesUnknownError,
    Labelling,
    Layout,
    PathFacts,
    UnlabelledError,
    recognise,
)
from core.data.layouts.labelling import from_texts
from core.data.layouts.layout import part_of
from core.data.layouts.patterns import Pattern
from core.errors import BlastLensError, ConfigError, DataError
from core.report.dataset import subjects_and_parts

PARTS = ("train", "validation", "test")


def _names(*paths: str) -> list[str]:
    return [f"{path}/{n}.png" for path in paths for n in range(3)]


def _nothing(path: str) -> bytes:
    raise AssertionError(f"{path} was read")


def _of(paths: list[str], **said: Any) -> Layout:
    return recognise(paths, _nothing, from_texts(**said))


def _refusal(layout: Layout, path: str) -> str:
    with pytest.raises(DataError) as caught:
        layout.facts(path)
    return str(caught.value)


def _facts(name: str, label: int | None, **known: str | None) -> PathFacts:
    return PathFacts("training", known.get("subject"), label, None, name, known.get("part"))


@pytest.mark.parametrize(
    ("paths", "where", "subject", "part"),
    [
        (_names("blast", "normal"), "{}/0.png", None, None),
        (_names("blast/p1", "blast/p2", "normal/p3"), "{}/p1/0.png", "p1", None),
        (_names("blast/p1/a", "normal/p3/b"), "{}/p1/a/0.png", "p1", None),
        (_names("set/blast", "set/normal"), "set/{}/0.png", None, None),
        (_names(*(f"{p}/{c}" for p in ("train", "test") for c in ("blast", "normal"))),
         "test/{}/0.png", None, "test"),
        (_names(*(f"x/{p}/{c}/s1" for p in ("Train", "val", "test") for c in ("blast", "normal"))),
         "x/val/{}/s1/0.png", "s1", "validation"),
        (_names(*(f"{c}/{p}/s1" for p in ("Training", "test") for c in ("blast", "normal"))),
         "{}/Training/s1/0.png", "s1", "train"),
        ([*_names("blast", "normal") * 4, "stray.png"], "{}/0.png", None, None),
        ([*_names("blast", "normal"), ".cache/1.png", "__MACOSX/2.png"], "{}/0.png", None, None),
        ([*_names("blast", "normal"), "notes/a.doc"], "{}/0.png", None, None),
    ],
)  # fmt: skip
def test_class_folders_are_found_and_the_user_says_which_is_positive(paths, where, subject, part):
    with pytest.raises(
        ClassesUnknownError, match=r"blast \(\d+\), normal \(\d+\).*--positive"
    ) as e:
        _of(paths)
    assert list(e.value.classes) == ["blast", "normal"]
    for positive, negative in (("blast", "normal"), ("normal", "blast")):
        for said in ({"positive": positive}, {"negative": negative}):
            layout = _of(paths, **said)
            assert layout.classes == {positive: 1, negative: 0} and not layout.unique
            for name, label in layout.classes.items():
                found = layout.facts(where.format(name))
                assert found == _facts(name, label, subject=subject, part=part)


def test_of_many_classes_some_are_positive_some_negative_and_the_rest_is_left_out():
    paths = _names("Benign/1a", "Early/2b", "Pre/3c", "Pro/4d")
    layout = _of(paths, positive="Early, Pre", negative="Benign")
    assert layout.classes == {"Benign": 0, "Early": 1, "Pre": 1, "Pro": None}
    assert layout.facts("Pro/4d/0.png") == _facts("Pro", None, subject="4d")
    for said in ({}, {"positive": "Pre,Pro"}, {"negative": "Benign"}):
        with pytest.raises(ClassesUnknownError, match=r"Pro \(3\)\. Say which are positive"):
            _of(paths, **said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"positive": "a,x"}, "no class 'x'; there are a, b, c"),
        ({"positive": "A"}, "no class 'A'"),
        ({"positive": "a", "negative": "b,a"}, "'a' is named as positive and as negative"),
        ({"class_folder": 2}, "class_folder is 2; the images stand in 1 levels"),
        ({"class_folder": 0}, "class_folder is 0"),
        ({"subject_folder": 5}, "subject_folder is 5"),
        ({"columns": "file"}, "write ROLE=COLUMN"),
        ({"columns": "name=x"}, "a column can give file, class, subject, part"),
        ({"pattern": "("}, "not a regular expression"),
        ({"pattern": r"\d+"}, "names no group"),
        ({"pattern": r"(?P<class>\d)_(?P<subject>x)"}, "classes of these images are not known"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(said: dict[str, Any], words: str):
    with pytest.raises(BlastLensError, match=re.escape(words)):
        _of(_names("a", "b", "c"), **said)


def test_the_user_may_say_which_folders_name_class_and_subject():
    paths = _names("Original/s1/Benign", "Original/s2/Pro", "Masks/s1/Benign", "Masks/s2/Pro")
    with pytest.raises(ClassesUnknownError, match=r"Masks \(6\), Original \(6\)"):
        _of(paths)
    layout = _of(paths, class_folder=3, subject_folder=2, positive="Pro")
    assert layout.facts("Original/s2/Pro/1.png") == _facts("Pro", 1, subject="s2")
    assert _refusal(layout, "Original/1.png") == "not in a class folder (Benign or Pro)"


def test_folders_of_patients_above_the_classes_are_not_the_classes():
    paths = _names(*(f"p{n}/{c}" for n in range(60) for c in ("all", "hem")))
    layout = _of(paths, subject_folder=1)
    assert layout.classes == {"all": 1, "hem": 0}
    assert layout.facts("p7/all/0.png") == _facts("all", 1, subject="p7")
    assert _of(paths).facts("p7/hem/0.png") == _facts("hem", 0)
    named = _of(_names("p1/Pro", "p1/Benign", "p2/Pro"), positive="Pro", negative="Benign")
    assert named.classes == {"Pro": 1, "Benign": 0}


def test_names_without_numbers_below_a_class_are_kinds_of_cells_and_not_patients():
    layout = _of(_names("blast/Early", "blast/Pro", "normal/mature"), positive="blast")
    assert layout.facts("blast/Pro/0.png") == _facts("blast", 1)
    assert "No subject is known" in subjects_and_parts(layout)


def test_classes_below_patients_are_found_without_a_word():
    layout = _of(
        _names(*(f"lab/patient_{n}/{c}" for n in range(3) for c in ("blast", "normal"))),
        positive="blast",
    )
    assert layout.classes == {"blast": 1, "normal": 0}


@pytest.mark.parametrize("name", ["some.csv", "labels.XLSX"])
def test_a_table_that_is_not_taken_is_named(name: str):
    with pytest.raises(BlastLensError, match=rf"--class-folder NUMBER\)\. {name} does not list"):
        recognise([*_names("pictures"), name], lambda _: b"image,label\n1.png,a\n", from_texts())


def test_subjects_and_parts_are_shown_before_a_set_is_added():
    folders = [
        f"{part}/{kind}/p{n}" for part in ("Train", "val") for kind in "ab" for n in range(4)
    ]
    layout = _of(_names(*folders), positive="a")
    assert subjects_and_parts(layout) == (
        "Subjects: 4 (p0, p1, p2, …). The publisher's parts: train (24), validation (24)."
    )


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *((name, "train") for name in ("TRAIN", "train_set", "01_Training-Data", "trainset")),
        *((name, "validation") for name in ("val", "Valid images", "dev-split", "validation_part")),
        *((name, "test") for name in ("Testing", "2. test_dataset", "hold-out", "held_out_data")),
        *((name, None) for name in ("", "data", "set", "contest", "train2", "retest", "all", "1")),
        ("_" * 1_000_000, None),  # of a table
    ],
)
def test_parts_are_known_in_any_spelling(name: str, part: str | None):
    assert part_of(name) == part


def test_a_pattern_may_give_the_subject_where_folders_give_the_class():
    paths = [f"{name}/{who}-{n}.png" for name in ("a", "b") for who in ("x", "y") for n in (1, 2)]
    layout = _of(paths, positive="a", pattern=r"/(?P<subject>\w+)-\d+\.png$")
    assert layout.facts("a/y-2.png") == _facts("a", 1, subject="y")
    assert layout.facts("a/2.png") == _facts("a", 1)


def test_all_idb_is_known_by_its_file_names():
    names = [f"ALL_IDB2/img/Im{n:03}_{n % 2}.tif" for n in range(1, 9)]
    layout = _of(names)
    assert layout.classes == {"0": 0, "1": 1} and layout.title == "classes in the file names"
    assert layout.facts(names[0]) == _facts("1", 1)
    assert _refusal(layout, "ALL_IDB2/img/other.tif") == "the pattern finds no class in its path"


def test_the_codes_of_pbc_are_its_classes_once_they_are_asked_for():
    names = [f"{folder}/{code}_{n}.jpg" for n in (1, 2) for folder, code in
             (("ig", "MMY"), ("ig", "PMY"), ("lymphocyte", "LY"))]  # fmt: skip
    layout = _of(names, pattern="PBC", positive="PMY", negative="LY")
    assert layout.classes == {"LY": 0, "MMY": None, "PMY": 1}
    assert _of(names, positive="ig").classes == {"ig": 1, "lymphocyte": 0}


def test_a_pattern_gives_what_its_groups_find():
    pattern = Pattern(r"(?P<subject>p\d+)_(?P<class>\w)(_(?P<part>\w+))?\.")
    assert pattern.facts("x/P3_b_train.png") == {"subject": "P3", "class": "b", "part": "train"}
    assert pattern.facts("p3_b.png") == {"subject": "p3", "class": "b"}
    assert pattern.facts("b.png") == {} and not pattern.matches("b.png")


def test_folders_named_all_and_hem_need_no_saying_whatever_their_case():
    for names in (("all", "hem"), ("HEM", "ALL"), ("Hem", "All")):
        layout = _of(_names(*names))
        assert [layout.facts(f"{name}/0.png").label for name in names] == [
            int(name.upper() == "ALL") for name in names
        ]


def test_what_stands_outside_the_class_folders_is_refused_by_name():
    layout = _of([*_names("a", "b") * 9, "stray.png"], positive="a")
    for path in ("stray.png", "c/1.png", "A/1.png"):
        assert _refusal(layout, path) == "not in a class folder (a or b)"
    assert _refusal(layout, "a/notes.txt") == "not an image file"
    assert _refusal(layout, "a/.hidden.png") == "hidden file"
    assert layout.facts("a/1.TIFF").label == 1


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (_names("one"), "there are the folders one"),
        (_names("train", "test"), "there are the folders train, test"),
        (_names(*(f"p{n}" for n in range(60))), "there are the folders p0, p1, p2"),
        (["1.png", "2.png"], "no folders with images"),
        (["notes.doc", "core/a.py"], "no folders with images"),
        ([], "no folders with images"),
    ],
)
def test_other_trees_are_refused_with_what_was_found_and_what_to_say(paths: list[str], words: str):
    with pytest.raises(UnlabelledError, match=re.escape(words) + r".*--table.*--pattern"):
        _of(paths)


def test_texts_of_a_command_line_make_a_labelling():
    said = from_texts(positive="a, b,", negative=None, columns="file = x,class=y z", table="t.csv")
    assert said == Labelling(
        positive=("a", "b"), columns={"file": "x", "class": "y z"}, table="t.csv"
    )
    assert said.says_where and not from_texts(positive="a").says_where
    with pytest.raises(ConfigError, match="class_folder"):
        from_texts(class_folder=-1)
