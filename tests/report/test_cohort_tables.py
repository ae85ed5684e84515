"""The table of a cohort's patients: what says nothing of anybody has no column."""

import pandas as pd

from core.report import cohorts

PATIENT = {
    "subject": "1", "pictures": 30, "read": 20, "ALL": 12, "HEM": 6, "review": 2, "refused": 10,
    "share": 0.604, "corrected_share": 0.551, "low": 0.3, "high": 0.8,
    "not_corrected_because": None,
}  # fmt: skip


def test_the_share_as_called_is_that_of_patients_with_enough_cells() -> None:
    few = PATIENT | {"subject": "2", "read": 19}
    both = cohorts.patients(pd.DataFrame([PATIENT, few]), "cell")
    assert both["As called"].iloc[0] == 0.6 and both["As called"].isna().iloc[1]
    assert both["Corrected"].tolist() == [0.55, 0.55]
    assert "As called" not in cohorts.patients(pd.DataFrame([few]), "cell")


def test_why_a_share_is_not_corrected_stands_where_it_is_not() -> None:
    lacking = PATIENT | {
        "not_corrected_because": "The model has no rates.",
        "corrected_share": None,
    }
    assert "Why not corrected" not in cohorts.patients(pd.DataFrame([PATIENT]), "cell")
    shown = cohorts.patients(pd.DataFrame([PATIENT, lacking]), "cell")
    assert shown["Why not corrected"].tolist() == ["", "The model has no rates."]
