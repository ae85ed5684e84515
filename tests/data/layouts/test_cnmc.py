"""What a path tells of a cell of C-NMC 2019, without a file on disk."""

import pytest

from core.data import layouts
from core.data.layouts import Labelling, Layout, PathFacts, recognise
from core.data.layouts.cnmc import Cnmc
from core.errors import DataError
from tests.factories.trees import HEADER, NAMINGS


def _nothing(path: str) -> bytes:
    raise AssertionError(f"{path} was read")


def _cnmc(*paths: str, table: str = "") -> Cnmc:
    found = recognise(
        ["UID_1_1_1_all.bmp", *paths], lambda _: table.encode("utf-8", "surrogateescape")
    )
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
        ("converted/UID_1_1_1_all.png", "1", 1, None),
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
        assert layout.title == "C-NMC 2019" and layout.unique and not layout.classes
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


def test_every_phase_and_label_has_one_name():
    assert layouts.PHASES == ("training", "preliminary", "final")
    assert layouts.LABELS == {"ALL": 1, "HEM": 0}


def test_files_of_cnmc_of_any_format_may_stand_in_class_folders_that_agree_with_their_names():
    paths = ["blast/UID_1_1_1_all.png", "normal/UID_H1_1_1_hem.png"]
    said = Labelling(positive=("Blast",), negative=("normal",))
    found = recognise(paths, _nothing, said)
    assert [found.facts(path).label for path in paths] == [1, 0]
    assert [found.facts(path).subject for path in paths] == ["1", "H1"]


@pytest.mark.parametrize(
    "path", ["normal/UID_1_1_1_all.png", "blast/UID_H1_1_1_hem.png", "other/UID_1_1_1_all.png"]
)
def test_classes_that_say_something_else_than_the_names_are_refused(path):
    said = Labelling(positive=("blast",), negative=("normal",))
    with pytest.raises(DataError, match=f"{path} is a file of C-NMC"):
        recognise(["blast/UID_2_1_1_all.png", "normal/UID_H2_1_1_hem.png", path], _nothing, said)


def test_a_few_files_of_cnmc_do_not_speak_for_the_others():
    others = [f"{name}/{n}.png" for name in ("ALL", "HEM") for n in range(3)]
    own = ["ALL/UID_1_1_1_all.png", "HEM/UID_H1_1_1_hem.png"]
    found = recognise([*others, *own], _nothing)
    assert [found.facts(path).label for path in (*others, *own)] == [1, 1, 1, 0, 0, 0, 1, 0]
    assert isinstance(recognise([*others[:2], *own], _nothing), Cnmc)
