"""Parts of the test part, against counts made by hand."""

import pandas as pd
import pytest

from core.report.card import failures


def cells(*rows: tuple[str, str | None, int, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "subject", "label", "probability"])


TEST = cells(
    ("fold_0/1.bmp", "a", 1, 0.9),
    ("fold_0/2.bmp", "a", 1, 0.2),
    ("fold_1/3.bmp", "b", 0, 0.5),
    ("fold_1/4.bmp", "b", 0, 0.49),
    ("fold_1/5.bmp", "b", 0, 0.99),
    ("fold_1/6.bmp", None, 0, 0.1),
)


def test_folds_are_read_off_the_folders() -> None:
    found = failures.by_fold(TEST, 0.5)
    assert found["fold"].tolist() == ["0", "1"] and found["cells"].tolist() == [2, 4]
    assert found["share"].tolist() == pytest.approx([1 / 2, 2 / 4])
    assert failures.by_fold(TEST[:2], 0.5).empty  # one fold is no comparison
    assert failures.by_fold(cells(("a.bmp", "a", 1, 0.9)), 0.5).empty


def test_the_surest_of_the_wrong_calls_come_first() -> None:
    found = failures.worst_calls(TEST, 0.5)
    assert found["image_id"].tolist() == ["fold_1/5.bmp", "fold_0/2.bmp", "fold_1/3.bmp"]
    # At 0.8 a miss can be surer than 0.99 is: (0.8 - 0.2) / 0.8 = 0.75, (0.99 - 0.8) / 0.2 = 0.95.
    found = failures.worst_calls(TEST, 0.8, 1)
    assert found["image_id"].tolist() == ["fold_1/5.bmp"]
    assert failures.worst_calls(TEST[:1], 0.5).empty
