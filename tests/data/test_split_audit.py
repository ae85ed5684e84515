"""The audit of a split counts what crosses it, and its verdict names every number."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.data.duplicates import PAIR_COLUMNS
from core.data.indexing import index
from core.data.splits import (
    SplitAudit,
    audit,
    split,
)
from core.report.dataset import parts_table, split_verdict
from tests.factories.groups import three_phases
from tests.factories.trees import cell, save


def _pairs(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Pairs given as (image, image, kind)."""
    filled = [(a, b, "x", "y", kind, 0) for a, b, kind in rows]
    return pd.DataFrame(filled, columns=PAIR_COLUMNS)


PARTED = pd.DataFrame(
    [
        ("1", "1", "1+9", 1, "train"),
        ("2", "9", "1+9", 1, "test"),
        ("3", "H1", "H1", 0, "train"),
        ("4", "H1", "H1", 0, "train"),
        ("5", "H2", "H2", 0, "test"),
        ("6", "H2", "H2", 0, "validation"),
        ("7", None, None, 1, "validation"),
    ],
    columns=["image_id", "subject", "group", "label", "split"],
)
CLEAN = PARTED[PARTED["image_id"].isin(["1", "3", "5", "7"])].dropna()


def test_the_audit_counts_what_crosses():
    pairs = _pairs(
        ("1", "2", "exact"),
        ("3", "4", "exact"),
        ("3", "5", "near"),
        ("6", "5", "near"),
        ("1", "7", "exact"),
        ("1", "elsewhere", "exact"),
        ("gone", "elsewhere", "near"),
    )
    found = audit(PARTED, pairs)
    assert found.to_json() == {
        "leaking": True,
        "groups_crossing": 2,
        "exact_pairs_crossing": 2,
        "near_pairs_crossing": 2,
        "pairs_crossing": 4,
        "unknown_subjects": 1,
        "parts": {
            "train": {"images": 3, "subjects": 2, "groups": 2, "all": 1, "hem": 2},
            "validation": {"images": 2, "subjects": 1, "groups": 1, "all": 1, "hem": 1},
            "test": {"images": 2, "subjects": 2, "groups": 2, "all": 1, "hem": 1},
        },
    }
    assert parts_table(found).to_numpy().tolist() == [
        ["train", 3, 1, 2, 2, 2],
        ["validation", 2, 1, 1, 1, 1],
        ["test", 2, 1, 1, 2, 2],
    ]
    assert list(parts_table(found)) == ["part", "images", "ALL", "HEM", "subjects", "groups"]


@pytest.mark.parametrize(
    ("parts", "pairs", "leak"),
    [
        (CLEAN, _pairs(), {}),
        (CLEAN, _pairs(("1", "2", "exact"), ("1", "1", "near")), {}),
        (CLEAN, _pairs(("1", "5", "exact")), {"exact_pairs_crossing": 1, "pairs_crossing": 1}),
        (CLEAN, _pairs(("5", "3", "near")), {"near_pairs_crossing": 1, "pairs_crossing": 1}),
        (PARTED.iloc[:2], _pairs(), {"groups_crossing": 1}),
        (PARTED.iloc[6:], _pairs(), {"unknown_subjects": 1}),
    ],
)
def test_each_kind_of_leak_alone_makes_a_split_leak(parts, pairs, leak):
    found = audit(parts, pairs)
    assert found.leaking is bool(leak)
    numbers = {name: value for name, value in found if isinstance(value, int)}
    assert {name: value for name, value in numbers.items() if value} == (
        leak | {"leaking": True} if leak else {}
    )
    assert split_verdict(found).startswith("Nothing crosses") is not bool(leak)


def _audited(**found: int) -> SplitAudit:
    names = ("groups_crossing", "exact_pairs_crossing", "near_pairs_crossing", "unknown_subjects")
    counts = dict.fromkeys(names, 0) | found
    pairs = counts["exact_pairs_crossing"] + counts["near_pairs_crossing"]
    return SplitAudit(pairs_crossing=pairs, leaking=any(counts.values()), **counts)


def test_the_verdict_names_every_number_and_hides_no_leak_behind_another():
    words = split_verdict(
        _audited(groups_crossing=3, exact_pairs_crossing=71, near_pairs_crossing=5)
    )
    assert "leaks: 3 groups of subjects, 71 identical and 5 nearly identical" in words
    assert "not known" not in words
    words = split_verdict(_audited(unknown_subjects=1200))
    assert "1,200 images are not known" in words and "leaks" not in words
    words = split_verdict(_audited(unknown_subjects=4, exact_pairs_crossing=9))
    assert "4 images are not known" in words and "9 identical" in words


def test_the_official_folds_leak_where_a_subject_has_two_ids(tmp_path):
    """As C-NMC's 20 in fold_0 and 21 in fold_2, and 51 in fold_1 and 78 in fold_2."""
    folds = [("20", 0), ("H1", 0), ("51", 1), ("H2", 1), ("21", 2), ("78", 2), ("H3", 2)]
    for subject, fold in folds:
        name = "hem" if subject.startswith("H") else "all"
        file = f"fold_{fold}/{name}/UID_{subject}_1_1_{name}.bmp"
        save(tmp_path / "set" / file, cell({"21": "20"}.get(subject, subject)))
    save(tmp_path / "set/fold_2/all/UID_78_1_2_all.bmp", _a_few_pixels_changed(cell("51")))
    found = index(tmp_path / "set")
    leak = audit(split(found, "folds", seed=0), found.pairs)
    assert leak.leaking is True
    assert (leak.groups_crossing, leak.unknown_subjects) == (2, 0)
    assert (leak.exact_pairs_crossing, leak.near_pairs_crossing) == (1, 1)
    assert "2 groups of subjects, 1 identical and 1 nearly identical" in split_verdict(leak)


def _a_few_pixels_changed(image: np.ndarray) -> np.ndarray:
    changed = image.copy()
    changed[220:224, 220:224] ^= 0x80
    return changed


def test_a_patient_of_both_phases_makes_the_preliminary_split_leak():
    found = three_phases()
    subject = found.cells["subject"].replace("10", "4").replace("H10", "H4")
    both = replace(found, cells=found.cells.assign(subject=subject, group=subject))
    found = audit(split(both, "preliminary", seed=0), both.pairs)
    assert (found.leaking, found.groups_crossing) == (True, 1)
