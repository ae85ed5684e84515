"""The threshold and the review band of a run, by the errors a user allows; stored with the model.

Both are found on the validation part alone. Two bases can be asked for: "observed", what holds for
the validation cells; and "promised", what can be expected of a new subject, by conformal risk
control over groups (`core.metrics.conformal`), which also keeps to what was observed. The
promise takes the validation groups for fresh ones; the epoch was chosen by them too, so it is a
little too good.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core import storage
from core.errors import ConfigError, DataError, RunError
from core.evaluation import evaluate
from core.metrics import calibration, conformal
from core.runs.calibration import Calibration, Choice, OperatingPoint, Review
from core.runs.run_store import Run

BASES = ("observed", "promised")
CLASSES = {"ALL": 1, "HEM": 0}


@dataclass(frozen=True)
class Part:
    """Labels 0 or 1, P(ALL) and groups of a part's cells, (N,); why no promise can rest on it."""

    labels: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray
    no_promise: str | None = None

    def of(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities and groups of the class ALL or HEM."""
        chosen = self.labels == CLASSES[name]
        return self.probabilities[chosen], self.groups[chosen]


def default(run: Run) -> Calibration:
    """The calibration that the run was trained with."""
    return run.calibration.default or run.calibration


def propose(run: Run, choice: Choice) -> Calibration:
    """The calibration that follows from a choice; nothing is written.

    Raises `ConfigError` for what cannot be chosen, `DataError` where the validation part lacks a
    class, `RunError` unless the run succeeded.
    """
    _require(run, choice)
    rows = run.predictions.query("split == 'validation'")
    labels, logits = rows["label"].to_numpy(), rows["logit"].to_numpy(float)
    groups = evaluate.clusters(rows)
    trained = default(run)
    if choice == Choice(basis=choice.basis):
        return trained
    values: dict[str, Any] = trained.to_json()
    if choice.calibration is not None:
        values.pop("knots", None)
        values |= calibration.fit(labels, logits, groups, method=choice.calibration)
    values |= {"operating_point": None, "review": None}
    fitted = Calibration.parse(values)
    part = Part(labels, fitted.probability(logits), groups, _no_promise(run, rows))
    if choice.max_missed is not None:
        threshold, point = find(part, choice.max_missed, choice.basis)
        fitted = fitted.replace(threshold=threshold, operating_point=point)
    if choice.review_error is not None:
        review = band(part, fitted.threshold, choice.review_error, choice.basis)
        fitted = fitted.replace(review=review)
    return fitted.replace(choice=choice, default=trained)


def _require(run: Run, choice: Choice) -> None:
    if run.status.state != "succeeded":
        raise RunError(f"Run {run.run_id} is {run.status.state}; only a finished run has one.")
    for name, value in (("missed blasts", choice.max_missed), ("errors", choice.review_error)):
        if value is not None and not 0 < value < 1:
            raise ConfigError(f"A share of {name} of {value} cannot be: it lies between 0 and 1.")
    if choice.basis not in BASES:
        raise ConfigError(f"{choice.basis!r} is no basis. Choose one of {', '.join(BASES)}.")


def _no_promise(run: Run, rows: pd.DataFrame) -> str | None:
    if rows["group"].isna().any():
        return "the subjects of some validation cells are unknown"
    if run.metrics and run.metrics.protocol.leaking:
        return "the model may have trained on the very subjects of the validation part"
    return None


def observed(scores: np.ndarray, allowed: float) -> float:
    """The largest score below which lies at most the allowed share, of (N,) scores.

    Ties count as they fall: a score that several cells share is lost or kept as one. Raises
    `DataError` without scores.
    """
    if not len(scores):
        raise DataError("There are no cells of this class in the validation part to go by.")
    may_lose = int(np.floor(allowed * len(scores) + 1e-9))
    return float(np.sort(scores)[min(may_lose, len(scores) - 1)])


def find(part: Part, max_missed: float, basis: str) -> tuple[float, OperatingPoint]:
    """The highest threshold that misses at most that share of blasts, and what is known of it.

    The threshold lies half-way to the next cell below, so that rounding changes no call.
    """
    _require_classes(part)
    scores, groups = part.of("ALL")
    threshold = observed(scores, max_missed)
    if basis == "promised":
        _require_promise(part, ("ALL",), max_missed)
        promised = conformal.threshold(scores, groups, max_missed)
        assert promised is not None  # so much is required above
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


def band(part: Part, threshold: float, error: float, basis: str) -> Review:
    """The review band: outside it, at most that share of either class is called the other.

    Label-conditional conformal prediction: ALL is ruled out below a score that too few blasts lie
    under, HEM above one that too few HEM lie over. Where neither is ruled out, the cell goes to
    review. Where both are, the threshold's side keeps both errors, so nothing need be reviewed.
    The band reaches to the threshold, so that no call outside it contradicts it; where low and
    high are equal it is empty."""
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
    low, high = min(edges["ALL"], threshold), max(edges["HEM"], threshold)
    blasts, healthy = part.of("ALL"), part.of("HEM")
    empty = low == high
    wrong = {
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
        errors=wrong,
        promised=promises,
        smallest_promise=None if part.no_promise else _least(part, tuple(CLASSES))[1],
        reason=_reason(part, tuple(CLASSES), error, worst),
    )


def _require_classes(part: Part) -> None:
    for name in CLASSES:
        if not len(part.of(name)[0]):
            raise DataError(
                f"The validation part has no {name} cells, so no operating point can be found on "
                "it. Train with more cells, of more subjects."
            )


def _require_promise(part: Part, classes: tuple[str, ...], error: float) -> None:
    number, least = _least(part, classes)
    lack = None
    if part.no_promise:
        lack = f"Nothing can be promised for new subjects: {part.no_promise}"
    elif least > error + 1e-12:
        what = "with blasts" if classes == ("ALL",) else "of a class"
        lack = (
            f"{number} validation groups {what} are too few to promise {error:.1%} for new "
            f"subjects; {least:.1%} is the least that so many can promise"
        )
    if lack:
        raise ConfigError(f"{lack}. Allow more, or go by what was observed.")


def _least(part: Part, classes: tuple[str, ...]) -> tuple[int, float]:
    """The groups of the class with the fewest, and the least that they can promise."""
    number = min(len(np.unique(part.of(name)[1])) for name in classes)
    return number, conformal.smallest(number)


def _reason(part: Part, classes: tuple[str, ...], allowed: float, promised: float | None) -> str:
    """How sure an error is for new subjects: what can be promised, and by how many groups."""
    number, least = _least(part, classes)
    if promised is None:
        return f"Nothing can be promised for new subjects: {part.no_promise}."
    what = "missed" if classes == ("ALL",) else "of a class called the other"
    which = "with blasts" if classes == ("ALL",) else "of the rarer class"
    by = f"by {number} validation group{'s' if number > 1 else ''} {which}"
    if promised <= allowed + 1e-12:
        return f"For new subjects at most {promised:.1%} {what}, on average, is promised {by}."
    text = (
        f"That is no promise for new subjects: at most {promised:.1%} {what}, on average, is all "
        f"that can be promised here {by}."
    )
    if least <= allowed + 1e-12:
        return text
    return f"{text} With so few nothing less than {least:.1%} ever can be."


def _bound(part: Part, scores: np.ndarray, groups: np.ndarray, edge: float) -> float | None:
    if part.no_promise:
        return None
    return conformal.bound(conformal.shares_below(scores, groups, edge))


def _half_way(edge: float, scores: np.ndarray) -> float:
    below = scores[scores < edge]
    return (edge + float(below.max())) / 2 if len(below) else edge


def use(run: Run, choice: Choice) -> Calibration:
    """Stores the calibration of a choice with the run and measures its parts anew with it.

    Rewrites predictions.parquet, metrics.json and calibration.json together. The calibration as
    trained is kept in the last; `Choice()` goes back to it. Raises as `propose` does.
    """
    with storage.lock(run.path / "calibration"):
        return _store(run, propose(run, choice))


def _store(run: Run, chosen: Calibration) -> Calibration:
    measured = run.metrics
    if measured is None:
        raise RunError(f"Run {run.run_id} has lost its metrics.json; train it again.")
    table = run.predictions
    table["probability"] = chosen.probability(table["logit"].to_numpy())
    measured = measured.replace(parts=evaluate.measure_parts(table, chosen))
    storage.write_together(
        {
            run.path / "predictions.parquet": table.to_parquet(index=False),
            run.path / "metrics.json": measured.encoded(),
            run.path / "calibration.json": chosen.encoded(),
        }
    )
    return chosen
