"""Shared phrases: numbers with intervals, protocols and lists of names."""

from collections.abc import Sequence

import numpy as np

from core.data.pixel_cache import CELL
from core.evaluation.test_set import TestSet
from core.metrics.estimate import TOO_FEW_GROUPS, Estimate
from core.runs.adoption import MAY_HAVE_SEEN

_PROTOCOLS = {
    "subject": "held-out subjects",
    "preliminary": "preliminary test",
    "folds": "an official fold",
    "image": "split by image",
}
_SUBJECTS = {
    "subject": "of held-out subjects",
    "preliminary": "of the official preliminary test",
    "folds": "of an official fold",
    "image": "drawn without regard to subjects",
}


def brief(estimate: Estimate, digits: int = 2) -> str:
    """Formats for a table: "0.62 (0.54–0.73)", "0.62" without an interval, "–" if undefined."""
    if estimate.value is None or np.isnan(estimate.value):
        return "–"
    if estimate.low is None or estimate.high is None or np.isnan(estimate.low):
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f}–{estimate.high:.{digits}f})"


def full(estimate: Estimate, over: str = "") -> str:
    """Formats for a sentence: "0.62 (95% interval 0.54 to 0.73)", or why there is no interval.

    Of an undefined value it says that, and why. `over` names the sampling unit, such as
    " over folds".
    """
    if estimate.value is None or np.isnan(estimate.value):
        return f"not defined: {estimate.reason}" if estimate.reason else "not defined"
    return f"{estimate.value:.2f} ({interval_of(estimate, over)})"


def interval_of(estimate: Estimate, over: str = "") -> str:
    """Returns the interval in words: "95% interval 0.54 to 0.73", or why there is none."""
    if estimate.interval is None:
        if estimate.reason in ("", TOO_FEW_GROUPS):
            return "too few groups for an interval"
        return f"no interval: {estimate.reason}"
    return f"95% interval{over} {span(estimate.interval, 2)}"


def span(interval: Sequence[float] | None, digits: int = 3, *, signed: bool = False) -> str:
    """Formats an interval: "0.540 to 0.730", or "none"."""
    if interval is None:
        return "none"
    low, high = interval
    sign = "+" if signed else ""
    return f"{low:{sign}.{digits}f} to {high:{sign}.{digits}f}"


def names(words: Sequence[str]) -> str:
    """Joins names: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def duration(seconds: float) -> str:
    """Seconds in words: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def protocol(run: TestSet) -> str:
    """Returns what a run was measured on, in a few words to show beside its numbers."""
    words = _PROTOCOLS[run.run.config.split]
    if run.facts.protocol.unknown_subjects:
        words = "unknown subjects"
    leak = ", leaks" if run.leaking else ""
    if run.facts.protocol.training_unknown:
        leak = f"; {MAY_HAVE_SEEN}"
    return words + leak + (", synthetic" if run.synthetic else "")


def item(runs: Sequence[TestSet]) -> str:
    """Returns what the runs read, `RunConfig.item`; "cell" if they do not read the same."""
    items = {run.run.config.item for run in runs}
    return items.pop() if len(items) == 1 else CELL


def test_cells(run: TestSet) -> str:
    """Returns the number of test cells, or images, and their subjects, for a sentence."""
    kind = f"{'synthetic ' if run.synthetic else ''}{run.run.config.items}"
    return f"{len(run.cells):,} {kind} {_SUBJECTS[run.run.config.split]}"
