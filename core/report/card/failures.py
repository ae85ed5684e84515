"""What a model card says of official folds and wrong calls, from the predictions alone."""

import re

import numpy as np
import pandas as pd

_FOLD = re.compile(r"(?:^|/)fold_(\d{1,2})/", re.IGNORECASE)


def by_fold(test: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """One row a C-NMC fold, by the folder in the image's path: fold, cells, subjects, share.

    `share` is the share of right calls. Empty where the paths name fewer than two folds.
    """
    folds = test["image_id"].map(lambda path: (_FOLD.findall(path) or [None])[-1])
    right = (test["probability"] >= threshold) == (test["label"] == 1)
    rows = test.assign(fold=folds, right=right).dropna(subset="fold")
    calls = rows.groupby("fold").agg(
        cells=("right", "size"), subjects=("subject", "nunique"), share=("right", "mean")
    )
    return calls.reset_index() if len(calls) > 1 else calls.reset_index().iloc[:0]


def worst_calls(test: pd.DataFrame, threshold: float, number: int = 5) -> pd.DataFrame:
    """The wrong calls that were made with most confidence: image_id, subject, label, probability.

    Confidence is the distance of the probability from the threshold, as a share of what it can be.
    """
    wrong = test[(test["probability"] >= threshold) != (test["label"] == 1)]
    room = np.where(wrong["probability"] >= threshold, 1 - threshold, threshold)
    sure = (wrong["probability"] - threshold).abs() / np.where(room > 0, room, 1)
    order = sure.sort_values(ascending=False, kind="stable").index[:number]
    return wrong.loc[order, ["image_id", "subject", "label", "probability"]]
