"""What follows from two cells being copies of one image."""

from types import SimpleNamespace

import pytest

from core.report.dataset import what_follows

ONE = {"subject": "7", "group": "7+8", "label": 1, "fold": 0, "part": None}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, "Both are of subject 7, whose images are never split apart."),
        ({"subject": "8"}, "treated as one, the group 7+8"),
        ({"subject": None}, "nothing keeps the two out of training and test at once"),
        ({"label": 0}, "The labels disagree"),
        ({"label": None}, "Only one of the two has a label"),
        ({"fold": 2}, "official fold 0 and 2, which therefore leak"),
    ],
)
def test_each_difference_has_its_consequence(other: dict[str, object], said: str) -> None:
    words = " ".join(what_follows(SimpleNamespace(**ONE), SimpleNamespace(**ONE | other)))
    assert said in words
    assert ("disagree" in words) == (other.get("label") == 0 and "label" in other)
