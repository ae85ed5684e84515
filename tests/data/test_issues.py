"""What the Dataset page says first: each finding where its defect is, and nowhere else."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data import indexing
from core.data.duplicates import PAIR_COLUMNS
from core.data.indexing import Index
from core.data.issues import DatasetIssue, findings
from tests.factories.trees import KAGGLE, index_of, measures_of, write_three_phases

# A pattern for each defect, and whether it is serious.
DEFECTS = {
    "classes": ("counts? as ALL", False),
    "published": ("publisher's parts", True),
    "links": ("carry different subject ids", True),
    "unlabelled": ("preliminary test phase have no label", True),
    "nameless": ("subjects of .* are not known", True),
    "final": ("final test phase carry no label", False),
    "rejected": ("not used; the most common reason", None),
    "no labels": ("No cell has a label", True),
    "dominant": ("alone gives", False),
    "outlier": ("is unlike their class", False),
    "flags": ("with a quality flag", None),
}


def _cells(subjects: int = 24, each: int = 6, seed: int = 0) -> pd.DataFrame:
    """Half ALL and half HEM subjects of equal size, looking alike but for a little noise."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "subject": f"{'' if subject % 2 else 'H'}{subject}",
            "label": subject % 2,
            "fold": subject % 3,
            "diameter_px": 200 + rng.normal(),
            "density": 0.8 + 0.01 * rng.normal(),
            "texture": 0.1 + 0.001 * rng.normal(),
            "focus": 0.5 + 0.01 * rng.normal(),
        }
        for subject in range(subjects)
        for _ in range(each)
    ]
    return pd.DataFrame(rows)


def _said(found: Index, looks: pd.DataFrame | None = None) -> dict[str, DatasetIssue]:
    """The defects that are told, by their names in `DEFECTS`; `looks` are cells with measures."""
    told = findings(found, None if looks is None else measures_of(looks))
    serious = [finding.serious for finding in told]
    assert serious == sorted(serious, reverse=True)
    said = {}
    for name, (pattern, wanted) in DEFECTS.items():
        matching = [finding for finding in told if re.search(pattern, finding.text)]
        assert len(matching) <= 1
        if matching:
            said[name] = matching[0]
            assert wanted is None or matching[0].serious is wanted
    return said


def test_a_clean_set_has_no_defect_and_says_so() -> None:
    found = index_of(_cells())
    assert _said(found, _cells()) == {}
    words = " ".join(finding.text for finding in findings(found))
    assert "No image occurs under two subjects" in words
    assert "near balance: 50% ALL" in words


def test_the_demo_set_has_nothing_serious(demo_index: Index) -> None:
    found = findings(demo_index)
    assert not any(finding.serious for finding in found)
    assert any("No image occurs under two subjects" in finding.text for finding in found)
    assert any("60% of the labelled cells are ALL" in finding.text for finding in found)


def test_a_shared_image_and_its_fold_leak_come_first(demo_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(demo_root, root)
    folds = root / "C-NMC_Leukemia" / "training_data"
    source = sorted((folds / "fold_0" / "all").glob("*.bmp"))[0]
    shutil.copy(source, folds / "fold_1" / "all" / "UID_99_1_1_all.bmp")
    (root / "notes.txt").write_text("not a cell")
    found = findings(indexing.index(root))
    subject = source.name.split("_")[1]
    assert found[0].serious and f"{subject} and 99" in found[0].text
    assert "1 of the pairs stand in two official folds" in found[0].text
    assert any("1 file not used" in finding.text for finding in found)


def _linked(cells: pd.DataFrame, a: int, b: int) -> Index:
    """A set in which two cells are identical and their subjects therefore one group."""
    subjects = [cells["subject"][n] for n in (a, b)]
    pair = (f"{a:05}.bmp", f"{b:05}.bmp", *subjects, "exact", 0)
    group = cells["subject"].where(~cells["subject"].isin(subjects), "+".join(subjects))
    return index_of(cells.assign(group=group), pd.DataFrame([pair], columns=PAIR_COLUMNS))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("cell", "24 groups of subjects and 0 pairs of copies stand in more than one"),
        ("subject", "no known subject and no copy stands in two of them."),
        ("unknown", "no known subject and no copy stands in two of them; the subjects are not"),
    ],
)
def test_the_publishers_own_parts_are_said_with_what_crosses(by: str, said: str) -> None:
    cells = _cells()
    number = np.arange(len(cells)) if by != "subject" else np.arange(len(cells)) // 6
    cells["part"] = np.where(number % 4 == 0, "test", "train")
    if by == "unknown":
        cells["subject"] = None
    told = _said(index_of(cells))["published"].text
    assert "The publisher's parts are train (108), test (36)" in told and said in told
    assert "'published' keeps them" in told


