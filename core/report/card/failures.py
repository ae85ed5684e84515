"""Results by official fold and wrong calls, from the predictions, for a model card."""

import re

import numpy as np
import pandas as pd

_FOLD = re.compile(r"(?:^|/)fold_(\d{1,2})/", re.IGNORECASE)


def by_fold(test: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Returns one row a C-NMC fold (a folder in the image's path): fold, cells, subjects, share.

    `share` is the share of right calls. Empty if the paths name fewer than two folds.
    """
    folds = test["image_id"].map(lambda path: (_FOLD.findall(path) or [None])[-1])
    right = (test["probability"] >= threshold) == (test["label"] == 1)
    rows = test.assign(fold=folds, right=right).dropna(subset="fold")
    calls = rows.groupby("fold").agg(
        cells=("right", "size"), subjects=("subject", "nunique"), share=("right", "mean")
    )
    return calls.reset_index() if len(calls) > 1 else calls.reset_index().iloc[:0]


def worst_calls(test: pd.DataFrame, threshold: float, number: int = 5) -> pd.DataFrame:
    """Returns the most confident wrong calls: image_id, subject, label, probability.

    Confidence is the distance of the probability from the threshold over the largest possible one.
    """
    wrong = test[(test["probability"] >= threshold) != (test["label"] == 1)]
    largest = np.where(wrong["probability"] >= threshold, 1 - threshold, threshold)
    confidence = (wrong["probability"] - threshold).abs() / np.where(largest > 0, largest, 1)
    order = confidence.sort_values(ascending=False, kind="stable").index[:number]
    return wrong.loc[order, ["image_id", "subject", "label", "probability"]]
