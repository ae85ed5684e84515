"""A data set in figures, by hand-computed values."""

import json
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest

from core.data import splits
from core.data.duplicates import PAIR_COLUMNS
from core.data.indexing import index
from core.data.quality import FLAGS
from core.data.summary import (
    by_phase,
    by_subject,
    counts,
    flagged,
    measures_of,
    natural,
    summarise,
)
from tests.factories import trees
from tests.factories.trees import KAGGLE, cell, index_of, save, write_three_phases

ROWS = [
    # phase, subject, group, label, fold, quality, diameter_px
    ("training", "10", "10+2", 1, 0, "", 100.0),
    ("training", "10", "10+2", 1, 0, "empty", None),
    ("training", "10", "10+2", 1, 1, "out of focus, too dark", 130.0),
    ("training", "2", "10+2", 1, 0, "", 90.0),
    ("training", "H3", "H3", 0, 2, "too dark", 80.0),
    ("preliminary", "H4", "H4", 0, None, "", 70.0),
    ("preliminary", None, None, None, None, "", 60.0),
    ("final", None, None, None, None, "", 50.0),
]
COLUMNS = ["phase", "subject", "group", "label", "fold", "quality", "diameter_px"]
PAIRS = pd.DataFrame(
    [("00000.bmp", "00003.bmp", "10", "2", "exact", 0), ("00001.bmp", "x", "10", "y", "near", 3)],
    columns=PAIR_COLUMNS,
)
FOUND = index_of(pd.DataFrame(ROWS, columns=COLUMNS), PAIRS)
MEASURED = trees.measures_of(pd.DataFrame(ROWS, columns=COLUMNS))


def test_phases_come_in_their_order_and_folds_below():
    table = by_phase(FOUND)
    names = ["part", "images", "ALL", "HEM", "unlabelled", "subjects", "groups"]
    assert list(table) == names
    assert table.to_numpy().tolist() == [
        ["training", 5, 4, 1, 0, 3, 2],
        ["preliminary", 2, 0, 1, 1, 1, 1],
        ["final", 1, 0, 0, 1, 0, 0],
        ["fold_0", 3, 3, 0, 0, 2, 1],
        ["fold_1", 1, 1, 0, 0, 1, 1],
        ["fold_2", 1, 0, 1, 0, 1, 1],
    ]


def test_phases_that_are_not_there_are_not_told():
    final = index_of(pd.DataFrame({"phase": ["final"] * 2, "label": [None] * 2}))
    assert by_phase(final)["part"].tolist() == ["final"]


@pytest.mark.parametrize("column", ["subject", "group", "label", "phase", "fold"])
def test_counts_add_up_by_any_column(column):
    table = counts(FOUND.cells, column)
    known = FOUND.cells[column].notna() | (column in ("subject", "group"))
    assert table["images"].sum() == known.sum()
    assert (table[["ALL", "HEM", "unlabelled"]].sum(axis=1) == table["images"]).all()
    assert not table.isna().any(axis=None)


def test_cells_of_unknown_subjects_are_counted_as_such():
    table = counts(FOUND.cells, "subject").set_index("subject")
    assert table.loc["unknown"].tolist() == [2, 0, 0, 2, 0, 0]
    assert table.loc["10"].tolist() == [3, 3, 0, 0, 1, 1]


def test_subjects_come_in_natural_order_with_their_facts():
    table = by_subject(FOUND, MEASURED).set_index("subject")
    assert list(table.index) == ["2", "10", "H3", "H4"]
    ten = table.loc["10"].to_dict()
    facts = ("group", "phase", "fold", "class", "cells", "flagged", "copies", "diameter_px")
    assert [ten[name] for name in facts] == ["10+2", "training", "0, 1", "ALL", 3, 2, 2, 115.0]
    assert ten["share"] == pytest.approx(3 / 6)
    assert table["class"].tolist() == ["ALL", "ALL", "HEM", "HEM"]
    assert table.loc["H4", ["phase", "fold", "copies"]].tolist() == ["preliminary", "", 0]
    assert table["share"].sum() == pytest.approx(1)


def test_a_subject_of_two_classes_or_phases_shows_both():
    cells = pd.DataFrame(
        {"subject": ["a", "a"], "label": [0, 1], "phase": ["training", "preliminary"]}
    )
    row = by_subject(index_of(cells)).iloc[0]
    assert (row["class"], row["phase"]) == ("ALL, HEM", "preliminary, training")


