"""Audits the split of a run whose result is better than all published ones."""

from dataclasses import dataclass

import pandas as pd

from core.evaluation import literature
from core.evaluation.test_set import TestSet, split_of
from core.metrics import classification
from core.metrics.bootstrap import MIN_GROUPS
from core.runs.adoption import MAY_HAVE_SEEN

FEW_GROUPS = 10


@dataclass(frozen=True)
class Check:
    """One check of the split, and its result in a sentence."""

    passed: bool
    text: str


@dataclass(frozen=True)
class Alarm:
    """Metrics of a run that exceed published results, and the checks of its split.

    above: a sentence for each of these metrics.
    """

    run: str
    above: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def explained(self) -> bool:
        """Whether a check failed, which can explain the result."""
        return not all(check.passed for check in self.checks)

    def answers(self, *, passed: bool) -> str:
        """The sentences of the checks that passed, or of those that failed, in one line."""
        return " ".join(check.text for check in self.checks if check.passed == passed)

    @property
    def conclusion(self) -> str:
        """The conclusion in a sentence."""
        if self.explained:
            return "Do not believe this number as one of new patients: see what the audit found."
        return (
            "The audit found no reason to doubt it. Before you believe it, repeat it by "
            "cross-validation and on the official preliminary test."
        )


def audit(run: TestSet) -> Alarm | None:
    """Audits a run that exceeds a published subject-level result; None for other runs."""
    above = tuple(
        f"{classification.NAMES[metric]} {value:.3f} is above the {bar.value:.3f} of {bar.name}."
        for metric, bar in literature.bars().items()
        if (value := run.metrics.metric(metric)) is not None and value > bar.value
    )
    if not above:
        return None
    return Alarm(run.run_id, above, (*_recorded(run), *_crossings(run), _size(run)))


def _recorded(run: TestSet) -> tuple[Check, ...]:
    """Checks of the protocol that the run recorded; see `core.data.splits.audit`."""
    protocol = run.facts.protocol
    near, unknown = protocol.near_pairs_crossing, protocol.unknown_subjects
    synthetic = "The cells are synthetic: the number says nothing of patients."
    untold = f"Nobody has said what it was trained on: {MAY_HAVE_SEEN}."
    return (
        Check(not run.synthetic, synthetic if run.synthetic else "The cells are not synthetic."),
        Check(
            run.run.config.split != "image",
            "The split is by image: cells of one patient are in training and test."
            if run.run.config.split == "image"
            else "The split is not by image.",
        ),
        Check(
            not near and near is not None,
            "Nearly identical images were not looked for."
            if near is None
            else f"{near or 'No'} nearly identical pairs of images stand on both sides.",
        ),
        Check(
            not unknown and unknown is not None,
            "Whether all subjects are known was not recorded."
            if unknown is None
            else f"The subjects of {unknown} cells are not known."
            if unknown
            else "All subjects are known.",
        ),
        *([Check(False, untold)] if protocol.training_unknown else []),
    )


def _crossings(run: TestSet) -> tuple[Check, ...]:
    """Checks of split.parquet."""
    parts = split_of(run.run)
    groups, copies = _crossing(parts, "group"), _crossing(parts, "sha256")
    return (
        Check(not groups, f"{groups or 'No'} groups of subjects stand in more than one part."),
        Check(not copies, f"{copies or 'No'} identical images stand in more than one part."),
    )


def _crossing(parts: pd.DataFrame, column: str) -> int:
    return int((parts.groupby(column)["split"].nunique() > 1).sum())


def _size(run: TestSet) -> Check:
    groups = run.metrics.groups
    few = f"Only {groups} groups of subjects were tested"
    if groups < MIN_GROUPS:
        return Check(False, f"{few}: too few to tell luck from skill.")
    if groups < FEW_GROUPS:
        return Check(False, f"{few}: a lucky draw of easy subjects can do that.")
    return Check(True, f"{groups} groups of subjects were tested.")
