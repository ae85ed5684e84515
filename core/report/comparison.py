"""A comparison of runs in words, and as the document of the command line."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.audit import plausibility
from core.data.walk import Progress
from core.evaluation import compare, literature, subgroups
from core.evaluation.compare import METRIC, Difference
from core.evaluation.test_set import TestSet
from core.metrics import classification
from core.metrics.estimate import Estimate
from core.models import catalog
from core.report import patients, phrases
from core.runs import about, setting_words
from core.runs.adoption import MAY_HAVE_SEEN
from core.runs.run_store import Run

METHOD = (
    "Two runs are compared on the same resamples of the same subjects, so that a hard subject "
    "counts against both. The interval of each difference is widened for the number of runs: it is "
    "the estimate plus or minus the same number of standard errors for all pairs, chosen so that "
    "the intervals of all pairs together hold with 95% (the maximum statistic; Westfall and Young, "
    "Resampling-Based Multiple Testing, 1993). So the run that happens to be ahead gets no credit "
    "for having been picked. With few subjects a bootstrap is too sure of itself; the intervals "
    "are widened for that too, by Student's t for the class with fewer groups of subjects (compare "
    "Cameron, Gelbach and Miller, Bootstrap-Based Improvements for Inference with Clustered "
    "Errors, 2008). The metrics are not corrected for one another."
)
NO_EVIDENCE = "no evidence of a difference"
_COSTS = ("parameters", "epochs", "seconds", "images_per_second")


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """A run in a comparison.

    name: short and readable. best: the metrics in which it is better than all comparable runs,
    beyond chance. against: its comparison with the best run in the headline metric, in words.
    estimates: each metric with its interval. always_all: the metrics of calling every cell ALL.
    With a prevalence both include PPV and NPV.
    """

    run: TestSet
    name: str
    best: tuple[str, ...]
    against: str
    estimates: dict[str, Estimate]
    always_all: dict[str, float | None]

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @property
    def protocol(self) -> str:
        return phrases.protocol(self.run)

    def cost(self, name: str) -> float | None:
        """Returns one of `_COSTS` of its training; None if unknown."""
        if name == "epochs" and self.run.run.adoption:
            return None
        value: float | None = getattr(self.run.facts.training, name)
        return value

    def to_json(self) -> dict[str, Any]:
        config, facts = self.run.run.config, self.run.facts
        test = self.run.metrics.to_json()
        test |= {name: estimate.value for name, estimate in self.estimates.items()}
        intervals = {name: estimate.interval for name, estimate in self.estimates.items()}
        return {
            "run": self.run_id,
            "name": self.name,
            "architecture": config.architecture,
            "title": catalog.architecture(config.architecture).title,
            "recipe": config.recipe,
            "dataset": facts.dataset.to_json(),
            "split": config.split,
            "protocol": self.protocol,
            "leaking": self.run.leaking,
            "test_cells": facts.protocol.test_cells,
            "test": test | {"always_all": self.always_all, "intervals": intervals},
            "patients": patients.to_json(self.run),
            "best": list(self.best),
            "against": self.against,
            **{name: self.cost(name) for name in _COSTS},
        }


def rows(runs: Sequence[TestSet], prevalence: float | None = None) -> list[ComparedRun]:
    """Returns one row a run. Raises `DataError` for a prevalence outside (0, 1)."""
    name, standing = about.among(run.run for run in runs), against_the_best(runs)
    ranked = compare.ranked(runs)
    leaders = {metric: compare.best(ranked, metric) for metric in classification.NAMES}
    return [
        ComparedRun(
            run=run,
            name=name[run.run_id],
            best=tuple(metric for metric, leader in leaders.items() if leader == run.run_id),
            against=standing[run.run_id],
            estimates=_estimates(run, prevalence),
            always_all=_always_all(run, prevalence),
        )
        for run in runs
    ]


def _estimates(run: TestSet, prevalence: float | None) -> dict[str, Estimate]:
    estimates = {metric: run.estimate(metric) for metric in classification.NAMES}
    return estimates | (run.predictive_values(prevalence) if prevalence is not None else {})


def _always_all(run: TestSet, prevalence: float | None) -> dict[str, float | None]:
    values: dict[str, float | None] = dict(run.metrics.always_all)
    # If every cell is called ALL, the PPV is the prevalence.
    return values | ({"ppv": prevalence, "npv": None} if prevalence is not None else {})


def settings_that_differ(runs: Sequence[TestSet]) -> dict[str, dict[str, str]]:
    """Of the runs' configurations only what differs, in words: setting to run to value."""
    configs = {run.run_id: run.run.config for run in runs}
    return {
        setting_words.NAMES[name]: {
            run_id: setting_words.value(name, getattr(config, name))
            for run_id, config in configs.items()
        }
        for name in (setting_words.differing(list(configs.values())) if configs else [])
    }


def against_the_best(runs: Sequence[TestSet]) -> dict[str, str]:
    """Compares each run with the best one in the headline metric, in a few words."""
    ranked = compare.ranked(runs)
    standing = {run.run_id: "not comparable: other test images" for run in runs}
    standing |= {run.run_id: f"not comparable: {_leak(run)}" for run in runs if run.leaking}
    if len(ranked) < 2:
        return standing | {run.run_id: "nothing to compare with" for run in ranked}
    undefined = f"{classification.NAMES[METRIC]} is undefined".lower()
    standing |= {run.run_id: undefined for run in ranked}
    pairs = compare.differences(ranked, METRIC)
    if pairs:
        leader = pairs[0].a
        ahead = compare.best(ranked, METRIC) == leader
        standing[leader] = "better than the others" if ahead else "ahead, not beyond chance"
        standing |= {pair.b: _behind(pair) for pair in pairs if pair.a == leader}
    return standing


