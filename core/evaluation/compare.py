"""Whether one run is better than another: differences on the same resamples of the same cells.

Models tested on the same cells fail on the same subjects, so that their difference is more certain
than the intervals of both suggest. The difference itself is resampled, over the same groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from core.evaluation.test_set import TestSet
from core.metrics import classification
from core.metrics.bootstrap import LEVEL, NORMAL_REACH
from core.metrics.estimate import NO_SPREAD, TOO_FEW_GROUPS, UNDEFINED_RESAMPLES, Estimate

METRIC = "balanced_accuracy"  # the headline


@dataclass(frozen=True)
class Difference:
    """How far run `a` is ahead of run `b` in a metric.

    ahead: above 0 if `a` is better, also for metrics where lower is better. The 95% interval is
    simultaneous over all pairs compared.
    """

    metric: str
    a: str
    b: str
    ahead: Estimate

    @property
    def shown(self) -> bool:
        """Whether the interval excludes zero, so that the data show a difference."""
        interval = self.ahead.interval
        return interval is not None and not interval[0] <= 0 <= interval[1]

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "a": self.a,
            "b": self.b,
            "ahead": self.ahead.value,
            "interval": self.ahead.interval,
            "shown": self.shown,
        }


def same_cells(a: TestSet, b: TestSet) -> bool:
    """Whether both were tested on the same images, by content, with the same labels and groups.

    The folder of a file does not matter; each copy counts.
    """
    return len(a.cells) == len(b.cells) and bool(a.content.equals(b.content))


def comparable(runs: Sequence[TestSet]) -> list[list[TestSet]]:
    """Groups the runs into sets of comparable runs, the largest first, then in their order.

    Runs of a set have the same test cells. A run that leaks is alone in its set.
    """
    sets: list[list[TestSet]] = []
    for run in runs:
        for members in sets:
            if not (members[0].leaking or run.leaking) and same_cells(members[0], run):
                members.append(run)
                break
        else:
            sets.append([run])
    return sorted(sets, key=lambda members: -len(members))


def ranked(runs: Sequence[TestSet]) -> list[TestSet]:
    """Returns the largest set of `comparable` runs without leakage; [] if two are the largest.

    Numbers on different cells do not show which run is better.
    """
    sets = comparable([run for run in runs if not run.leaking])
    tie = len(sets) > 1 and len(sets[0]) == len(sets[1])
    return [] if not sets or tie else sets[0]


def differences(runs: Sequence[TestSet], metric: str) -> list[Difference]:
    """Compares all pairs of runs of one set of `comparable`; the better run of a pair is first.

    Runs in which the metric is undefined are left out.
    """
    sign = -1 if metric in classification.LOWER_IS_BETTER else 1
    values = {
        run.run_id: sign * value
        for run in runs
        if (value := run.estimate(metric).value) is not None
    }
    defined = sorted(
        (run for run in runs if run.run_id in values), key=lambda run: -values[run.run_id]
    )
    pairs = list(combinations(defined, 2))
    if not pairs:
        return []
    gaps = [values[a.run_id] - values[b.run_id] for a, b in pairs]
    resampled = [_resampled(a, b, metric, sign) for a, b in pairs]
    drawn = defined[0].resamples
    factor = drawn.reach(metric) / NORMAL_REACH if drawn else 1.0
    return [
        Difference(metric, a.run_id, b.run_id, estimate)
        for (a, b), estimate in zip(pairs, _simultaneous(gaps, resampled, factor), strict=True)
    ]


def best(runs: Sequence[TestSet], metric: str) -> str | None:
    """Returns the run that is better in a metric, beyond chance, than all others of its set.

    None without evidence, or if there is only one run.
    """
    pairs = differences(runs, metric)
    if not pairs:
        return None
    leader = pairs[0].a
    of_leader = [pair for pair in pairs if pair.a == leader]
    return leader if len(of_leader) == len(runs) - 1 and all(p.shown for p in of_leader) else None


def _resampled(a: TestSet, b: TestSet, metric: str, sign: int) -> np.ndarray | None:
    """The difference in each resample, float64 (R,); None without resamples."""
    ours, theirs = a.replicates, b.replicates
    if ours is None or theirs is None:
        return None
    # Both have the same groups and so the same draws; the order of cells does not matter.
    difference: np.ndarray = sign * (ours[metric] - theirs[metric])
    return difference


def _simultaneous(
    gaps: list[float], resampled: list[np.ndarray | None], factor: float
) -> list[Estimate]:
    """Returns the differences with simultaneous intervals, from resamples with the same draws.

    `factor` widens them, because the groups are few. There is no interval without resamples, if
    the difference is undefined in more than half of them, or if all are equal.
    """
    reasons = [_reason_for_no_interval(rows) for rows in resampled]
    rows = {
        number: row
        for number, (row, reason) in enumerate(zip(resampled, reasons, strict=True))
        if row is not None and not reason
    }
    if not rows:
        return [Estimate(gap, reason=reason) for gap, reason in zip(gaps, reasons, strict=True)]
    spread = {number: float(np.nanstd(row, ddof=1)) for number, row in rows.items()}
    deviations = np.stack([np.abs(row - gaps[n]) / spread[n] for n, row in rows.items()])
    maxima = np.nanmax(deviations[:, ~np.isnan(deviations).all(axis=0)], axis=0)
    half_width = float(np.quantile(maxima, LEVEL)) * factor
    return [
        Estimate(gap, gap - half_width * spread[number], gap + half_width * spread[number])
        if number in spread
        else Estimate(gap, reason=reasons[number])
        for number, gap in enumerate(gaps)
    ]


def _reason_for_no_interval(rows: np.ndarray | None) -> str:
    if rows is None:
        return TOO_FEW_GROUPS
    if np.isnan(rows).mean() > 0.5:
        return UNDEFINED_RESAMPLES
    return "" if np.nanstd(rows) > 1e-12 else NO_SPREAD
