"""Finds threshold and review band of a run from the errors that a user allows, and stores them.

Both are found on the validation part alone, on one of two bases. "observed": the errors hold for
the validation cells. "promised": they also hold on average for a new subject, by conformal risk
control over groups (`core.metrics.conformal`). The promise assumes new groups, but the epoch was
chosen on the validation groups too, so it is slightly optimistic.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core import locks, storage
from core.errors import ConfigError, DataError
from core.evaluation import evaluate
from core.evaluation.test_set import metrics_of
from core.metrics import calibration, conformal
from core.runs.calibration import BASES, Calibration, Choice, OperatingPoint, Review
from core.runs.run_store import Run

CLASSES = {"ALL": 1, "HEM": 0}


@dataclass(frozen=True)
class Part:
    """Labels 0 or 1, P(ALL) and groups of cells, (N,); why nothing can be promised, or None."""

    labels: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray
    no_promise: str | None = None

    def of(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns probabilities and groups of the class ALL or HEM."""
        in_class = self.labels == CLASSES[name]
        return self.probabilities[in_class], self.groups[in_class]


def default(run: Run) -> Calibration:
    """Returns the calibration as trained."""
    return run.calibration.default or run.calibration


def propose(run: Run, choice: Choice) -> Calibration:
    """Returns the calibration for a choice; writes nothing.

    Raises `ConfigError` for an impossible choice, `DataError` if the validation part lacks a class,
    `RunError` if the run has not succeeded.
    """
    _require(run, choice)
    rows = run.predictions.query("split == 'validation'")
    labels, logits = rows["label"].to_numpy(), rows["logit"].to_numpy(float)
    groups = evaluate.groups_of(rows)
    trained = default(run)
    if choice == Choice(basis=choice.basis):
        return trained
    fitted = trained.replace(operating_point=None, review=None)
    if choice.calibration is not None:
        fitted = Calibration.parse(
            calibration.fit(
                labels, logits, groups, method=choice.calibration, items=run.config.items
            )
        )
    part = Part(labels, fitted.probability(logits), groups, _no_promise(run, rows))
    if choice.max_missed is not None:
        threshold, point = find_threshold(part, choice.max_missed, choice.basis)
        fitted = fitted.replace(threshold=threshold, operating_point=point)
    if choice.review_error is not None:
        review = find_band(
            part, fitted.threshold, choice.review_error, choice.basis, fitted.uncertain
        )
        fitted = fitted.replace(review=review)
    return fitted.replace(choice=choice, default=trained)


def _require(run: Run, choice: Choice) -> None:
    run.require_succeeded("have an operating point")
    for name, value in (("missed blasts", choice.max_missed), ("errors", choice.review_error)):
        if value is not None and not 0 < value < 1:
            raise ConfigError(f"The share of {name} is {value}; it must lie between 0 and 1.")
    if choice.basis not in BASES:
        raise ConfigError(f"{choice.basis!r} is not a basis. Choose one of {', '.join(BASES)}.")


def _no_promise(run: Run, rows: pd.DataFrame) -> str | None:
    if rows["group"].isna().any():
        return "the subjects of some validation images are unknown"
    if run.metrics and run.metrics.protocol.leaking:
        return "the model may have trained on the very subjects of the validation part"
    return None


def observed(scores: np.ndarray, allowed: float) -> float:
    """Returns the largest score of (N,) with at most the allowed share of scores below it.

    Equal scores are on the same side. Raises `DataError` without scores.
    """
    if not len(scores):
        raise DataError("The validation part has no images of this class. Train with more cells.")
    may_lose = int(np.floor(allowed * len(scores) + 1e-9))
    return float(np.sort(scores)[min(may_lose, len(scores) - 1)])


def find_threshold(part: Part, max_missed: float, basis: str) -> tuple[float, OperatingPoint]:
    """Finds the highest threshold that misses at most the share `max_missed` of the blasts.

    It lies half-way to the next lower probability, so that rounding changes no call.
    """
    _require_classes(part)
    scores, groups = part.of("ALL")
    threshold = observed(scores, max_missed)
    if basis == "promised":
        _require_promise(part, ("ALL",), max_missed)
        promised = conformal.threshold(scores, groups, max_missed)
        assert promised is not None  # by `_require_promise`
        threshold = min(threshold, promised)
    threshold = _half_way(threshold, part.probabilities)
    number, least = _least(part, ("ALL",))
    promise = _bound(part, scores, groups, threshold)
    return threshold, OperatingPoint(
        max_missed=max_missed,
        basis=basis,
        groups=number,
        missed=float((scores < threshold).mean()),
        promised=promise,
        smallest_promise=None if part.no_promise else least,
        reason=_reason(part, ("ALL",), max_missed, promise),
    )