def _leak(run: TestSet) -> str:
    return MAY_HAVE_SEEN if run.facts.protocol.training_unknown else "leaks"


def _behind(pair: Difference) -> str:
    if pair.ahead.interval is None:
        return "too few subjects to tell"
    if not pair.shown:
        return NO_EVIDENCE
    return f"{pair.ahead.value:.2f} behind ({phrases.span(pair.ahead.interval, 2)})"


def verdict(runs: Sequence[TestSet], labels: dict[str, str] | None = None) -> str:
    """Returns the result of the comparison in words. `labels`: names to use for runs."""
    if not runs:
        return "Choose at least one finished run."
    labels = labels or {run.run_id: run.run_id for run in runs}
    leaking = [labels[run.run_id] for run in runs if run.leaking]
    sentences = []
    if leaking:
        were, had, its = (
            ("was", "it had", "its number shows")
            if len(leaking) == 1
            else ("were", "they had", "their numbers show")
        )
        sentences.append(
            f"Not a fair comparison: {', '.join(leaking)} {were} measured on patients {had}, or "
            f"may have, trained on, so {its} recognition of patients, not of blasts."
        )
    ranked = compare.ranked(runs)
    if len(ranked) < len(runs) - len(leaking):
        sentences.append(
            "These runs were measured on different test images, so their numbers cannot be ranked; "
            "train them with the same data set, sample, split and seed."
            if len(ranked) < 2
            else f"Only the {len(ranked)} runs tested on the same images can be ranked."
        )
        ranked = [] if len(ranked) < 2 else ranked
    if ranked:
        sentences.append(_ranking(ranked, labels))
    return " ".join(sentences)


def _ranking(runs: list[TestSet], labels: dict[str, str]) -> str:
    values = {run.run_id: run.estimate(METRIC).value for run in runs}
    undefined = [labels[run_id] for run_id, value in values.items() if value is None]
    if undefined:
        return (
            f"Balanced accuracy is undefined for {', '.join(undefined)}: the test part lacks a "
            "class. Train with more images or another seed."
        )
    first = max(runs, key=lambda run: values[run.run_id] or 0.0)
    leader, score = labels[first.run_id], phrases.full(first.estimate(METRIC))
    where, floor = phrases.test_cells(first), _no_better_than_always_all(first)
    if len(runs) == 1:
        return f"{leader} reaches a balanced accuracy of {score} on {where}.{floor}"
    pairs = [pair for pair in compare.differences(runs, METRIC) if pair.a == first.run_id]
    if any(pair.ahead.interval is None and pair.ahead.value for pair in pairs):
        return (
            f"{leader} has the highest balanced accuracy, {score} on {where}, but they are of too "
            "few groups of subjects to tell whether that is chance."
        )
    rivals = [labels[pair.b] for pair in pairs if not pair.shown]
    beaten = [labels[pair.b] for pair in pairs if pair.shown]
    if rivals:
        result = "No clear winner" if beaten else "No evidence of a difference"
        but = f" They do show it for {phrases.names(beaten)}." if beaten else ""
        return (
            f"{result}: {leader} has the highest balanced accuracy, {score} on {where}, but these "
            f"{first.metrics.groups} groups of subjects do not show that it is better than "
            f"{phrases.names(rivals)}.{but}{floor}"
        )
    ahead, others = pairs[0].ahead, phrases.names([labels[pair.b] for pair in pairs])
    return (
        f"{leader} is better, beyond chance, than {others}: its balanced accuracy is {score} on "
        f"{where}, {ahead.value:.2f} above the next ({phrases.interval_of(ahead)}).{floor}"
    )


def _no_better_than_always_all(run: TestSet) -> str:
    always, low = run.metrics.always_all[METRIC], run.estimate(METRIC).low
    if low is None or always is None or low > always:
        return ""
    return f" Nor is it shown to be better than always answering ALL ({always:.2f})."


def document(
    runs: Sequence[Run], prevalence: float | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Returns the comparison for the command line.

    `by_kind` of a run has its results by the publisher's class, official fold, quality flag and
    cell size; None where its data set is not here. `progress` is that of `subgroups.by_kind`.
    Raises `RunError` if a run cannot be compared, `DataError` for a wrong prevalence.
    """
    test_sets = [TestSet.load(run) for run in runs]
    ranked = compare.ranked(test_sets)
    alarms = filter(None, map(plausibility.audit, test_sets))
    return {
        "verdict": verdict(test_sets),
        "runs": [
            row.to_json() | {"by_kind": subgroups.to_json(row.run, progress)}
            for row in rows(test_sets, prevalence)
        ],
        "prevalence": prevalence,
        "differences": [
            difference.to_json()
            for metric in classification.NAMES
            for difference in compare.differences(ranked, metric)
        ],
        "method": METHOD,
        "settings_that_differ": settings_that_differ(test_sets),
        "alarms": [asdict(alarm) for alarm in alarms],
        "published": [asdict(result) for result in literature.RESULTS],
    }
