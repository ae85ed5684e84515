"""Thresholds that keep a promise for the next subject: conformal risk control over groups.

Cells of one subject are alike, so a cell of a new subject is not exchangeable with those of the
validation part; whole groups are. The risk of a threshold is the mean over groups of the share of
the group's cells that fall below it, and the promise is made for the expected share in a new group
(Angelopoulos, Bates, Fisch, Lei, Schuster: Conformal Risk Control, ICLR 2024, theorem 1). That is
also the chance to lose one random cell of a new subject, the target of the hierarchical conformal
sets of Dunn, Wasserman and Ramdas (Distribution-Free Prediction Sets for Two-Layer Hierarchical
Models, JASA 2022). Done for each class by itself, it is label-conditional, or Mondrian, conformal
prediction (Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, 2005, section 4.5).
"""

import numpy as np

from core.errors import DataError


def bound(losses: np.ndarray) -> float:
    """What can be promised of a new group's loss, given those of n exchangeable ones, (n,), 0..1.

    The new group's own loss is not known; the rule counts it as 1, the worst:
    n / (n + 1) x mean + 1 / (n + 1). 1 without groups.
    """
    return float((np.sum(losses) + 1) / (len(losses) + 1))


def smallest(groups: int) -> float:
    """The smallest risk that so many groups can promise: 1 / (n + 1), when none loses a cell."""
    return 1 / (groups + 1)


def shares_below(scores: np.ndarray, groups: np.ndarray, threshold: float) -> np.ndarray:
    """Of each group, in the order of their names, the share of its scores below the threshold."""
    _, member = np.unique(groups, return_inverse=True)
    return np.bincount(member, scores < threshold) / np.bincount(member)


def threshold(scores: np.ndarray, groups: np.ndarray, risk: float) -> float | None:
    """The largest of the scores below which a new group is promised to have at most `risk`.

    `scores` and `groups` are (N,), of one class; `risk`, in (0, 1), is of the share of a new
    group's cells below the threshold, in expectation. None where so few groups can promise it of
    no score. Raises `DataError` without cells.
    """
    if not len(scores):
        raise DataError("The validation part has no images of this class. Train with more cells.")
    _, member = np.unique(groups, return_inverse=True)
    sizes = np.bincount(member)
    values, place = np.unique(scores, return_inverse=True)
    lost = np.bincount(place, 1 / sizes[member])  # by a threshold just above each value
    below = np.concatenate([[0], np.cumsum(lost)[:-1]])
    kept = (below + 1) / (len(sizes) + 1) <= risk + 1e-12  # for shares that add up inexactly
    return float(values[kept][-1]) if kept.any() else None
