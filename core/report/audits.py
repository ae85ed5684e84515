"""May a run be believed? Its leakage meter, controls and subject probe in one document."""

from typing import Any

from core.audit import ablations, controls, leakage, subject_probe
from core.audit.ablations import AblationRuns
from core.runs.run_store import Run


def measured(audit: str, found: AblationRuns) -> dict[str, Any]:
    """What the complete companions of an audit of `companions.AUDITS` say.

    Returns what `leakage.measure` or `controls.measure` does, with doubt (whether it speaks against
    believing the run; None where it cannot tell) and sentence.
    """
    sides = found.finished
    if audit == "leakage":
        gap = leakage.measure(sides["image"], sides["model"])
        return gap | {"doubt": leakage.shows_leakage(gap), "sentence": leakage.sentence(gap)}
    beside = controls.measure(sides)
    beaten = all(values["beats"] for values in beside["controls"].values())
    return beside | {"doubt": not beaten, "sentence": controls.sentence(beside)}


def named(found: dict[str, Any]) -> dict[str, Any]:
    """What `probe.measure` found, with doubt and sentence as in `measured`."""
    doubt = any(row["recognises"] for row in subject_probe.told(found))
    return found | {"doubt": doubt, "sentence": subject_probe.sentence(found)}


def document(run: Run) -> dict[str, Any]:
    """All that is known of a run, and what is not yet: null, with the runs still missing.

    Returns run, leakage and controls (each done, total and result: what `measured` says, or None
    before all companions have finished) and probe (what `named` says; None before it was asked).
    """
    answers: dict[str, Any] = {"run": run.run_id}
    for audit in ablations.AUDITS:
        found = ablations.find(run, audit)
        result = measured(audit, found) if found.complete else None
        answers[audit] = {"done": found.done, "total": found.total, "result": result}
    kept = subject_probe.kept(run)
    answers["probe"] = None if kept is None else named(kept)
    return answers
