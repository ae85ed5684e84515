"""Splits along the parts that a publisher names."""

import pandas as pd
import pytest

from core.data.indexing import Index
from core.data.splits import (
    PARTS,
    audit,
    split,
)
from core.errors import DataError
from tests.factories.trees import index_of


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
