"""Runs side by side: a table, what is better beyond chance, and a verdict in one sentence."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.evaluation import literature, paired
from core.evaluation.test_set import TestSet
from core.metrics import classification
from core.models import catalog
from core.runs.run_store import Run

METRIC = "balanced_accuracy"
NO_EVIDENCE = "no evidence of a difference"


def load(runs: Sequence[Run]) -> tuple[list[TestSet], list[str]]:
    """The runs that can be compared, and a sentence for each that cannot."""
    found, problems = [], []
    for run in runs:
        try:
            found.append(TestSet.load(run))
        except RunError as error:
            problems.append(str(error))
    return found, problems


def names(runs: Sequence[Run]) -> dict[str, str]:
    """A short readable name of each run: its architecture, and what tells it from the others."""
    settings = {run.run_id: run.config.to_json() for run in runs}
    titles = {run.run_id: catalog.architecture(run.config.architecture).title for run in runs}
    found = {}
    for run in runs:
        alike = [other for other in settings if titles[other] == titles[run.run_id]]
        telling = _differing([settings[other] for other in alike])
        own = settings[run.run_id]
        parts = dict.fromkeys(_setting(name, own) for name in telling[:3])
        found[run.run_id] = " · ".join([titles[run.run_id], *filter(None, parts)])
    plain = list(found.values())
    found |= {
        run_id: f"{name} · {run_id.rsplit('-', 1)[-1]}"
        for run_id, name in found.items()
        if plain.count(name) > 1
    }
    return found if len(set(found.values())) == len(found) else {one: one for one in found}


def _setting(name: str, settings: dict[str, Any]) -> str:
    value = settings[name]
    if name == "split":  # by subject is as it should be; only another way is worth a word
        return "" if value == "subject" else f"by {value}"
    if name == "recipe":
        return str(value)
    if name in ("fold", "folds"):  # people count from 1, as the Tune page does
        fold, folds = settings["fold"], settings["folds"]
        return f"fold {fold + 1} of {folds}" if folds else ""
    if name == "epochs":
        return f"{value} epochs"
    if name == "dataset":
        return Path(value).name
    return f"{name.replace('_', ' ')} {_plain(value)}"


def _plain(value: Any) -> str:
    if value is None:
        return "its own"
    return (", ".join(value) or "none") if isinstance(value, list) else str(value)


def _differing(settings: list[dict[str, Any]]) -> list[str]:
    """The settings that are not the same in all, in the order of the configuration."""
    return [name for name in settings[0] if any(s[name] != settings[0][name] for s in settings)]


def settings_that_differ(runs: Sequence[TestSet]) -> dict[str, dict[str, str]]:
    """Of the runs' configurations only what differs: setting to run to value, as text."""
    settings = {run.run_id: run.run.config.to_json() for run in runs}
    return {
        name: {run_id: _plain(one[name]) for run_id, one in settings.items()}
        for name in (_differing(list(settings.values())) if settings else [])
    }


def rows(runs: Sequence[TestSet], prevalence: float | None = None) -> list[dict[str, Any]]:
    """One row a run: what it was, what its test part measured, and under which protocol.

    Each has run, name, architecture, title, recipe, dataset{name, synthetic, fingerprint}, split,
    protocol (in words), leaking, test_cells, test (see `TestSet.figures`), best (the metrics in
    which it is better than every comparable run beyond chance), against (a sentence on the
    headline metric), and parameters, epochs, seconds, images_per_second, None where an older run
    does not say. Raises `DataError` for a prevalence outside (0, 1).
    """
    name, standing = names([run.run for run in runs]), against_the_best(runs)
    marks = best(runs)
    return [
        {
            "run": run.run_id,
            "name": name[run.run_id],
            "architecture": run.run.config.architecture,
            "title": catalog.architecture(run.run.config.architecture).title,
            "recipe": run.run.config.recipe,
            "dataset": run.facts.dataset.to_json(),
            "split": run.run.config.split,
            "protocol": run.protocol,
            "leaking": run.leaking,
            "test_cells": run.facts.protocol.test_cells,
            "test": run.figures(prevalence),
            "best": [metric for metric, leader in marks.items() if leader == run.run_id],
            "against": standing[run.run_id],
            **{fact: getattr(run.facts.training, fact) for fact in _FACTS},
        }
        for run in runs
    ]


_FACTS = ("parameters", "epochs", "seconds", "images_per_second")


def best(runs: Sequence[TestSet]) -> dict[str, str | None]:
    """Of each metric the run that is better than every other it can be compared with.

    Where the runs fall into several sets of test cells, only the largest is ranked, since numbers
    on other cells do not say who is better; None without evidence, and where two sets are largest.
    """
    ranked = _ranked(runs)
    return {metric: paired.best(ranked, metric) for metric in classification.NAMES}


def _ranked(runs: Sequence[TestSet]) -> list[TestSet]:
    sets = paired.comparable([run for run in runs if not run.leaking])
    tie = len(sets) > 1 and len(sets[0]) == len(sets[1])
    return [] if not sets or tie else sets[0]


