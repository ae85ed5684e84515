"""How often 95% intervals hold the truth, on simulated subjects whose truth is known.

A subject has 10 to 40 cells. The evidence of a cell, its logit, is normal around 1 for ALL or -1
for HEM, plus an effect of its subject. The truth is that of many more subjects. The plain interval
stands beside ours: the middle 95% of the resamples.

- metrics: of a test part, by number of groups and by spread of the subjects' effects.
- paired: the difference of two models on the same cells, as for leakage and controls.
- readings: the probability of a single cell, by the number of validation groups.
- folds: the mean over the folds of a cross-validation, of linear discriminant analyses.
- shares: the share of blasts of a field, corrected for the errors of the model.

`--rounds` is the number of simulated data sets of each case.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
from scipy.special import expit

from benchmarks.measure import Figures, Options, at_least, at_most, measure_parts
from core.audit import pooled_difference
from core.metrics import bootstrap, calibration, classification, prevalence
from core.metrics.estimate import Estimate
from core.tuning.cross_validation import over_folds

ROUNDS = 300
RESAMPLES = 500  # fewer than in use, where time is no matter; the intervals are the same
EFFECTS = (0.3, 0.8, 1.5)  # over the spread of cells within a subject
GROUPS = (6, 7, 8, 10, 12, 18, 30, 60)
MANY = 300
TRUE_SUBJECTS = 6000
HELD = ("roc_auc", "balanced_accuracy", "sensitivity", "specificity", "weighted_f1", "pr_auc")
METRICS = (*HELD, "brier", "accuracy")
SHARES, FIELD_CELLS = (0.0, 0.05, 0.2, 0.5), 100
LOGITS = (-1.5, -0.5, 0.0, 0.5, 1.5)
FOLDS, TRAININGS, FEATURES = 5, 40, 6

COVERAGE = at_least("{}: least share of intervals that hold", 0.93)
WIDTH = at_most("{} groups: widest over the plain interval", 1.05)


@dataclass(frozen=True)
class Trial:
    """The truth, our interval, which may hold it, and the plain one."""

    truth: float
    found: Estimate
    plain: tuple[float, float] | None = None


@dataclass(frozen=True)
class Cells:
    """Simulated cells, (N,): labels, evidence (logits), and the number of their group."""

    labels: np.ndarray
    logits: np.ndarray
    groups: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """Of ALL."""
        probabilities: np.ndarray = expit(self.logits)
        return probabilities


def simulate(
    rng: np.random.Generator, groups: int, effect: float, share: float = 0.6, apart: float = 1.0
) -> Cells:
    """Cells of that many subjects, of which `share` has ALL; the classes are 2 * `apart` apart."""
    classes = (np.arange(groups) < round(share * groups)).astype(int)
    member = np.repeat(np.arange(groups), rng.integers(10, 41, groups))
    labels = classes[member]
    evidence = apart * (2 * labels - 1) + rng.normal(0, effect, groups)[member]
    return Cells(labels, evidence + rng.normal(0, 1, len(member)), member)


def metrics_of_part(groups: int, effect: float, rounds: int) -> list[dict[str, Trial]]:
    """The metrics of each round: truth, our interval, and the plain one."""
    share = 0.5 if groups <= 10 and groups % 2 == 0 else 0.6  # 3, 4 and 5 groups of each class
    truth, rng = true_metrics(effect, share), np.random.default_rng(groups)
    trials = []
    for seed in range(rounds):
        cells = simulate(rng, groups, effect, share)
        given = (cells.labels, cells.probabilities)
        resamples = RESAMPLES if groups < MANY else bootstrap.RESAMPLES
        drawn = bootstrap.resample(cells.labels, cells.groups, seed=seed, resamples=resamples)
        rows = bootstrap.replicates(drawn, *given, 0.5)
        found = bootstrap.estimates(classification.metrics(*given, 0.5), drawn, rows)
        trials.append(
            {name: Trial(truth[name], found[name], middle(rows[name])) for name in METRICS}
        )
    return trials


@cache
def true_metrics(effect: float, share: float) -> dict[str, float]:
    """The metrics of many subjects."""
    cells = simulate(np.random.default_rng(99), TRUE_SUBJECTS, effect, share)
    found = classification.metrics(cells.labels, cells.probabilities, 0.5)
    return {name: found[name] or 0.0 for name in METRICS}


def middle(replicates: np.ndarray) -> tuple[float, float]:
    """The plain percentile interval."""
    low, high = np.nanquantile(replicates, (0.025, 0.975))
    return float(low), float(high)


def paired(groups: int, effect: float, rounds: int) -> list[dict[str, Trial]]:
    """The lead of a better model on one that sees less of the same cells, in each round."""
    rng, trials = np.random.default_rng(groups), []
    many, weaker = _two_models(rng, TRUE_SUBJECTS, effect)
    better, worse = (
        classification.metrics(many.labels, expit(logits), 0.5) for logits in (many.logits, weaker)
    )
    for _ in range(rounds):
        found = pooled_difference.difference(*_tables(*_two_models(rng, groups, effect))).metrics
        trials.append(
            {
                name: Trial((better[name] or 0.0) - (worse[name] or 0.0), pair.difference)
                for name, pair in found.items()
            }
        )
    return trials


def _two_models(rng: np.random.Generator, groups: int, effect: float) -> tuple[Cells, np.ndarray]:
    """Cells, and the logits of a model that sees less of what tells the classes apart."""
    cells = simulate(rng, groups, effect)
    side = 2 * cells.labels - 1
    return cells, cells.logits - 0.4 * side + rng.normal(0, 0.5, len(side))


def _tables(cells: Cells, weaker: np.ndarray) -> list[pd.DataFrame]:
    return [
        pd.DataFrame(
            {
                "image_id": np.arange(len(cells.labels)).astype(str),
                "group": cells.groups.astype(str),
                "label": cells.labels,
                "probability": expit(logits),
                "call": (logits >= 0).astype(int),
                "fold": 0,
            }
        )
        for logits in (cells.logits, weaker)
    ]


def reading(groups: int, effect: float, rounds: int) -> list[dict[str, Trial]]:
    """The probability of ALL at some logits, after a calibration on so many groups."""
    rng, trials = np.random.default_rng(groups), []
    for _ in range(rounds):
        cells = simulate(rng, groups, effect, share=0.5)
        fitted = calibration.fit(cells.labels, cells.logits, cells.groups, method="temperature")
        curves = fitted["interval"] or {}
        row: dict[str, Trial] = {}
        for at in LOGITS:
            # Both classes are normal, with the variances of cells and subjects added up.
            truth = float(expit(2 * at / (1 + effect**2)))
            low, high = (float(np.interp(at, curves["logit"], curves[n])) for n in ("low", "high"))
            row[f"logit {at:g}"] = Trial(truth, Estimate(truth, low, high))
        trials.append(row)
    return trials


def folds(groups: int, effect: float, rounds: int) -> list[dict[str, Trial]]:
    """The mean of some metrics over folds; the truth is of trainings on as many new subjects."""
    rng = np.random.default_rng(groups)
    many = _features(rng, TRUE_SUBJECTS // 3, effect)
    taught = round(groups * (FOLDS - 1) / FOLDS)
    scores = [_scores(_features(rng, taught, effect), many) for _ in range(TRAININGS)]
    truth = {name: float(np.mean([it[name] for it in scores])) for name in scores[0]}
    trials = []
    for _ in range(rounds):
        features, labels, member = _features(rng, groups, effect)
        order = np.concatenate([rng.permutation(np.arange(groups // 2)) % FOLDS for _ in range(2)])
        fold = order[member]
        parts = [
            [(features[rows], labels[rows], member[rows]) for rows in (fold != k, fold == k)]
            for k in range(FOLDS)
        ]
        of_folds = [_scores(*pair) for pair in parts]
        found = {name: over_folds([it[name] for it in of_folds]).estimate for name in truth}
        trials.append({name: Trial(truth[name], found[name]) for name in truth})
    return trials


def field(groups: int, effect: float, rounds: int) -> list[dict[str, Trial]]:
    """The corrected share of blasts of a field of an unseen patient, for some true shares."""
    rng, trials = np.random.default_rng(groups), []
    for _ in range(rounds):
        cells = simulate(rng, groups, effect, share=0.5)
        calls = (cells.logits >= 0).astype(int)
        rates = prevalence.call_rates(cells.labels, calls, cells.groups)
        row: dict[str, Trial] = {}
        for share in SHARES:
            blasts = rng.random(FIELD_CELLS) < share
            evidence = np.where(blasts, 1, -1) + rng.normal(0, effect)
            evidence = evidence + rng.normal(0, 1, FIELD_CELLS)
            called = int((evidence >= 0).sum())
            found = prevalence.corrected_share(called, FIELD_CELLS, rates)
            row[f"share {share:g}"] = Trial(float(blasts.mean()), found)
        trials.append(row)
    return trials


_Taught = tuple[np.ndarray, np.ndarray, np.ndarray]


def _features(rng: np.random.Generator, groups: int, effect: float) -> _Taught:
    """Features (N, F) of which two tell the classes apart, labels and groups."""
    cells = simulate(rng, groups, 0.0, share=0.5)
    apart = np.where(np.arange(FEATURES) < 2, 0.6, 0)
    noise = rng.normal(0, effect, (groups, FEATURES))[cells.groups]
    noise += rng.normal(0, 1, (len(cells.labels), FEATURES))
    return (2 * cells.labels - 1)[:, None] * apart + noise, cells.labels, cells.groups


def _scores(train: _Taught, test: _Taught) -> dict[str, float]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    model = LinearDiscriminantAnalysis().fit(*train[:2])
    found = classification.metrics(test[1], model.predict_proba(test[0])[:, 1], 0.5)
    return {name: found[name] or 0.0 for name in ("balanced_accuracy", "roc_auc")}


Case = Callable[[int, float, int], list[dict[str, Trial]]]


def part(simulated: Case, groups: Iterable[int], rounds: int) -> Figures:
    """Coverage and mean width of each case, and the least coverage beside its bar."""
    cases = [(number, effect) for effect in EFFECTS for number in groups]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(partial(_run, simulated, rounds), *zip(*cases, strict=True))
        found = {
            f"{number} groups, effect {effect}": summary(trials)
            for (number, effect), trials in zip(cases, done, strict=True)
        }
    names = next(iter(found.values()))
    least = {
        metric: COVERAGE(min(of_case[metric]["holds"] for of_case in found.values()), metric)
        for metric in names
    }
    return {"cases": found, "least": least}


def _run(simulated: Case, rounds: int, groups: int, effect: float) -> list[dict[str, Trial]]:
    return simulated(groups, effect, rounds)


def summary(trials: list[dict[str, Trial]]) -> dict[str, dict[str, float]]:
    """Of each metric, how many intervals there are, the share that holds, and their mean width."""
    return {name: _summary([trial[name] for trial in trials]) for name in trials[0]}


def _summary(trials: list[Trial]) -> dict[str, float]:
    ours = [(it.truth, it.found.interval) for it in trials if it.found.interval]
    plain = [(it.truth, it.plain) for it in trials if it.plain and it.found.interval]
    row = {"intervals": len(ours), **dict(_held(ours))}
    return row | {f"plain_{name}": value for name, value in _held(plain)}


def _held(pairs: list[tuple[float, tuple[float, float]]]) -> Iterator[tuple[str, float]]:
    if pairs:
        yield "holds", float(np.mean([low <= truth <= high for truth, (low, high) in pairs]))
        yield "width", float(np.mean([high - low for _, (low, high) in pairs]))


def metrics(rounds: int) -> Figures:
    """Of a test part; and how wide intervals of many subjects are."""
    many = summary(metrics_of_part(MANY, 0.8, max(1, rounds // 10)))
    widest = max(row["width"] / row["plain_width"] for row in many.values())
    return {**part(metrics_of_part, GROUPS, rounds), "many": many, "wide": WIDTH(widest, MANY)}


PARTS: dict[str, Callable[[int], Figures]] = {
    "metrics": metrics,
    "paired": partial(part, paired, (7, 12, 30)),
    "readings": partial(part, reading, (6, 12, 40)),
    "folds": partial(part, folds, (20, 30, 60)),
    "shares": partial(part, field, (7, 12, 20, 40)),
}


def measure(options: Options) -> Figures:
    """Coverage and widths of all parts or of `options.only`, over `options.rounds` data sets."""
    return measure_parts(PARTS, options.only, options.rounds or ROUNDS)
