"""Splits by subject, image, fold and phase keep their word."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given

from core.data.splits import (
    FRACTIONS,
    METHODS,
    PARTS,
    audit,
    draw,
    pool,
    split,
)
from core.errors import ConfigError, DataError
from core.report.dataset import split_verdict
from tests.factories.groups import (
    SEEDS,
    any_groups,
    check_disjoint_and_complete,
    table_of_groups,
    three_phases,
)
from tests.factories.trees import index_of


@given(seed=SEEDS)
def test_the_subject_split_divides_no_group_and_comes_near_its_fractions(demo_index, seed):
    parts = split(demo_index, "subject", seed=seed)
    check_disjoint_and_complete(parts)
    shares = parts["split"].value_counts(normalize=True)
    for part, wanted in zip(PARTS, FRACTIONS, strict=True):
        assert abs(shares[part] - wanted) < 0.1
    pd.testing.assert_frame_equal(parts.drop(columns="split"), demo_index.labelled())


@given(seed=SEEDS)
def test_linked_subjects_stay_together(demo_index, seed):
    cells = demo_index.cells.copy()
    cells.loc[cells["subject"].isin(["H1", "H2", "H3"]), "group"] = "H1+H2+H3"
    parts = split(replace(demo_index, cells=cells), "subject", seed=seed)
    check_disjoint_and_complete(parts)
    assert parts.loc[parts["subject"].isin(["H1", "H2", "H3"]), "split"].nunique() == 1


@pytest.mark.parametrize("method", ["subject", "image"])
def test_a_seed_decides_the_split(demo_index, method):
    drawn = [tuple(split(demo_index, method, seed=seed)["split"]) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


@given(seed=SEEDS, groups=any_groups())
def test_any_table_with_three_groups_a_class_can_be_split_by_subject(demo_index, seed, groups):
    check_disjoint_and_complete(
        split(demo_index, "subject", seed=seed, cells=table_of_groups(groups))
    )


@given(seed=SEEDS, groups=any_groups(of_other_class=2))
def test_groups_of_both_classes_can_be_split_by_subject(demo_index, seed, groups):
    check_disjoint_and_complete(
        split(demo_index, "subject", seed=seed, cells=table_of_groups(groups))
    )


@given(seed=SEEDS)
def test_a_class_that_never_leads_its_group_still_reaches_every_part(demo_index, seed):
    groups = {f"g{n}": (9, int(n < 3)) for n in range(11)}
    check_disjoint_and_complete(
        split(demo_index, "subject", seed=seed, cells=table_of_groups(groups))
    )


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            {"a": (0, 9), "b": (0, 9), "c": (9, 0), "d": (9, 0), "e": (9, 0)},
            "ALL images come from 2",
        ),
        ({"a": (0, 9), "b": (0, 9), "c": (0, 9), "d": (9, 0)}, "HEM images come from 1"),
        ({"a": (0, 9), "b": (0, 9), "c": (0, 9)}, "HEM images come from 0"),
    ],
)
def test_fewer_than_three_groups_of_a_class_cannot_be_split_by_subject(demo_index, groups, message):
    with pytest.raises(DataError, match=message):
        split(demo_index, "subject", seed=0, cells=table_of_groups(groups))


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
    with pytest.raises(DataError, match=r"There are 2 HEM images.*at least 3"):
        split(demo_index, "image", seed=0, cells=table_of_groups({"a": (2, 2)}))
    for cells in range(3, 12):
        table = table_of_groups({"a": (cells, cells)})
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


@pytest.mark.slow
@given(seed=SEEDS)
def test_the_preliminary_split_tests_on_that_phase_alone_and_trains_by_group(seed):
    found = three_phases()
    parts = split(found, "preliminary", seed=seed)
    preliminary = parts["phase"] == "preliminary"
    assert (preliminary == (parts["split"] == "test")).all()
    assert set(parts["phase"]) == {"training", "preliminary"}
    check_disjoint_and_complete(parts)
    assert audit(parts, found.pairs).leaking is False
    trained = parts.loc[~preliminary, "split"].value_counts(normalize=True)
    assert trained["train"] > trained["validation"] > 0


def test_without_the_preliminary_phase_its_split_says_what_is_missing(demo_index):
    with pytest.raises(DataError, match=r"needs the images of .* labels CSV, and finds none"):
        split(demo_index, "preliminary", seed=0)


@pytest.mark.parametrize("method", METHODS)
def test_only_labelled_cells_of_the_right_phases_enter_a_split(method):
    found = three_phases()
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
    with pytest.raises(DataError, match="no labelled images"):
        split(found, method, seed=0)


def test_cells_of_unknown_subjects_split_by_image_alone_and_the_audit_says_so():
    cells = pd.DataFrame({"subject": [None] * 40, "label": [0, 1] * 20})
    found = index_of(cells)
    with pytest.raises(DataError, match="subjects of 40 images are not known"):
        split(found, "subject", seed=0)
    parts = split(found, "image", seed=0)
    told = audit(parts, found.pairs)
    assert (told.leaking, told.groups_crossing, told.unknown_subjects) == (True, 0, 40)
    assert [told.parts[part].groups for part in PARTS] == [0, 0, 0]
    assert "40 images are not known" in split_verdict(told)


def test_a_part_without_a_class_is_refused():
    cells = pd.DataFrame({"fold": [0, 0, 1, 1, 2, 2], "label": [0, 1, 0, 1, 1, 1]})
    with pytest.raises(DataError, match="the test part of a set lacks a class"):
        split(index_of(cells), "folds", seed=0)
