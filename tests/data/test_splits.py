"""Splits keep their word, and an audit says where they do not."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.duplicates import PAIR_COLUMNS
from core.data.indexing import Index, index
from core.data.splits import (
    FRACTIONS,
    METHODS,
    PARTS,
    SplitAudit,
    audit,
    cross_validation,
    draw,
    pool,
    sample,
    split,
)
from core.errors import ConfigError, DataError
from core.report.dataset import parts_table, split_verdict
from tests.factories.trees import cell, index_of, save


def _table(groups: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Cells of groups given as (number of HEM, number of ALL)."""
    rows = [
        (f"{group}-{n}", group, int(n >= hem), n % 3)
        for group, (hem, blasts) in groups.items()
        for n in range(hem + blasts)
    ]
    return pd.DataFrame(rows, columns=["image_id", "group", "label", "fold"])


SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def _groups(draw: st.DrawFn, *, of_other_class: int = 0) -> dict[str, tuple[int, int]]:
    """Three to seven groups that are mostly HEM and as many that are mostly ALL."""
    sizes = st.sampled_from([1, 2, 5, 20, 100])
    others = st.integers(0, of_other_class)
    hem = draw(st.lists(st.tuples(sizes, others), min_size=3, max_size=7))
    blasts = draw(st.lists(st.tuples(others, sizes), min_size=3, max_size=7))
    return {f"g{number}": counts for number, counts in enumerate([*hem, *blasts])}


def _check_disjoint_and_complete(parts: pd.DataFrame) -> None:
    assert (parts.groupby("group")["split"].nunique() == 1).all()
    for part in PARTS:
        assert set(parts.loc[parts["split"] == part, "label"]) == {0, 1}


@given(seed=SEEDS)
def test_the_subject_split_divides_no_group_and_comes_near_its_fractions(demo_index, seed):
    parts = split(demo_index, "subject", seed=seed)
    _check_disjoint_and_complete(parts)
    shares = parts["split"].value_counts(normalize=True)
    for part, wanted in zip(PARTS, FRACTIONS, strict=True):
        assert abs(shares[part] - wanted) < 0.1
    pd.testing.assert_frame_equal(parts.drop(columns="split"), demo_index.labelled())


@given(seed=SEEDS)
def test_linked_subjects_stay_together(demo_index, seed):
    cells = demo_index.cells.copy()
    cells.loc[cells["subject"].isin(["H1", "H2", "H3"]), "group"] = "H1+H2+H3"
    parts = split(replace(demo_index, cells=cells), "subject", seed=seed)
    _check_disjoint_and_complete(parts)
    assert parts.loc[parts["subject"].isin(["H1", "H2", "H3"]), "split"].nunique() == 1


@pytest.mark.parametrize("method", ["subject", "image"])
def test_a_seed_decides_the_split(demo_index, method):
    drawn = [tuple(split(demo_index, method, seed=seed)["split"]) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


@given(seed=SEEDS, groups=_groups())
def test_any_table_with_three_groups_a_class_can_be_split_by_subject(demo_index, seed, groups):
    _check_disjoint_and_complete(split(demo_index, "subject", seed=seed, cells=_table(groups)))


@given(seed=SEEDS, groups=_groups(of_other_class=2))
def test_groups_of_both_classes_can_be_split_by_subject(demo_index, seed, groups):
    _check_disjoint_and_complete(split(demo_index, "subject", seed=seed, cells=_table(groups)))


@given(seed=SEEDS)
def test_a_class_that_never_leads_its_group_still_reaches_every_part(demo_index, seed):
    groups = {f"g{n}": (9, int(n < 3)) for n in range(11)}
    _check_disjoint_and_complete(split(demo_index, "subject", seed=seed, cells=_table(groups)))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            {"a": (0, 9), "b": (0, 9), "c": (9, 0), "d": (9, 0), "e": (9, 0)},
            "ALL cells come from 2",
        ),
        ({"a": (0, 9), "b": (0, 9), "c": (0, 9), "d": (9, 0)}, "HEM cells come from 1"),
        ({"a": (0, 9), "b": (0, 9), "c": (0, 9)}, "HEM cells come from 0"),
    ],
)
def test_fewer_than_three_groups_of_a_class_cannot_be_split_by_subject(demo_index, groups, message):
    with pytest.raises(DataError, match=message):
        split(demo_index, "subject", seed=0, cells=_table(groups))


def test_the_image_split_keeps_class_shares_and_leaks_and_the_subject_split_does_not(demo_index):
    by_image = split(demo_index, "image", seed=0)
    counts = by_image.groupby(["split", "label"]).size()
    assert counts.loc["train"].to_dict() == {0: 34, 1: 50}
    for part in ("validation", "test"):
        assert counts.loc[part].to_dict() == {0: 7, 1: 11}
    assert audit(by_image, demo_index.pairs).leaking is True
    by_subject = audit(split(demo_index, "subject", seed=0), demo_index.pairs)
    assert by_subject.leaking is False
    assert (by_subject.groups_crossing, by_subject.pairs_crossing) == (0, 0)


