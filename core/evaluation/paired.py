"""Whether one run is better than another: differences on the same resamples of the same cells.

Models tested on the same cells err on the same hard subjects. Their difference is therefore much
surer than their intervals let see, and is resampled itself: the same groups for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.evaluation.test_set import TestSet, split_of
from core.metrics import classification
from core.metrics.bootstrap import LEVEL

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
# The 97.5% quantile of Student's t for 1, 2, … degrees of freedom; beyond, its expansion about the
# normal distribution (Fisher and Cornish 1960) is right to 0.1%. Importing scipy takes a second.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_NORMAL = 1.960


@dataclass(frozen=True)
class Difference:
    """How far run `a` is ahead of run `b` in a metric (whichever way is better, ahead is above 0).

    interval: simultaneous 95% over all pairs compared; None where it cannot be had.
    """

    metric: str
    a: str
    b: str
    ahead: float
    interval: tuple[float, float] | None

    @property
    def shown(self) -> bool:
        """Whether the data show that they differ: the interval leaves zero out."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


def why_not(a: TestSet, b: TestSet) -> str | None:
    """Why two runs cannot be compared, in a sentence without their names; None if they can."""
    for run in (a, b):
        if run.leaking:
            return "one was, or may have been, trained on patients it is tested on"
    if same_cells(a, b):
        return None
    mine, other = set(a.cells["sha256"]), set(b.cells["sha256"])
    common, known = len(mine & other), max(_trained_on(a, other), _trained_on(b, mine))
    words = f"they were tested on different cells ({common} in common)"
    if known:
        words += f", and one was trained on {known} of the other's"
    return words


def same_cells(a: TestSet, b: TestSet) -> bool:
    """Whether both were tested on the same images, by content, with the same labels and groups.

    Where they lie does not matter, but copies count as often as they are there.
    """
    columns = ["sha256", "label", "group"]
    if len(a.cells) != len(b.cells):
        return False
    one, two = (run.cells[columns].sort_values(columns, ignore_index=True) for run in (a, b))
    return bool(one.equals(two))


def _trained_on(run: TestSet, contents: set[str]) -> int:
    seen = split_of(run.run).query("split != 'test'")["sha256"]
    return len(contents & set(seen))


def comparable(runs: Sequence[TestSet]) -> list[list[TestSet]]:
    """The runs in sets within which all can be compared, the largest first, then in their order.

    A run that leaks is a set of its own.
    """
    found: list[list[TestSet]] = []
    for run in runs:
        home = next((one for one in found if why_not(one[0], run) is None), None)
        if home is None:
            found.append([run])
        else:
            home.append(run)
    return sorted(found, key=lambda one: -len(one))


def differences(runs: Sequence[TestSet], metric: str) -> list[Difference]:
    """All pairs of runs of one set of `comparable`, the better one first.

    Runs in which the metric is undefined are left out.
    """
    values = {run.run_id: run.figures()[metric] for run in runs}
    sign = -1 if metric in classification.LOWER_IS_BETTER else 1
    if len(runs) < 2:
        return []
    able = sorted(
        (run for run in runs if values[run.run_id] is not None),
        key=lambda run: -sign * values[run.run_id],
    )
    pairs = list(combinations(able, 2))
    gaps = [sign * (values[a.run_id] - values[b.run_id]) for a, b in pairs]
    told = bool(able) and able[0].replicates is not None
    wider = few_subjects(fewest_groups(able[0])) if told else 1.0
    spans = _together(gaps, [_resampled(a, b, metric, sign) for a, b in pairs], wider)
    return [
        Difference(metric, a.run_id, b.run_id, gap, span)
        for (a, b), gap, span in zip(pairs, gaps, spans, strict=True)
    ]


def fewest_groups(run: TestSet) -> int:
    """Groups of subjects of the class that has fewer of them."""
    by_class = run.cells.groupby("label")["group"].nunique()
    return int(by_class.min())


def few_subjects(groups: int) -> float:
    """By how much a bootstrap's interval over so many groups (from 2) is too narrow, about.

    Its variance is short by one group in `groups`, and its quantiles are those of many groups.
    """
    freedom = groups - 1
    t = _T[freedom - 1] if freedom <= len(_T) else _NORMAL + 2.372 / freedom + 2.82 / freedom**2
    return float(t / _NORMAL * np.sqrt(groups / freedom))


def _resampled(a: TestSet, b: TestSet, metric: str, sign: int) -> np.ndarray | None:
    """The difference in each resample, (R,), both in one order of cells and groups."""
    mine, other = a.replicates, b.replicates
    if mine is None or other is None:
        return None
    # The groups' names and so their draws agree; the order of cells within does not matter.
    return sign * (mine[metric] - other[metric])


def _together(
    gaps: list[float], resampled: list[np.ndarray | None], wider: float
) -> list[tuple[float, float] | None]:
    """The simultaneous intervals of differences whose resamples are rows of the same draws.

    `wider` is the factor of `few_subjects`.
    None where a pair has no resamples, or where over half leave it undefined, or where all agree.
    """
    usable: dict[int, np.ndarray] = {}
    for number, rows in enumerate(resampled):
        if rows is not None and np.isnan(rows).mean() <= 0.5 and np.nanstd(rows) > 1e-12:
            usable[number] = rows
    found: list[tuple[float, float] | None] = [None] * len(gaps)
    if not usable:
        return found
    spread = {number: float(np.nanstd(rows, ddof=1)) for number, rows in usable.items()}
    far = np.stack([np.abs(rows - gaps[n]) / spread[n] for n, rows in usable.items()])
    furthest = np.nanmax(far[:, ~np.isnan(far).all(axis=0)], axis=0)
    reach = float(np.quantile(furthest, LEVEL)) * wider
    for number, one in spread.items():
        found[number] = (gaps[number] - reach * one, gaps[number] + reach * one)
    return found


def best(runs: Sequence[TestSet], metric: str) -> str | None:
    """The run that is better in a metric than every other of its set, beyond chance.

    None without evidence, and where there is none to compare with.
    """
    if len(runs) < 2:
        return None
    found = differences(runs, metric)
    if not found:
        return None
    leader = found[0].a
    against = [one for one in found if one.a == leader]
    return leader if len(against) == len(runs) - 1 and all(o.shown for o in against) else None