def find_band(
    part: Part,
    threshold: float,
    error: float,
    basis: str,
    uncertain: tuple[float, float] | None = None,
) -> Review:
    """Finds the review band outside which at most the share `error` of each class is miscalled.

    Label-conditional conformal prediction: ALL is excluded below the probability that at most this
    share of blasts lies below, HEM above the one that at most this share of HEM cells lies above. A
    cell goes to review if neither class is excluded, or if its probability lies in `uncertain`, as
    its interval then spans the threshold. If no cell does, low and high are equal: the band is
    empty. The band includes the threshold, so that calls outside it agree with it.
    """
    _require_classes(part)
    if basis == "promised":
        _require_promise(part, tuple(CLASSES), error)
    edges = {}
    for name, sign in (("ALL", 1), ("HEM", -1)):
        scores, groups = part.of(name)
        edge = observed(sign * scores, error)
        if basis == "promised":
            promised = conformal.threshold(sign * scores, groups, error)
            assert promised is not None
            edge = min(edge, promised)
        edges[name] = sign * _half_way(edge, sign * part.probabilities)
    spanning = uncertain or (threshold, threshold)
    low = min(edges["ALL"], threshold, spanning[0])
    high = max(edges["HEM"], threshold, spanning[1])
    blasts, healthy = part.of("ALL"), part.of("HEM")
    empty = low == high
    errors = {
        "ALL": float((blasts[0] < low).mean()),
        "HEM": float((healthy[0] >= high if empty else healthy[0] > high).mean()),
    }
    promises = {
        "ALL": _bound(part, *blasts, low),
        "HEM": _bound(part, -healthy[0], healthy[1], -high),
    }
    worst = max((value for value in promises.values() if value is not None), default=None)
    return Review(
        low=low,
        high=high,
        target_error=error,
        basis=basis,
        errors=errors,
        promised=promises,
        smallest_promise=None if part.no_promise else _least(part, tuple(CLASSES))[1],
        reason=_reason(part, tuple(CLASSES), error, worst),
    )


def _require_classes(part: Part) -> None:
    for name in CLASSES:
        if not len(part.of(name)[0]):
            raise DataError(
                f"The validation part has no {name} images, so no operating point can be found on "
                "it. Train with more images, of more subjects."
            )


def _require_promise(part: Part, classes: tuple[str, ...], error: float) -> None:
    number, least = _least(part, classes)
    problem = None
    if part.no_promise:
        problem = f"Nothing can be promised for new subjects: {part.no_promise}"
    elif least > error + 1e-12:
        what = "with blasts" if classes == ("ALL",) else "of a class"
        problem = (
            f"{number} validation groups {what} are too few to promise {error:.1%} for new "
            f"subjects; {least:.1%} is the least that so many can promise"
        )
    if problem:
        raise ConfigError(f"{problem}. Allow more, or go by what was observed.")


def _least(part: Part, classes: tuple[str, ...]) -> tuple[int, float]:
    """The groups of the class with fewest groups, and the smallest share they can promise."""
    number = min(len(np.unique(part.of(name)[1])) for name in classes)
    return number, conformal.smallest(number)


def _reason(part: Part, classes: tuple[str, ...], allowed: float, promised: float | None) -> str:
    """The sentence on what can be promised for new subjects, and by how many groups."""
    number, least = _least(part, classes)
    if promised is None:
        return f"Nothing can be promised for new subjects: {part.no_promise}."
    what = "missed" if classes == ("ALL",) else "of a class called the other"
    which = "with blasts" if classes == ("ALL",) else "of the rarer class"
    by = f"by {number} validation group{'s' if number > 1 else ''} {which}"
    if promised <= allowed + 1e-12:
        return f"For new subjects at most {promised:.1%} {what}, on average, is promised {by}."
    never = "" if least <= allowed + 1e-12 else f", and never less than {least:.1%}"
    return (
        f"Not promised for new subjects: at most {promised:.1%} {what}, on average, can be "
        f"promised {by}{never}."
    )


def _bound(part: Part, scores: np.ndarray, groups: np.ndarray, edge: float) -> float | None:
    if part.no_promise:
        return None
    return conformal.bound(conformal.shares_below(scores, groups, edge))


def _half_way(edge: float, scores: np.ndarray) -> float:
    below = scores[scores < edge]
    return (edge + float(below.max())) / 2 if len(below) else edge


def use(run: Run, choice: Choice) -> Calibration:
    """Stores the calibration for a choice in the run, and measures its parts with it.

    Rewrites predictions.parquet, metrics.json and calibration.json together. The calibration as
    trained is kept in calibration.json; `Choice()` restores it. Raises as `propose` does.
    """
    with locks.lock(run.path / "calibration"):
        return _store(run, propose(run, choice))


def _store(run: Run, fitted: Calibration) -> Calibration:
    metrics = metrics_of(run)
    table = run.predictions
    table["probability"] = fitted.probability(table["logit"].to_numpy())
    metrics = metrics.replace(parts=evaluate.measure_parts(table, fitted))
    storage.write_together(
        {
            run.path / "predictions.parquet": table.to_parquet(index=False),
            run.path / "metrics.json": metrics.encoded(),
            run.path / "calibration.json": fitted.encoded(),
        }
    )
    return fitted
