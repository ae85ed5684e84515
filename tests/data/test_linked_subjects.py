"""Copies link the subjects that they lie with, over any number of pairs."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from core.data.duplicates import (
    across_subjects,
    exact_pairs,
    link_subjects,
)
from core.data.layouts import recognise
from tests.factories.trees import links


def test_links_are_transitive_and_singletons_keep_their_name():
    found = link_subjects(["1", "2", "3", "4", "5", "6"], links(("1", "2"), ("3", "2")))
    assert found == {"1": "1+2+3", "2": "1+2+3", "3": "1+2+3", "4": "4", "5": "5", "6": "6"}


def test_a_pair_within_a_subject_and_a_pair_told_twice_change_nothing():
    assert link_subjects(["1", "2"], links(("1", "1"))) == {"1": "1", "2": "2"}
    twice = link_subjects(["1", "2"], links(("1", "2"), ("2", "1")))
    assert twice == {"1": "1+2", "2": "1+2"}


def test_the_order_of_subjects_and_pairs_does_not_matter():
    rng = np.random.default_rng(0)
    subjects = [f"H{n}" for n in range(12)]
    pairs = [("H1", "H2"), ("H2", "H10"), ("H4", "H3"), ("H10", "H11"), ("H3", "H4")]
    first = link_subjects(subjects, links(*pairs))
    assert first["H1"] == "H1+H10+H11+H2"
    for _ in range(20):
        shuffled = [tuple(rng.permutation(pair)) for pair in rng.permutation(pairs)]
        assert link_subjects(list(rng.permutation(subjects)), links(*shuffled)) == first


def test_a_chain_of_pairs_is_one_group():
    subjects = [f"{n:04}" for n in range(3000)]
    found = link_subjects(subjects, links(*pairwise(subjects)))
    assert len(set(found.values())) == 1


def test_pairs_of_an_unknown_subject_cross_none_and_link_none():
    pairs = pd.DataFrame(
        [("1", "2"), ("1", None), (None, "2"), (None, None), ("3", "3")],
        columns=["subject_a", "subject_b"],
    )
    assert across_subjects(pairs).index.tolist() == [0]
    assert link_subjects(["1", "2", "3"], pairs.iloc[1:]) == {"1": "1", "2": "2", "3": "3"}
    assert across_subjects(pairs.iloc[:0]).empty


@pytest.mark.slow
def test_the_whole_release_links_the_groups_that_are_known_by_hash(real_data):
    listed = pd.read_csv(real_data / "cnmc_full_listing.csv")
    layout = recognise(listed["path"], lambda _: b"")
    images = listed[listed["path"].str.endswith(".bmp")]
    facts = pd.DataFrame([layout.facts(path) for path in images["path"]])
    cells = facts.assign(image_id=images["path"].array, sha256=images["sha256"].array)
    assert cells["phase"].value_counts().to_dict() == {
        "training": 10_661,
        "final": 2_586,
        "preliminary": 1_867,
    }
    training = cells[cells["phase"] == "training"]
    assert training["label"].value_counts().to_dict() == {1: 7_272, 0: 3_389}
    subjects = sorted(set(training["subject"]))
    assert len(subjects) == 73
    assert training.groupby("fold")["subject"].nunique().to_list() == [28, 14, 31]

    pairs = exact_pairs(training)
    assert (len(pairs), len(across_subjects(pairs))) == (104, 99)
    groups = link_subjects(subjects, exact_pairs(cells))
    linked = {group for group in groups.values() if "+" in group}
    assert linked == {"20+21", "51+75+78", "H2+H4+H5+H6", "H10+H3"}
    across = Counter(across_subjects(pairs)["subject_a"].map(groups))
    assert across == {"20+21": 71, "51+75+78": 21, "H2+H4+H5+H6": 6, "H10+H3": 1}
