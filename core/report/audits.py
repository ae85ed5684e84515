"""The leakage meter, controls and subject probe of a run, as sentences and tables."""

from typing import Any

import pandas as pd

from core import documents
from core.audit import ablations, controls, leakage, subject_probe
from core.audit.ablations import AblationRuns
from core.audit.controls import Controls
from core.audit.leakage import Leakage
from core.audit.subject_probe import SubjectProbe
from core.metrics import classification
from core.report.phrases import interval_of, names, span
from core.runs.run_store import Run

AuditResult = Leakage | Controls | SubjectProbe
CONTROLS = {"silhouette": "the silhouette alone", "size": "cell size alone"}


def measure(audit: str, ablation_runs: AblationRuns) -> Leakage | Controls:
    """Computes an audit of `ablations.AUDITS` from its complete runs."""
    arms = ablation_runs.finished
    if audit == "leakage":
        return leakage.measure(arms["image"], arms["model"])
    return controls.measure(arms)


def sentence(result: AuditResult) -> str:
    """Returns the result of an audit in words."""
    if isinstance(result, Leakage):
        return _of_leakage(result)
    return _of_controls(result) if isinstance(result, Controls) else _of_probe(result)


def table(result: AuditResult) -> pd.DataFrame:
    """Returns the figures of an audit with readable columns: a row a metric, or part and class."""
    if isinstance(result, SubjectProbe):
        return _probe_table(result)
    if isinstance(result, Leakage):
        return pd.DataFrame(
            [
                {
                    "Metric": classification.NAMES[name],
                    "By image": pair.first,
                    "By subject": pair.second,
                    "Recognition": pair.difference.value,
                    "95% interval": span(pair.difference.interval, signed=True),
                }
                for name, pair in result.difference.metrics.items()
            ]
        )
    return pd.DataFrame(
        [
            {
                "Control": CONTROLS[control],
                "Metric": classification.NAMES[name],
                "Model": pair.first,
                "Control alone": pair.second,
                "Difference": pair.difference.value,
                "95% interval": span(pair.difference.interval, signed=True),
            }
            for control, difference in result.differences.items()
            for name, pair in difference.metrics.items()
        ]
    )


def document(run: Run) -> dict[str, Any]:
    """Returns the audits of a run for the command line.

    The keys are run, leakage and controls (each with done, total, and result, None before all
    ablation runs have finished) and probe (None before it was measured). A result has doubt
    (whether it casts doubt on the run; None if it cannot be told) and sentence.
    """
    answers: dict[str, Any] = {"run": run.run_id}
    for audit in ablations.AUDITS:
        ablation_runs = ablations.find(run, audit)
        result = to_json(measure(audit, ablation_runs)) if ablation_runs.complete else None
        answers[audit] = {
            "done": ablation_runs.done,
            "total": ablation_runs.total,
            "result": result,
        }
    probe = subject_probe.stored(run)
    answers["probe"] = None if probe is None else to_json(probe)
    return answers


def to_json(result: AuditResult) -> dict[str, Any]:
    """Returns the figures of an audit, whether they raise a doubt, and the sentence."""
    more = {"doubt": result.doubt, "sentence": sentence(result)}
    return {**documents.to_json(result), **more}


def _of_leakage(result: Leakage) -> str:
    gap, name = result.gap, classification.NAMES[leakage.METRIC].lower()
    if result.doubt:
        return (
            f"Of the {gap.first:.2f} {name} under a split by image, {gap.difference.value:.2f} "
            f"({interval_of(gap.difference)}) is recognition of patients: on patients it has never "
            f"seen, the same recipe reaches {gap.second:.2f}."
        )
    both = f"{name} {gap.first:.2f} under a split by image, {gap.second:.2f} on patients never seen"
    if gap.difference.interval is None:
        return f"No interval can be given, so nothing follows from this yet: {both}."
    if gap.difference.interval[1] < 0:
        return f"No recognition of patients: {both}."
    return (
        f"No recognition of patients is shown: {both}, a difference of "
        f"{gap.difference.value:+.2f} ({interval_of(gap.difference)}), and the interval includes 0."
    )


def _of_controls(result: Controls) -> str:
    beaten = [name for name in result.differences if result.beats(name)]
    others = [name for name in result.differences if name not in beaten]
    own = next(iter(result.differences.values())).metrics[controls.METRIC].first
    reached = f"at a ROC AUC of {own:.2f} on unseen patients"
    if not others:
        return f"The model beats {names([_control(result, name) for name in beaten])}, {reached}."
    unbeaten = " or ".join(_control(result, name) for name in others)
    also = f" It does beat {_control(result, beaten[0])}." if beaten else ""
    return (
        f"The model does not beat {unbeaten}, {reached}: it has not shown that it reads more of a "
        f"cell.{also}"
    )


def _control(result: Controls, name: str) -> str:
    pair = result.differences[name].metrics[controls.METRIC]
    interval = pair.difference.interval
    if interval is None:
        return f"{CONTROLS[name]} ({pair.second:.2f}; no interval can be given)"
    return (
        f"{CONTROLS[name]} ({pair.second:.2f}; difference {pair.difference.value:+.2f}, 95% "
        f"interval {span(interval, 2, signed=True)})"
    )


def _of_probe(probe: SubjectProbe) -> str:
    rows = probe.unseen_rows
    parts = [
        f"the subject of {'an ALL' if row.of_class == 'ALL' else 'a HEM'} cell can be named in "
        f"{row.accuracy:.0%} of cases (chance {row.chance:.0%}, {row.subjects} subjects)"
        for row in rows
    ]
    recognised = [row.of_class for row in rows if row.recognises]
    if not recognised:
        end = "That is no more than shuffled subjects give: no recognition is shown."
    elif len(recognised) < len(rows):
        end = f"Only for {recognised[0]} is that more than shuffled subjects give."
    else:
        end = "That is more than shuffled subjects give: the features carry who the patient is."
    where = "" if rows[0].part == "unseen" else " of its training part"
    return f"From what the network sees{where}, {', and '.join(parts)}. {end}"


def _probe_table(probe: SubjectProbe) -> pd.DataFrame:
    seen = {"unseen": "never trained on", "trained": "trained on"}
    return pd.DataFrame(
        [
            {
                "Subjects": seen[row.part],
                "Class": row.of_class,
                "How many": row.subjects,
                "Cells": row.cells,
                "Named right": row.accuracy,
                "95% interval": span(row.interval),
                "Shuffled": row.chance,
                "Largest subject": row.majority,
            }
            for row in probe.rows
        ]
    )