def test_a_link_within_a_fold_is_not_said_to_cross_the_folds() -> None:
    cells = _cells()
    within, across = (_said(_linked(cells, 6, other)) for other in (24, 18))
    assert within.keys() == across.keys() == {"links"}
    assert "1 pair of" in within["links"].text and "1 and H4" in within["links"].text
    assert "official folds" not in within["links"].text
    assert "1 and 3" in across["links"].text
    assert "1 of the pairs stand in two official folds" in across["links"].text


def test_a_copy_within_a_subject_is_no_link() -> None:
    pair = ("00000.bmp", "00001.bmp", "H0", "H0", "exact", 0)
    assert _said(index_of(_cells(), pd.DataFrame([pair], columns=PAIR_COLUMNS))) == {}


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({"a": 1, "b": 0}, "a counts as ALL, the positive class; b as HEM."),
        ({"a": 1, "b": 0, "c": 1, "d": None}, "a, c count as ALL, the positive class; b as HEM."),
        ({"hem": 0, "All": 1}, None),
        ({}, None),
    ],
)
def test_classes_are_told_unless_their_names_say_it(
    classes: dict[str, int | None], said: str | None
) -> None:
    cells = _cells()
    if classes:
        cells = cells.assign(class_name=np.resize(list(classes), len(cells)))
    told = _said(replace(index_of(cells), classes=classes))
    assert told.keys() == ({"classes"} if said else set())
    assert said is None or said in told["classes"].text
    assert (None not in classes.values()) or "Left out: d." in told["classes"].text


def _with(**columns: object) -> Index:
    """The clean set with two more cells."""
    more = pd.DataFrame({"subject": None, "fold": None, **columns}, index=range(2))
    return index_of(pd.concat([_cells().astype(object), more], ignore_index=True))


def test_missing_labels_and_subjects_are_told_by_phase() -> None:
    told = _said(_with(phase=["preliminary"] * 2, label=None))
    assert told.keys() == {"unlabelled"} and "2 images" in told["unlabelled"].text
    told = _said(_with(phase=["final"] * 2, label=None))
    assert told.keys() == {"final"} and "2 images" in told["final"].text
    told = _said(_with(phase=["training"] * 2, label=[0, 1]))
    assert told.keys() == {"nameless"} and "2 labelled images" in told["nameless"].text


def test_a_missing_labels_csv_is_found_on_disk_and_a_complete_one_is_not(tmp_path: Path) -> None:
    for labels, keys in ((b"", {"unlabelled", "final", "rejected"}), (None, {"final"})):
        found = indexing.index(write_three_phases(tmp_path / "set", KAGGLE, labels))
        assert _said(found).keys() == keys


def test_no_label_at_all_is_told() -> None:
    cells = pd.DataFrame({"phase": ["final"] * 3, "label": [None] * 3, "subject": [None] * 3})
    assert _said(index_of(cells)).keys() == {"final", "no labels"}


def test_rejected_files_are_counted_with_the_most_common_reason() -> None:
    rows = [("a.txt", "not an image file"), ("b.txt", "not an image file"), ("c", "hidden file")]
    rejected = pd.DataFrame(rows, columns=["path", "reason"])
    few = index_of(_cells(each=40))
    told = _said(replace(few, rejected=rejected))
    assert "3 files not used; the most common reason (2): not an image file." in (
        told["rejected"].text
    )
    assert not told["rejected"].serious
    assert _said(replace(index_of(_cells()), rejected=rejected))["rejected"].serious


