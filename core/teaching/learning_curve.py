"""What more decided cells would bring: a learning curve over nested subsets of the patients.

The features are those of the model that reads now, which stay as they are; a logistic head is
trained on them. That is quick, and tells whether more cells help before a network is trained; a
network that learns its own features may gain more.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from core.metrics import bootstrap, learning_curve
from core.metrics.bootstrap import Resampling
from core.metrics.estimate import Estimate

SHARES = (0.4, 0.6, 0.8, 1.0)  # of the patients that are not held out
REPEATS, FOLDS = 5, 4
FEWEST = 8  # patients
OF_A_CLASS = 4  # patients with cells of each class: one in each fold
MORE = 50  # cells
TOO_FEW = (
    f"a learning curve takes {FEWEST} patients, and {OF_A_CLASS} of them with decided cells of "
    "each class"
)


@dataclass(frozen=True)
class Point:
    """ROC AUC on held-out patients of a head that was trained on so many cells and patients."""

    cells: float
    patients: float
    roc_auc: Estimate


@dataclass(frozen=True)
class LearningCurve:
    """The points, the fewest cells first; () if there are too few patients, which `reason` says.

    now: the ROC AUC that the law gives for all cells. gain: what `MORE` cells would add to it.
    """

    points: tuple[Point, ...]
    now: Estimate
    gain: Estimate
    cells: int
    patients: int
    reason: str = ""

    @property
    def sentence(self) -> str:
        """What more cells would bring."""
        if self.gain.value is None:
            return f"What {MORE} more cells would bring cannot be estimated: {self.reason}."
        more = max(1, round(MORE * self.patients / self.cells))
        expected = f"{MORE} more cells, of about {more} more {_patients(more)}, would"
        interval = self.gain.interval
        if interval is None:
            return f"{expected} raise the ROC AUC by about {self.gain.value:.3f}; no interval."
        span = f"{interval[0]:+.3f} to {interval[1]:+.3f}"
        shown = "" if interval[0] > 0 else " It may be nothing."
        return (
            f"{expected} raise the ROC AUC by about {self.gain.value:.3f} (95% interval {span})."
            + shown
        )


def measure(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, seed: int = 0
) -> LearningCurve:
    """Measures the curve on features (N, C), labels (N,), 1 = ALL, and the patient of each, (N,).

    In each of `REPEATS` the patients are dealt into `FOLDS`; a head is trained on growing shares of
    the patients of the other folds, each holding the one before. Scores of one size are pooled over
    the folds, areas are means over the repeats, and patients and repeats are resampled together.
    """
    numbers = [len(np.unique(groups[labels == label])) for label in (0, 1)]
    patients = len(np.unique(groups))
    unknown = Estimate(None, reason=TOO_FEW)
    if patients < FEWEST or min(numbers) < OF_A_CLASS:
        return LearningCurve((), unknown, unknown, len(labels), patients, TOO_FEW)
    shape = (REPEATS, len(SHARES))
    scores, sizes = np.zeros((*shape, len(labels))), np.zeros((*shape, 2))
    for repeat in range(REPEATS):
        rng = np.random.default_rng([seed, repeat])
        for test, training in _folds(rng, labels, groups):
            for size, rows in enumerate(training):
                head = _head(features[rows], labels[rows])
                scores[repeat, size, test] = head(features[test])
                taken = len(rows), len(np.unique(groups[rows]))
                sizes[repeat, size] += np.array(taken) / FOLDS
    return _curve(scores, sizes.mean(axis=0), labels, groups, seed)


def _folds(
    rng: np.random.Generator, labels: np.ndarray, groups: np.ndarray
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Rows held out, and nested rows to train on, of each fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    state = int(rng.integers(2**31))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=state)
    for others, test in folds.split(labels, labels, groups):
        order = _in_turn(rng, labels[others], groups[others])
        counts = [max(2, round(share * len(order))) for share in SHARES]
        yield test, [others[np.isin(groups[others], order[:count])] for count in counts]


def _in_turn(rng: np.random.Generator, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The patients in random order, but one with each class among the first two."""
    order = rng.permutation(np.unique(groups))
    first = next(group for group in order if labels[groups == group].any())
    rest = [group for group in order if group != first]
    second = next((group for group in rest if not labels[groups == group].all()), rest[0])
    return np.array([first, second, *(group for group in rest if group != second)], object)


def _head(features: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A logistic regression on standardised features; the log-odds of ALL for others."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(labels)) < 2:
        return lambda others: np.zeros(len(others))  # nothing to tell apart
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    return model.decision_function  # type: ignore[no-any-return]


def _curve(
    scores: np.ndarray, sizes: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int
) -> LearningCurve:
    """The curve of scores (repeats, sizes, N); `sizes` (S, 2): the cells and patients of each."""
    drawn = bootstrap.resample(labels, groups, seed=seed)
    whole = Resampling(drawn.names, drawn.member, np.ones((1, len(drawn.names))), drawn.groups_of)
    areas = _areas(whole, labels, scores)[..., 0].mean(axis=0)
    chosen = np.random.default_rng(seed).integers(REPEATS, size=(len(drawn.draws), REPEATS))
    each = _areas(drawn, labels, scores).transpose(2, 0, 1)  # (R, repeats, sizes)
    resampled = np.take_along_axis(each, chosen[..., None], axis=1).mean(axis=1)
    resampled = resampled[np.isfinite(resampled).all(axis=1)]

    def estimate(value: float, replicates: np.ndarray, *, share: bool) -> Estimate:
        return bootstrap.estimate(value, replicates, drawn.reach("roc_auc"), share=share)

    law, laws = (learning_curve.fit(sizes[:, 0], 1 - rows) for rows in (areas[None], resampled))
    cells = len(labels)
    gain, gains = (it.at(cells) - it.at(cells + MORE) for it in (law, laws))
    return LearningCurve(
        points=tuple(
            Point(float(n), float(patients), estimate(float(area), resampled[:, place], share=True))
            for place, ((n, patients), area) in enumerate(zip(sizes, areas, strict=True))
        ),
        now=estimate(1 - float(law.at(cells)[0]), 1 - laws.at(cells), share=True),
        gain=estimate(float(gain[0]), gains, share=False),
        cells=cells,
        patients=len(drawn.names),
    )


def _areas(drawn: Resampling, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """ROC AUC of each resample, (repeats, sizes, R), of scores (repeats, sizes, N)."""
    return np.array([[bootstrap.roc_auc(drawn, labels, of) for of in row] for row in scores])


def _patients(number: int) -> str:
    return "patient" if number == 1 else "patients"
