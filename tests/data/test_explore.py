"""The gallery's filters and orders, against plain Python over the same table."""

import itertools
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.data.duplicates import PAIR_COLUMNS
from core.data.explore import (
    ANY_FLAG,
    COPIES,
    LABELS,
    NO_FLAG,
    ORDERS,
    Filters,
    select,
    spread,
)
from core.data.indexing import Index
from core.errors import ConfigError
from tests.factories.trees import index_of, measures_of

PHASES = ("training", "preliminary", "final")
FLAGS = ("", "", "too dark", "out of focus", "out of focus, too dark", "touches the border")


def _drawn(cells: int, seed: int = 0) -> tuple[Index, pd.DataFrame]:
    """Random cells of nine subjects; a tenth is unlabelled, a tenth is of unknown subjects."""
    rng = np.random.default_rng(seed)
    subjects = np.array([None, *"123456", "H1", "H2", "H3"], dtype=object)
    subject = subjects[rng.integers(0, 10, cells)]
    label = [None if rng.random() < 0.1 else int(not str(s).startswith("H")) for s in subject]
    table = pd.DataFrame(
        {
            "subject": subject,
            "label": label,
            "phase": rng.choice(PHASES, cells),
            "fold": [None if n == 3 else n for n in rng.integers(0, 4, cells)],
            "quality": rng.choice(FLAGS, cells),
        }
    )
    for measure in ("area_px", "roundness", "density", "texture", "focus"):
        table[measure] = np.where(rng.random(cells) < 0.1, np.nan, rng.integers(0, 50, cells))
    ends = rng.choice(cells, (cells // 5, 2))
    rows = [
        (f"{a:05}.bmp", f"{b:05}.bmp", subject[a], subject[b], rng.choice(["exact", "near"]), 0)
        for a, b in ends
        if a != b
    ]
    return index_of(table, pd.DataFrame(rows, columns=PAIR_COLUMNS)), measures_of(table)


FOUND, MEASURED = _drawn(300)
KNOWN = FOUND.cells.merge(MEASURED, on="image_id")
CELLS = KNOWN.astype(object).where(KNOWN.notna(), None).to_dict("records")
PAIRS = FOUND.pairs.to_dict("records")
PARTS = pd.Series(
    dict(zip(FOUND.cells["image_id"][::2], itertools.cycle(["train", "validation", "test"])))
)
CHOICES: dict[str, list[Any]] = {
    "phase": [None, *PHASES],
    "label": [None, *LABELS],
    "fold": [None, 0, 2, 9],
    "subjects": [(), ("1",), ("2", "H3"), ("nobody",)],
    "part": [None, "train", "test"],
    "flag": [None, ANY_FLAG, NO_FLAG, "too dark", "touches the border", "empty"],
    "copies": [None, *COPIES],
}


def _passes(cell: dict[str, Any], filters: Filters) -> bool:
    """One cell against all filters, in plain Python."""
    labels = {"ALL": 1, "HEM": 0, "unlabelled": None}
    flags = [flag for flag in cell["quality"].split(", ") if flag]
    mine = [pair for pair in PAIRS if cell["image_id"] in (pair["image_a"], pair["image_b"])]
    known = [p for p in mine if isinstance(p["subject_a"], str) and isinstance(p["subject_b"], str)]
    copies = {
        "has a copy": bool(mine),
        "no copy": not mine,
        "identical copy": any(pair["kind"] == "exact" for pair in mine),
        "near copy": any(pair["kind"] == "near" for pair in mine),
        "copy under another subject": any(p["subject_a"] != p["subject_b"] for p in known),
    }
    rules = {
        "phase": lambda wanted: cell["phase"] == wanted,
        "label": lambda wanted: cell["label"] == labels[wanted],
        "fold": lambda wanted: cell["fold"] == wanted,
        "subjects": lambda wanted: cell["subject"] in wanted,
        "part": lambda wanted: PARTS.get(cell["image_id"]) == wanted,
        "flag": lambda wanted: {ANY_FLAG: bool(flags), NO_FLAG: not flags}.get(
            wanted, wanted in flags
        ),
        "copies": lambda wanted: copies[wanted],
    }
    set_ones = {name: value for name, value in asdict(filters).items() if value not in (None, ())}
    return all(rules[name](value) for name, value in set_ones.items())


def _plain(filters: Filters) -> set[str]:
    return {cell["image_id"] for cell in CELLS if _passes(cell, filters)}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in CHOICES.items() for value in values]
)
def test_each_filter_alone_lets_the_right_cells_through(name, value):
    filters = replace(Filters(), **{name: value})
    shown = select(FOUND, filters, parts=PARTS, measured=MEASURED)
    assert sorted(shown["image_id"]) == sorted(_plain(filters))
    assert list(shown.columns) == list(FOUND.cells.columns)


