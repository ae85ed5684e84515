import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.data.splits import FRACTIONS, PARTS, audit, sample, split
from core.errors import ConfigError, DataError


def _table(groups: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Cells of groups given as (number of HEM, number of ALL)."""
    rows = [
        (f"{group}-{n}", group, int(n >= hem), n % 3)
        for group, (hem, blasts) in groups.items()
        for n in range(hem + blasts)
    ]
    return pd.DataFrame(rows, columns=["image_id", "group", "label", "fold"])


def _random_groups(rng: np.random.Generator) -> dict[str, tuple[int, int]]:
    sizes = [int(rng.choice([1, 2, 5, 20, 100])) for _ in range(rng.integers(6, 16))]
    blasts = set(range(int(rng.integers(3, len(sizes) - 2))))
    return {f"g{n}": (0, size) if n in blasts else (size, 0) for n, size in enumerate(sizes)}


def _check_disjoint_and_complete(parts: pd.DataFrame) -> None:
    assert (parts.groupby("group")["split"].nunique() == 1).all()
    for part in PARTS:
        assert set(parts.loc[parts["split"] == part, "label"]) == {0, 1}


def test_the_subject_split_divides_no_group_and_comes_near_its_fractions(demo_index):
    for seed in range(40):
        parts = split(demo_index, "subject", seed=seed)
        _check_disjoint_and_complete(parts)
        shares = parts["split"].value_counts(normalize=True)
        for part, wanted in zip(PARTS, FRACTIONS, strict=True):
            assert abs(shares[part] - wanted) < 0.1
        pd.testing.assert_frame_equal(parts.drop(columns="split"), demo_index.cells)


def test_linked_subjects_stay_together(demo_index):
    cells = demo_index.cells.copy()
    cells.loc[cells["subject"].isin(["H1", "H2", "H3"]), "group"] = "H1+H2+H3"
    linked = replace(demo_index, cells=cells)
    for seed in range(20):
        parts = split(linked, "subject", seed=seed)
        _check_disjoint_and_complete(parts)
        assert parts.loc[parts["subject"].isin(["H1", "H2", "H3"]), "split"].nunique() == 1


@pytest.mark.parametrize("method", ["subject", "image"])
def test_a_seed_decides_the_split(demo_index, method):
    drawn = [tuple(split(demo_index, method, seed=seed)["split"]) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


def test_any_table_with_three_groups_a_class_can_be_split_by_subject(demo_index):
    rng = np.random.default_rng(6)
    for seed in range(60):
        _check_disjoint_and_complete(
            split(demo_index, "subject", seed=seed, cells=_table(_random_groups(rng)))
        )


def test_groups_of_both_classes_can_be_split_by_subject(demo_index):
    rng = np.random.default_rng(7)
    for seed in range(60):
        groups = {
            name: tuple(size or int(rng.integers(0, 3)) for size in sizes)
            for name, sizes in _random_groups(rng).items()
        }
        _check_disjoint_and_complete(split(demo_index, "subject", seed=seed, cells=_table(groups)))


def test_a_class_that_never_leads_its_group_still_reaches_every_part(demo_index):
    groups = {f"g{n}": (9, int(n < 3)) for n in range(11)}
    for seed in range(12):
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
    assert audit(by_image, demo_index.pairs)["leaking"] is True
    by_subject = audit(split(demo_index, "subject", seed=0), demo_index.pairs)
    assert by_subject["leaking"] is False
    assert (by_subject["groups_crossing"], by_subject["pairs_crossing"]) == (0, 0)


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
    with pytest.raises(DataError, match="needs every cell in fold_0, fold_1 or fold_2"):
        split(demo_index, "folds", seed=0, cells=cells)


def test_an_unknown_method_is_refused_with_the_known_ones(demo_index):
    with pytest.raises(ConfigError, match="'random'; it can be subject, folds, image"):
        split(demo_index, "random", seed=0)


def test_the_audit_counts_what_crosses():
    parts = pd.DataFrame(
        [
            ("1", "a", 1, "train"),
            ("2", "a", 1, "test"),
            ("3", "b", 0, "train"),
            ("4", "b", 0, "train"),
            ("5", "c", 0, "test"),
        ],
        columns=["image_id", "group", "label", "split"],
    )
    ends = [("1", "2"), ("3", "4"), ("3", "5"), ("1", "elsewhere")]
    pairs = pd.DataFrame(ends, columns=["image_a", "image_b"])
    assert audit(parts, pairs) == {
        "leaking": True,
        "groups_crossing": 1,
        "pairs_crossing": 2,
        "parts": {
            "train": {"images": 3, "groups": 2, "all": 1},
            "test": {"images": 2, "groups": 2, "all": 1},
        },
    }
    assert audit(parts[parts["group"] == "b"], pairs.iloc[1:2])["leaking"] is False


def test_a_duplicate_across_parts_leaks_even_between_groups():
    parts = pd.DataFrame(
        [("1", "a", 1, "train"), ("2", "b", 1, "test")],
        columns=["image_id", "group", "label", "split"],
    )
    found = audit(parts, pd.DataFrame([("1", "2")], columns=["image_a", "image_b"]))
    assert (found["leaking"], found["groups_crossing"], found["pairs_crossing"]) == (True, 0, 1)


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
def test_a_sample_is_spread_over_the_groups(balance):
    cells = _table({"a": (0, 50), "b": (0, 4), "c": (0, 30), "d": (40, 0), "e": (40, 0)})
    for seed in range(10):
        for images in (10, 30, 60):
            drawn = sample(cells, images, balance=balance, seed=seed)
            taken = drawn["group"].value_counts()
            for groups in (["a", "b", "c"], ["d", "e"]):
                have = cells["group"].value_counts()[groups]
                got = taken.reindex(groups, fill_value=0)
                open_ended = got[got < have]  # groups that still had cells to give
                assert got.max() - open_ended.min() <= 1


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