def against_the_best(runs: Sequence[TestSet]) -> dict[str, str]:
    """How each run stands to the one that leads in the headline metric, in a few words."""
    ranked = _ranked(runs)
    found = {run.run_id: "not comparable: other test cells" for run in runs}
    found |= {run.run_id: "not comparable: leaks" for run in runs if run.leaking}
    if len(ranked) < 2:
        return found | {run.run_id: "nothing to compare with" for run in ranked}
    found |= {run.run_id: f"{classification.NAMES[METRIC]} is undefined".lower() for run in ranked}
    pairs = paired.differences(ranked, METRIC)
    if pairs:
        leader = pairs[0].a
        sure = paired.best(ranked, METRIC) == leader
        found[leader] = "better than the others" if sure else "ahead, not beyond chance"
        for one in pairs:
            if one.a == leader:
                found[one.b] = _behind(one)
    return found


def _behind(one: paired.Difference) -> str:
    if one.interval is None:
        return "too few subjects to tell"
    if not one.shown:
        return NO_EVIDENCE
    return f"{one.ahead:.2f} behind ({one.interval[0]:.2f} to {one.interval[1]:.2f})"


def verdict(runs: Sequence[TestSet], called: dict[str, str] | None = None) -> str:
    """What the comparison allows to say, in a sentence or two. `called`: names to use for runs."""
    if not runs:
        return "Choose at least one finished run."
    called = called or {run.run_id: run.run_id for run in runs}
    leaking = [called[run.run_id] for run in runs if run.leaking]
    honest = [run for run in runs if not run.leaking]
    said = []
    if leaking:
        said.append(
            f"Not a fair comparison: {', '.join(leaking)} was measured on patients it had, or may "
            "have, trained on, so its number shows recognition of patients, not of blasts."
        )
    ranked = _ranked(runs)
    if len(ranked) < len(honest):
        said.append(
            "These runs were measured on different test cells, so their numbers cannot be ranked; "
            "train them with the same data set, sample, split and seed."
            if len(ranked) < 2
            else f"Only the {len(ranked)} runs tested on the same cells can be ranked."
        )
        ranked = [] if len(ranked) < 2 else ranked
    if ranked:
        said.append(_ranking(ranked, called))
    return " ".join(said)


def _ranking(runs: list[TestSet], called: dict[str, str]) -> str:
    values = {run.run_id: run.figures()[METRIC] for run in runs}
    undefined = [called[run_id] for run_id, value in values.items() if value is None]
    if undefined:
        return (
            f"Balanced accuracy is undefined for {', '.join(undefined)}: the test part lacks a "
            "class. Train with more cells or another seed."
        )
    first = max(runs, key=lambda run: values[run.run_id])
    leader = called[first.run_id]
    score, floor = _with_interval(first), _no_better_than_always_all(first)
    if len(runs) == 1:
        return f"{leader} reaches a balanced accuracy of {score} on {first.where}.{floor}"
    pairs = [one for one in paired.differences(runs, METRIC) if one.a == first.run_id]
    if any(one.interval is None and one.ahead for one in pairs):
        return (
            f"{leader} has the highest balanced accuracy, {score} on {first.where}, but they are "
            "of too few groups of subjects to tell whether that is chance."
        )
    rivals = [called[one.b] for one in pairs if not one.shown]
    if rivals:
        return (
            f"No evidence of a difference: {leader} has the highest balanced accuracy, {score} on "
            f"{first.where}, but these {first.figures()['groups']} groups of subjects do not show "
            f"that it is better than {_and(rivals)}.{floor}"
        )
    low, high = pairs[0].interval or (0.0, 0.0)
    return (
        f"{leader} is better, beyond chance, than {_and([called[one.b] for one in pairs])}: its "
        f"balanced accuracy is {score} on {first.where}, {pairs[0].ahead:.2f} above the next (95% "
        f"interval {low:.2f} to {high:.2f}).{floor}"
    )


def _no_better_than_always_all(run: TestSet) -> str:
    always, span = run.figures()["always_all"][METRIC], run.figures()["intervals"][METRIC]
    if span is None or always is None or span[0] > always:
        return ""
    return f" Nor is it shown to be better than always answering ALL ({always:.2f})."


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _with_interval(run: TestSet) -> str:
    value, interval = run.figures()[METRIC], run.figures()["intervals"][METRIC]
    if interval is None:
        return f"{value:.2f} (too few groups for an interval)"
    return f"{value:.2f} (95% interval {interval[0]:.2f} to {interval[1]:.2f})"


def document(runs: Sequence[Run], prevalence: float | None = None) -> dict[str, Any]:
    """All of it for the command line: verdict, runs, differences, alarms, settings, problems.

    Raises `RunError` if a run cannot be compared, `DataError` for a wrong prevalence.
    """
    from core.evaluation import plausibility

    found = [TestSet.load(run) for run in runs]
    ranked = _ranked(found)
    return {
        "verdict": verdict(found),
        "runs": rows(found, prevalence),
        "prevalence": prevalence,
        "differences": [
            asdict(one) | {"shown": one.shown}
            for metric in classification.NAMES
            for one in paired.differences(ranked, metric)
        ],
        "method": paired.METHOD,
        "settings_that_differ": settings_that_differ(found),
        "alarms": [asdict(one) for run in found if (one := plausibility.audit(run))],
        "published": [asdict(one) for one in literature.RESULTS],
    }