def test_without_subjects_the_table_is_empty_with_its_columns():
    table = by_subject(index_of(pd.DataFrame({"subject": [None, None]})))
    assert table.empty and {"subject", "class", "share"} <= set(table)


def test_before_the_cells_are_measured_a_subject_has_its_other_facts():
    table = by_subject(FOUND)
    assert not {"flagged", "diameter_px"} & set(table)
    whole = by_subject(FOUND, MEASURED)
    pd.testing.assert_frame_equal(table, whole[table.columns])


def test_subjects_sort_as_people_count():
    subjects = ["H10", "10", "h2", "9", "H1", "1", "ward 3", "²", "A-1"]
    wanted = ["1", "9", "10", "H1", "h2", "H10", "A-1", "ward 3", "²"]
    assert sorted(subjects, key=natural) == wanted


def test_a_flag_is_counted_by_its_whole_name():
    assert [flagged(MEASURED, flag) for flag in ("empty", "too dark", "out of focus")] == [
        1,
        2,
        1,
    ]
    assert flagged(MEASURED, "dark") == 0


def test_measures_stand_beside_the_sets_middle():
    measured = trees.measures_of(pd.DataFrame({"diameter_px": [90.0, 100, 110, 130, 200]}))
    measured["nucleus_share"] = [0.5, None, 0.7, 0.8, 1.0]
    table = measures_of(measured.iloc[1], measured).set_index("measure")
    assert table.loc["Diameter, pixels"].tolist() == ["100", "110", "100 to 130"]
    assert table.loc["Nucleus, share of the cell"].tolist() == ["not visible", "75%", "65% to 85%"]
    alone = measures_of(measured.iloc[0], None).set_index("measure")
    assert alone.loc["Diameter, pixels"].tolist() == ["90", "", ""]
    nothing = measures_of(measured.iloc[1], measured.assign(diameter_px=None))
    assert nothing.set_index("measure").loc["Diameter, pixels"].tolist() == ["100", "", ""]


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
        "layout": "C-NMC 2019",
        "classes": None,
        "synthetic": True,
    }
    assert {key: summary[key] for key in promised} == promised
    assert summary["quality"] is None
    assert set(summary["splits"]) == set(splits.PARTS)
    assert sum(summary["splits"].values()) == 120
    assert 0 <= summary["seconds"] < 5
    assert json.loads(json.dumps(summary)) == summary


def test_the_summary_counts_flags_once_the_cells_are_measured():
    counted = summarise(FOUND, time.perf_counter(), MEASURED)["quality"]
    wanted = dict.fromkeys(FLAGS, 0) | {"empty": 1, "too dark": 2, "out of focus": 1}
    assert counted == wanted


def test_the_summary_lists_rejections_pairs_and_no_split_where_groups_are_too_few(tmp_path: Path):
    root = write_three_phases(tmp_path / "set", KAGGLE)
    training = root / KAGGLE["training"]
    copy = training / "fold_1/all/UID_2_1_2_all.bmp"
    shutil.copy(training / "fold_0/all/UID_1_1_1_all.bmp", copy)
    save(training / "fold_1/all/UID_1_1_2_all.bmp", cell("9"))  # the final cell, of unknown subject
    (root / "notes.txt").write_text("x")
    summary = summarise(index(root), time.perf_counter())
    assert summary["splits"] is None
    assert [row["path"] for row in summary["rejected"]] == ["notes.txt"]
    assert summary["duplicates"] == {"exact_pairs": 1, "near_pairs": 1, "cross_subject_pairs": 1}
    assert summary["linked_subjects"] == [["1", "2"]]
    assert (summary["subjects"], summary["groups"]) == (6, 5)
    assert summary["labels"] == {"ALL": 5, "HEM": 3, "unlabelled": 1}
    assert json.loads(json.dumps(summary)) == summary


def test_the_summary_names_the_publishers_parts(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "train", "test", "test")):
        for name, label in (("all", str(number)), ("hem", f"H{number}")):
            save(tmp_path / f"{part}/{name}/{number}.png", cell(label), "PNG")
    found = summarise(index(tmp_path), time.perf_counter())
    assert "parts are train (4), test (4): no known" in str(found["published_split"])
    assert "the subjects are not known" in str(found["published_split"])