def test_an_image_split_needs_three_cells_of_each_class_and_no_more(demo_index):
    with pytest.raises(DataError, match=r"There are 2 HEM cells.*at least 3"):
        split(demo_index, "image", seed=0, cells=_table({"a": (2, 2)}))
    for cells in range(3, 12):
        table = _table({"a": (cells, cells)})
        parts = split(demo_index, "image", seed=0, cells=table)
        assert parts.groupby("split")["label"].nunique().to_dict() == dict.fromkeys(PARTS, 2)


def test_folds_become_parts_in_their_order(demo_index):
    parts = split(demo_index, "folds", seed=0)
    pairs = set(zip(parts["fold"], parts["split"], strict=True))
    assert pairs == {(0, "train"), (1, "validation"), (2, "test")}


@pytest.mark.parametrize("fold", [3, None])
def test_a_cell_outside_the_three_folds_cannot_be_split_by_fold(demo_index, fold):
    cells = demo_index.cells.copy()
    cells.loc[cells.index[0], "fold"] = fold
    with pytest.raises(DataError, match="fold_0, fold_1 or fold_2; 1 are in none of them"):
        split(demo_index, "folds", seed=0, cells=cells)


def test_an_unknown_method_is_refused_with_the_known_ones(demo_index):
    with pytest.raises(ConfigError, match=f"'random'; it can be {', '.join(METHODS)}"):
        split(demo_index, "random", seed=0)


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
    assert "1,200 cells are not known" in words and "leaks" not in words
    words = split_verdict(_audited(unknown_subjects=4, exact_pairs_crossing=9))
    assert "4 cells are not known" in words and "9 identical" in words


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


