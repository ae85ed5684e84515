"""Two cross-validated results on the same cells: how far apart, with an interval over groups."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from core.errors import DataError
from core.metrics import bootstrap, classification
from core.metrics.bootstrap import Resampling

NAMES = ("roc_auc", "balanced_accuracy")


def difference(first: pd.DataFrame, second: pd.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """How far `first` is above `second`, each table one row a cell.

    Columns: image_id, group, label (0 or 1), probability of ALL in [0, 1], call (0 or 1), and
    fold, the training that the row is from. Returns cells, groups, and of each metric of `NAMES`
    first, second, difference (first less second) and interval [low, high].

    The 95% interval is a percentile interval over resampled groups; both classifiers meet the same
    draws, so what makes a group hard for both cancels. It is None as in `bootstrap.intervals`: with
    fewer than 3 groups of a class, or where all resamples agree. The ROC AUC is the share
    of (ALL, HEM) pairs within one fold that stand in the right order, since probabilities of two
    trainings need not share a scale (Forman and Scholz, Apples-to-Apples in Cross-Validation
    Studies, SIGKDD Explorations 12, 2010).

    Raises `DataError` unless both tables have the same cells with the same labels and groups.
    """
    ours, theirs = (table.sort_values("image_id", ignore_index=True) for table in (first, second))
    columns = ["image_id", "label", "group"]
    if not ours[columns].equals(theirs[columns]) or ours["image_id"].duplicated().any():
        raise DataError(
            f"The two results are of different cells ({len(ours)} and {len(theirs)} rows), so they "
            "cannot be compared cell by cell. Train both anew on the data set as it is now."
        )
    if ours["group"].isna().any():
        raise DataError(
            f"The subjects of {int(ours['group'].isna().sum())} cells are not known, so no interval"
            " over subjects can be given. Give the data set with the subject of each cell."
        )
    drawn = _with_the_cells_as_they_are(bootstrap.resample(ours["group"].to_numpy(str), seed=seed))
    labels = ours["label"].to_numpy()
    both = len(np.unique(labels)) == 2
    told = both and bootstrap.tells(labels, ours["group"].to_numpy(str))
    found = {}
    for name, values in (("roc_auc", _areas), ("balanced_accuracy", _balanced_accuracies)):
        here, there = values(ours, drawn), values(theirs, drawn)
        apart = here - there
        found[name] = {
            "first": float(here[0]),
            "second": float(there[0]),
            "difference": float(apart[0]),
            "interval": bootstrap.interval(apart[1:]) if told else None,
        }
    return {"cells": len(ours), "groups": len(drawn.names), "metrics": found}


def _with_the_cells_as_they_are(drawn: Resampling) -> Resampling:
    return replace(drawn, draws=np.vstack([np.ones((1, len(drawn.names))), drawn.draws]))


def _areas(table: pd.DataFrame, drawn: Resampling) -> np.ndarray:
    """The share of pairs of one fold in the right order in each resample, (R,); NaN of none."""
    right, pairs = np.zeros(len(drawn.draws)), np.zeros(len(drawn.draws))
    for fold in np.unique(table["fold"]):
        rows = (table["fold"] == fold).to_numpy()
        labels, scores = (table[name].to_numpy()[rows] for name in ("label", "probability"))
        within = replace(drawn, member=drawn.member[rows])
        classes = within.sums(np.stack([labels == 1, labels == 0], axis=-1))
        of_fold = classes.prod(axis=1)
        area = bootstrap.roc_auc(within, labels, scores)
        right += np.where(of_fold > 0, area, 0) * of_fold
        pairs += of_fold
    with np.errstate(invalid="ignore"):
        return right / pairs


def _balanced_accuracies(table: pd.DataFrame, drawn: Resampling) -> np.ndarray:
    """Of all folds' calls together in each resample, (R,)."""
    labels, calls = table["label"].to_numpy(), table["call"].to_numpy()
    kinds = ((1, 1), (1, 0), (0, 1), (0, 0))
    counts = np.stack([(calls == c) & (labels == y) for c, y in kinds], axis=-1)
    return classification.rates(drawn.sums(counts))["balanced_accuracy"]