@pytest.mark.parametrize("label", [0, 1])
def test_a_class_in_the_majority_is_told_with_its_accuracy(label: int) -> None:
    cells = _cells()
    kept = cells[
        (cells["label"] == label) | cells["subject"].isin(["1", "3", "5", "H0", "H2", "H4"])
    ]
    told = findings(index_of(kept.reset_index(drop=True)))
    name = "ALL" if label else "HEM"
    words = f"80% of the labelled cells are {name}: always answering {name} has that"
    assert any(words in finding.text for finding in told)


@pytest.mark.parametrize("subjects", [4, 6, 8, 18])
def test_of_few_subjects_none_stands_out_for_being_one_of_few(subjects: int) -> None:
    cells = _cells(subjects)
    assert _said(index_of(cells), cells) == {}


@pytest.mark.slow
def test_noise_alone_seldom_makes_an_outlier_of_many_subjects() -> None:
    drawn = [_cells(72, seed=seed) for seed in range(20)]
    told = [_said(index_of(cells), cells).keys() for cells in drawn]
    assert sum("outlier" in names for names in told) <= 2


def test_a_subject_that_dominates_its_class_is_named() -> None:
    cells = _cells()
    more = cells[cells["subject"] == "5"]
    several = pd.concat([cells, more, more, more, more], ignore_index=True)
    told = _said(index_of(several))
    assert told.keys() == {"dominant"}
    assert "Subject 5 alone gives 31% of the ALL cells" in told["dominant"].text


def test_a_look_that_a_whole_class_shares_is_no_outlier() -> None:
    cells = _cells()
    cells.loc[cells["label"] == 1, ["diameter_px", "density"]] *= 1.3
    assert _said(index_of(cells), cells) == {}


def test_many_outliers_are_named_up_to_a_number() -> None:
    cells = _cells(40)
    odd = cells["subject"].isin([f"H{number}" for number in range(0, 16, 2)])
    cells.loc[odd, "focus"] *= 0.5
    told = _said(index_of(cells), cells)["outlier"].text
    assert told.count("(sharpness)") == 6 and told.endswith("and 2 more.")


@pytest.mark.parametrize(
    ("column", "word", "factor"),
    [("diameter_px", "size", 1.3), ("density", "stain", 0.7), ("texture", "chromatin", 1.5),
     ("focus", "sharpness", 0.7)],
)  # fmt: skip
def test_a_subject_that_looks_unlike_the_others_is_named_with_what_differs(
    column: str, word: str, factor: float
) -> None:
    cells = _cells()
    cells.loc[cells["subject"] == "H6", column] *= factor
    assert _said(index_of(cells)) == {}  # not before the cells are measured
    told = _said(index_of(cells), cells)
    assert told.keys() == {"outlier"}
    assert told["outlier"].text.endswith(f"their class: H6 ({word}).")
    few = cells[(cells["subject"] != "H6") | (cells.index % 3 == 0)].reset_index(drop=True)
    assert _said(index_of(few), few) == {}  # two cells are no typical look


def test_flagged_cells_are_counted_by_flag_and_many_are_serious() -> None:
    cells = _cells().assign(quality="")
    cells.loc[[3, 4], "quality"] = ["too dark", "out of focus, too dark"]
    told = _said(index_of(cells), cells)
    assert told.keys() == {"flags"} and not told["flags"].serious
    assert "2 cells with a quality flag: out of focus 1, too dark 2." in told["flags"].text
    assert _said(index_of(cells), cells.assign(quality="empty"))["flags"].serious
    whole = findings(index_of(cells), measures_of(cells.assign(quality="touches the border")))
    assert whole[0].serious and "144 of 144 images are filled to their border" in whole[0].text


def test_the_real_cells_leak_across_folds(real_data: Path) -> None:
    found = findings(indexing.index(real_data / "cnmc_sample"))
    assert found[0].serious
    assert "H10 and H3" in found[0].text and "H2 and H6" in found[0].text