@pytest.mark.slow
def test_filters_combine_and_the_order_only_orders():
    rng = np.random.default_rng(1)
    sizes = set()
    for order in [*ORDERS] * 8:
        some = rng.choice(list(CHOICES), 2 + rng.integers(0, 2), replace=False)
        chosen = {name: CHOICES[name][rng.integers(0, len(CHOICES[name]))] for name in some}
        filters = Filters(**chosen)
        shown = select(FOUND, filters, order, PARTS, MEASURED)
        assert sorted(shown["image_id"]) == sorted(_plain(filters)), chosen
        sizes.add(len(shown))
    assert len(sizes) > 10


@pytest.mark.parametrize(("order", "rule"), [(o, rule) for o, rule in ORDERS.items() if rule])
def test_an_order_follows_its_measure_and_what_has_none_comes_last(order, rule):
    column, rising = rule
    shown = select(FOUND, Filters(), order, measured=MEASURED)
    values = shown[["image_id"]].merge(KNOWN, on="image_id")[column]
    known = values.dropna()
    assert len(values) == len(FOUND.cells)
    assert known.is_monotonic_increasing if rising else known.is_monotonic_decreasing
    assert values.iloc[len(known) :].isna().all()


def test_equal_cells_keep_their_order():
    shown = select(FOUND, Filters(), "largest first", measured=MEASURED)
    shown = shown[["image_id"]].merge(MEASURED, on="image_id").dropna(subset="area_px")
    assert shown["area_px"].nunique() < len(shown)
    for _, equal in shown.groupby("area_px"):
        assert equal["image_id"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"label": "BLAST"}, "label is 'BLAST'; it can be ALL, HEM, unlabelled"),
        ({"copies": "copies"}, "copies is 'copies'; it can be has a copy"),
        ({"flag": "dark"}, "flag is 'dark'; it can be any flag"),
        ({"phase": "test"}, "phase is 'test'; it can be training"),
    ],
)
def test_an_unknown_word_is_refused_with_the_known_ones(wrong, words):
    with pytest.raises(ConfigError, match=words):
        Filters(**wrong)


def test_an_unknown_order_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="order is 'newest'; it can be mixed subjects, largest"):
        select(FOUND, Filters(), "newest")


def test_without_a_split_no_cell_is_in_a_part():
    assert select(FOUND, Filters(part="train")).empty


def test_an_empty_selection_can_be_ordered_in_every_way():
    for order in ORDERS:
        assert select(FOUND, Filters(subjects=("nobody",)), order, measured=MEASURED).empty


def test_without_measures_only_what_follows_them_is_refused():
    for order, rule in ORDERS.items():
        if rule is None or rule[0] == "image_id":
            assert len(select(FOUND, Filters(), order)) == len(FOUND.cells)
        else:
            with pytest.raises(ConfigError, match="Measure them first"):
                select(FOUND, Filters(), order)
    for flag in CHOICES["flag"][1:]:
        with pytest.raises(ConfigError, match="Measure them first"):
            select(FOUND, Filters(flag=flag))


def test_a_full_size_set_is_filtered_and_ordered_completely():
    found, measured = _drawn(15_000, seed=3)
    filters = Filters(label="ALL", flag=ANY_FLAG, copies="has a copy")
    for order in ORDERS:
        shown = select(found, filters, order, measured=measured)
        assert 100 < len(shown) < 15_000
        assert shown["image_id"].is_unique
    assert sorted(spread(found.cells).index) == list(range(15_000))


def test_mixed_subjects_goes_round_the_subjects_with_the_classes_alternating(demo_index):
    cells = select(demo_index, Filters())
    assert sorted(cells["image_id"]) == list(demo_index.cells["image_id"])
    assert list(cells.columns) == list(demo_index.cells.columns)
    assert cells["subject"].head(12).nunique() == 12
    assert list(cells["label"].head(12)) == [1, 0] * 6
    assert cells.groupby("subject").cumcount().is_monotonic_increasing


def test_unlabelled_cells_come_last_and_unknown_subjects_are_a_subject_each():
    cells = index_of(
        pd.DataFrame(
            {
                "subject": ["1", "1", None, None, "H1", None, "H1"],
                "label": [1, 1, None, 1, 0, 0, None],
            }
        )
    ).cells
    shown = spread(cells)
    assert shown["label"].tolist()[:5] == [1, 0, 1, 0, 1]
    assert shown["label"].tail(2).isna().all()
    assert shown["subject"].tolist()[4] == "1"


def test_without_subjects_the_publisher_s_classes_take_turns() -> None:
    cells = pd.DataFrame(
        {
            "image_id": [f"{n}.png" for n in range(8)],
            "subject": None,
            "class_name": ["Benign", "Benign", "Early", "Early", "Pre", "Pre", "Pro", "Pro"],
            "label": pd.array([0, 0, 1, 1, 1, 1, 1, 1], "Int8"),
        }
    )
    first = spread(cells)["class_name"].tolist()
    assert first == ["Early", "Benign", "Pre", "Pro"] * 2