def _phased(seed: int = 0) -> Index:
    """Ten training subjects, six preliminary and one final one; some cells are unlabelled."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(17):
        phase = "training" if number < 10 else "preliminary" if number < 16 else "final"
        label = number % 2 if phase != "final" else None
        subject = f"{'' if label else 'H'}{number}" if label is not None else None
        part = PARTS[number // 2 % 3]
        rows += [(phase, subject, label, number % 3, part)] * int(rng.integers(3, 9))
    rows += [("preliminary", None, None, None, None)] * 4
    return index_of(pd.DataFrame(rows, columns=["phase", "subject", "label", "fold", "part"]))


@given(seed=SEEDS)
def test_the_preliminary_split_tests_on_that_phase_alone_and_trains_by_group(seed):
    found = _phased()
    parts = split(found, "preliminary", seed=seed)
    preliminary = parts["phase"] == "preliminary"
    assert (preliminary == (parts["split"] == "test")).all()
    assert set(parts["phase"]) == {"training", "preliminary"}
    _check_disjoint_and_complete(parts)
    assert audit(parts, found.pairs).leaking is False
    trained = parts.loc[~preliminary, "split"].value_counts(normalize=True)
    assert trained["train"] > trained["validation"] > 0


def test_a_patient_of_both_phases_makes_the_preliminary_split_leak():
    found = _phased()
    subject = found.cells["subject"].replace("10", "4").replace("H10", "H4")
    both = replace(found, cells=found.cells.assign(subject=subject, group=subject))
    found = audit(split(both, "preliminary", seed=0), both.pairs)
    assert (found.leaking, found.groups_crossing) == (True, 1)


def test_without_the_preliminary_phase_its_split_says_what_is_missing(demo_index):
    with pytest.raises(DataError, match=r"needs the cells of .* labels CSV, and finds none"):
        split(demo_index, "preliminary", seed=0)


@pytest.mark.parametrize("method", METHODS)
def test_only_labelled_cells_of_the_right_phases_enter_a_split(method):
    found = _phased()
    phases = {"training", "preliminary"} if method == "preliminary" else {"training"}
    wanted = found.cells[found.cells["phase"].isin(phases) & found.cells["label"].notna()]
    for parts in (pool(found, method), split(found, method, seed=3)):
        assert list(parts["image_id"]) == list(wanted["image_id"])
        assert str(parts["label"].dtype) == "int64"
    drawn = draw(found, method, seed=3, sample_of=40, balance="natural")
    assert len(drawn) == 40 and set(drawn["image_id"]) <= set(wanted["image_id"])


@pytest.mark.parametrize("method", METHODS)
def test_a_set_without_labels_cannot_be_split(method):
    found = index_of(pd.DataFrame({"label": [None] * 4, "phase": ["final"] * 4}))
    assert pool(found, method).empty
    with pytest.raises(DataError, match="no labelled cells"):
        split(found, method, seed=0)


def test_cells_of_unknown_subjects_split_by_image_alone_and_the_audit_says_so():
    cells = pd.DataFrame({"subject": [None] * 40, "label": [0, 1] * 20})
    found = index_of(cells)
    with pytest.raises(DataError, match="subjects of 40 cells are not known"):
        split(found, "subject", seed=0)
    parts = split(found, "image", seed=0)
    told = audit(parts, found.pairs)
    assert (told.leaking, told.groups_crossing, told.unknown_subjects) == (True, 0, 40)
    assert [told.parts[part].groups for part in PARTS] == [0, 0, 0]
    assert "40 cells are not known" in split_verdict(told)


def test_a_part_without_a_class_is_refused():
    cells = pd.DataFrame({"fold": [0, 0, 1, 1, 2, 2], "label": [0, 1, 0, 1, 1, 1]})
    with pytest.raises(DataError, match="the test part of a set lacks a class"):
        split(index_of(cells), "folds", seed=0)


def test_drawing_is_sampling_and_then_splitting(demo_index):
    options = {"balance": "balanced", "seed": 5}
    drawn = draw(demo_index, "subject", sample_of=60, **options)
    sampled = sample(pool(demo_index, "subject"), 60, **options)
    wanted = split(demo_index, "subject", seed=5, cells=sampled)
    pd.testing.assert_frame_equal(drawn, wanted)
    whole = draw(demo_index, "subject", sample_of=None, **options)
    pd.testing.assert_frame_equal(whole, split(demo_index, "subject", seed=5))


def test_a_natural_sample_keeps_the_class_shares(demo_index):
    for images in (10, 25, 60, 119, 120):
        drawn = sample(demo_index.cells, images, balance="natural", seed=1)
        assert len(drawn) == images
        assert drawn["image_id"].is_unique
        assert abs(drawn["label"].sum() - 0.6 * images) <= 0.5
        assert drawn.index.is_monotonic_increasing


def test_a_balanced_sample_is_half_and_half(demo_index):
    for images in (2, 31, 96):
        drawn = sample(demo_index.cells, images, balance="balanced", seed=1)
        assert drawn["label"].sum() == (images + 1) // 2
        assert len(drawn) == images


@pytest.mark.parametrize("balance", ["natural", "balanced"])
@given(seed=SEEDS, images=st.integers(10, 60))
def test_a_sample_is_spread_over_the_groups(balance, seed, images):
    cells = _table({"a": (0, 50), "b": (0, 4), "c": (0, 30), "d": (40, 0), "e": (40, 0)})
    taken = sample(cells, images, balance=balance, seed=seed)["group"].value_counts()
    for groups in (["a", "b", "c"], ["d", "e"]):
        have = cells["group"].value_counts()[groups]
        got = taken.reindex(groups, fill_value=0)
        open_ended = got[got < have]  # groups that still had cells to give
        assert got.max() - open_ended.min() <= 1


def test_a_sample_of_cells_without_subjects_is_drawn_all_the_same():
    cells = _table({"a": (30, 30)}).assign(group=None)
    drawn = sample(cells, 20, balance="balanced", seed=0)
    assert (len(drawn), drawn["label"].sum()) == (20, 10)


def test_a_seed_decides_the_sample(demo_index):
    drawn = [
        tuple(sample(demo_index.cells, 30, balance="natural", seed=seed)["image_id"])
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("images", "balance", "message"),
    [
        (121, "natural", "needs 73 ALL cells; the data set has 72"),
        (98, "balanced", "needs 49 HEM cells; the data set has 48"),
        (10, "uniform", "balance is 'uniform'; it can be natural, balanced"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(demo_index, images, balance, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        sample(demo_index.cells, images, balance=balance, seed=0)


def test_a_sample_too_small_for_both_classes_asks_for_more_and_not_for_fewer(demo_index):
    with pytest.raises(ConfigError) as caught:
        sample(demo_index.cells, 1, balance="balanced", seed=0)
    assert "fewer" not in str(caught.value)


def _folds(found: Index, method: str, folds: int, cells: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """The part of each cell in each fold, (folds, cells)."""
    options = {"seed": seed, "folds": folds, "cells": cells}
    drawn = [cross_validation(found, method, fold=fold, **options) for fold in range(folds)]
    assert all(parts["image_id"].equals(cells["image_id"]) for parts in drawn)
    return np.array([parts["split"] for parts in drawn])


@pytest.mark.parametrize("method", ["subject", "image"])
@given(seed=SEEDS, folds=st.integers(3, 5))
@settings(max_examples=10)
def test_over_the_folds_every_cell_is_tested_once_and_validates_once(
    demo_index, method, seed, folds
):
    parts = _folds(demo_index, method, folds, pool(demo_index, method), seed)
    for part, times in (("test", 1), ("validation", 1), ("train", folds - 2)):
        assert ((parts == part).sum(axis=0) == times).all()
    # The next fold's test part is what validates.
    assert np.array_equal(parts == "validation", np.roll(parts == "test", -1, axis=0))


@given(
    seed=SEEDS,
    hem=st.lists(st.tuples(st.integers(1, 39), st.integers(0, 1)), min_size=6, max_size=6),
    blasts=st.lists(st.integers(1, 39), min_size=5, max_size=5),
)
@settings(max_examples=10)
def test_no_fold_divides_a_group_and_each_part_has_both_classes(demo_index, seed, hem, blasts):
    sizes = [*hem, *((0, number) for number in blasts)]
    cells = _table({f"g{number}": counts for number, counts in enumerate(sizes)})
    for parts in _folds(demo_index, "subject", 3, cells, seed):
        _check_disjoint_and_complete(cells.assign(split=parts))


def test_folds_of_images_hold_equal_shares_of_each_class(demo_index):
    cells = _table({"a": (31, 47), "b": (20, 3)})
    for fold in _folds(demo_index, "image", 5, cells):
        for label, number in ((0, 51), (1, 50)):
            tested = ((fold == "test") & (cells["label"] == label)).sum()
            assert number // 5 <= tested <= -(-number // 5)


def test_the_seed_and_the_number_of_folds_decide_them_and_nothing_else(demo_index):
    cells = pool(demo_index, "subject")
    drawn = {seed: _folds(demo_index, "subject", 3, cells, seed) for seed in range(5)}
    assert np.array_equal(drawn[0], _folds(demo_index, "subject", 3, cells, 0))
    assert any(not np.array_equal(drawn[0], drawn[seed]) for seed in range(1, 5))
    options = {"seed": 2, "sample_of": 60, "balance": "balanced"}
    tested = [
        draw(demo_index, "subject", folds=3, fold=fold, **options).query("split == 'test'")
        for fold in range(3)
    ]
    together = pd.concat(tested)["image_id"]
    sampled = draw(demo_index, "subject", **options)["image_id"]
    assert sorted(together) == sorted(sampled) and together.is_unique


def test_folds_that_cannot_be_are_refused(demo_index):
    options = {"seed": 0, "fold": 0}
    cells = pool(demo_index, "subject")
    with pytest.raises(ConfigError, match="'folds'; cross-validation takes subject or image"):
        cross_validation(demo_index, "folds", folds=3, cells=cells, **options)
    with pytest.raises(DataError, match=r"needs at least 9\. Add subjects"):
        cross_validation(demo_index, "subject", folds=9, cells=cells, **options)
    few = _table({"a": (2, 9)})
    with pytest.raises(DataError, match=r"With 3 folds, one of .* lacks a class"):
        cross_validation(demo_index, "image", folds=3, cells=few, **options)


def _with_parts(*parts: str) -> Index:
    """Twelve subjects of two cells of each class, which the publisher dealt out in turn."""
    return index_of(
        pd.DataFrame(
            {
                "subject": [f"{label}{n}" for n in range(12) for label in (0, 0, 1, 1)],
                "label": [0, 0, 1, 1] * 12,
                "part": [parts[n % len(parts)] for n in range(12) for _ in range(4)],
            }
        )
    )


@pytest.mark.parametrize("parts", [("train", "validation", "test"), ("train", "train", "test")])
def test_the_publishers_parts_are_kept(parts: tuple[str, ...]) -> None:
    index = _with_parts(*parts)
    result = split(index, "published", seed=3)
    held_out = result["part"] == "test"
    assert (result["split"][held_out] == "test").all()
    assert (result["split"][~held_out] != "test").all()
    if "validation" in parts:
        assert (result["split"] == result["part"]).all()
    else:
        assert 4 <= (result["split"] == "validation").sum() <= 8
    assert audit(result, index.pairs).groups_crossing == 0


def test_without_a_published_test_part_the_validation_part_tests() -> None:
    result = split(_with_parts("train", "train", "validation"), "published", seed=0)
    assert ((result["split"] == "test") == (result["part"] == "validation")).all()
    assert set(result["split"]) == set(PARTS)


def test_without_subjects_the_published_training_part_is_dealt_by_image() -> None:
    index = _with_parts("train", "train", "test")
    index.cells["group"] = None
    result = split(index, "published", seed=0)
    counts = result.loc[result["part"] == "train", "split"].value_counts()
    assert counts["validation"] == pytest.approx(counts.sum() * 0.15, abs=2)


def test_cells_outside_the_published_parts_are_refused_by_number() -> None:
    index = _with_parts("train", "test")
    index.cells.loc[:4, "part"] = None
    with pytest.raises(DataError, match="5 are in none"):
        split(index, "published", seed=0)
