"""Patients told right: the share that divides them, and the counts, by hand."""

import numpy as np
import pandas as pd
import pytest

from core.evaluation import patients
from core.report import patients as in_words
from tests.factories import invented


def rows(shares: dict[str, tuple[int, float]]) -> pd.DataFrame:
    """A table as `patients.by_patient` makes it, of labels and shares by subject."""
    return pd.DataFrame(
        [{"subject": name, "label": y, "share": share} for name, (y, share) in shares.items()]
    )


def test_a_patient_is_the_share_and_the_mean_of_its_cells() -> None:
    cells = pd.DataFrame(
        {
            "subject": ["a", "a", "b"],
            "group": ["a", "a", "b"],
            "label": [1, 1, 0],
            "logit": [1.0, -3.0, -1.0],
            "probability": [0.7, 0.1, 0.3],
        }
    )
    found = patients.by_patient(cells, 0.5).to_dict("records")
    assert found[0] == dict(subject="a", group="a", label=1, cells=2, share=0.5, log_odds=-1.0)
    assert found[1]["share"] == 0 and found[1]["cells"] == 1


def test_the_cut_lies_in_the_widest_gap_that_divides_best() -> None:
    table = rows({"a": (1, 0.9), "b": (1, 0.6), "c": (0, 0.2), "d": (0, 0.1)})
    assert patients.choose_cut(table) == (pytest.approx(0.4), "")
    # One patient without ALL lies above one with: no cut is right for all of them.
    mixed = rows({"a": (1, 0.9), "b": (1, 0.3), "c": (0, 0.5), "d": (0, 0.1)})
    cut, _ = patients.choose_cut(mixed)
    assert 0.5 < cut < 0.9 or 0.1 < cut < 0.3
    assert patients.choose_cut(rows({"a": (1, 0.9)})) == (patients.EVEN, patients.ONE_CLASS)


@pytest.mark.parametrize(
    ("right", "of", "low", "high"), [(7, 7, 0.5904, 1), (0, 7, 0, 0.4096), (5, 7, 0.2904, 0.9633)]
)
def test_counts_have_exact_intervals(right: int, of: int, low: float, high: float) -> None:
    found = patients.count(np.arange(of) < right)
    assert (found.right, found.of) == (right, of)
    assert found.share.interval == pytest.approx((low, high), abs=1e-4)


def test_a_run_counts_the_patients_of_its_test_part() -> None:
    cells = invented.cells(groups=16)
    good = invented.run("good", cells, invented.logits(cells, 6))
    found = patients.measure(good)
    assert found is not None
    assert found.right["all"].of == cells["subject"].nunique()
    assert found.right["ALL"].of + found.right["HEM"].of == found.right["all"].of
    assert found.right["all"].right == found.right["all"].of
    assert f"{found.right['all'].of} patients" in in_words.sentence(found)
    assert in_words.table({"good": found})["Model"].tolist() == ["good"]
    document = in_words.to_json(good)
    assert document is not None and document["right"]["all"]["of"] == found.right["all"].of


def test_unknown_subjects_are_not_counted() -> None:
    cells = invented.cells(groups=8).assign(subject=None)
    run = invented.run("unknown", cells, invented.logits(cells, 1))
    assert patients.measure(run) is None and in_words.to_json(run) is None
