"""The runs that an audit of a run compares: its own recipe over folds, but for one setting.

An ablation run is an ordinary run folder. Its config is the audited run's with other folds and, on
one side, another split or other inputs; nothing else is stored of an audit.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from core.errors import DataError, RunError
from core.runs import cost, run_store
from core.runs.config import RunConfig
from core.runs.run_store import Run

# What each side has instead of the audited run's own setting.
SIDES: dict[str, dict[str, str]] = {
    "model": {"split": "subject", "inputs": "cell"},
    "image": {"split": "image", "inputs": "cell"},
    "silhouette": {"split": "subject", "inputs": "silhouette"},
    "size": {"split": "subject", "inputs": "size"},
}
AUDITS = {"leakage": ("model", "image"), "controls": ("model", "silhouette", "size")}
# Every cell is tested once. With three folds many subjects are ranked together, but a training sees
# a third of the cells only; to recognise patients, a network needs more cells of each.
FOLDS = {"leakage": 5, "controls": 3}


@dataclass(frozen=True)
class AblationRuns:
    """What there is of an audit: finished runs by side, and those that are still to come.

    unfinished are queued or running; ended failed, were stopped or interrupted; missing have never
    been started.
    """

    finished: dict[str, list[Run]]
    unfinished: list[Run]
    ended: list[Run]
    missing: list[RunConfig]

    @property
    def complete(self) -> bool:
        """Whether every ablation run has finished."""
        return not (self.unfinished or self.ended or self.missing)

    @property
    def to_train(self) -> int:
        """How many are to be started, anew or again."""
        return len(self.ended) + len(self.missing)

    @property
    def done(self) -> int:
        """How many have finished."""
        return sum(map(len, self.finished.values()))

    @property
    def total(self) -> int:
        """How many there are to be."""
        return self.done + len(self.unfinished) + self.to_train

    @property
    def share_done(self) -> float:
        """0..1, the epochs of those under way among them."""
        under_way = sum(_share(run) for run in self.unfinished)
        return (self.done + under_way) / self.total


def _share(run: Run) -> float:
    status = run.status
    return status.epoch / (status.epochs + 1)


def folds(base: RunConfig, audit: str) -> int:
    """How many folds an audit of a recipe has: as many as the run's own, if it is one of them."""
    return base.folds or FOLDS[audit]


def configs(base: RunConfig, audit: str, side: str) -> list[RunConfig]:
    """The configuration of each fold of a side of an audit, in the folds' order."""
    number = folds(base, audit)
    return [base.replace(**SIDES[side], folds=number, fold=fold) for fold in range(number)]


def find(run: Run, audit: str, among: Iterable[Run] | None = None) -> AblationRuns:
    """The ablation runs of `run` for an audit of `AUDITS`, out of `among` (default: all runs).

    Of several runs of one config the newest that finished counts. Finished runs of other contents
    of the data set than those of the ablation run that ended last do not count.
    """
    required = {side: configs(run.config, audit, side) for side in AUDITS[audit]}
    by_config: dict[RunConfig, list[Run]] = {
        config: [] for of_side in required.values() for config in of_side
    }
    for other in run_store.runs() if among is None else among:
        if other.config in by_config:
            by_config[other.config].append(other)
    contents = _contents(by_config.values())
    ablation_runs = AblationRuns({side: [] for side in required}, [], [], [])
    for side, of_side in required.items():
        for config in of_side:
            _place(ablation_runs, side, config, by_config[config], contents)
    return ablation_runs


def _place(
    ablation_runs: AblationRuns, side: str, config: RunConfig, runs: list[Run], contents: str | None
) -> None:
    finished = [run for run in runs if _fingerprint(run) == contents and contents]
    states = [(run, run.status) for run in runs]
    unfinished = [run for run, status in states if status.unfinished]
    ended = [run for run, s in states if not s.unfinished and s.state != "succeeded"]
    if finished:
        ablation_runs.finished[side].append(finished[0])
    elif unfinished:
        ablation_runs.unfinished.append(unfinished[0])
    elif ended:
        ablation_runs.ended.append(ended[0])
    else:
        ablation_runs.missing.append(config)


def _contents(candidates: Iterable[list[Run]]) -> str | None:
    """The fingerprint of the data set in the finished run that ended last."""
    finished = [
        (run.status.finished or 0.0, fingerprint)
        for runs in candidates
        for run in runs
        if (fingerprint := _fingerprint(run))
    ]
    return max(finished)[1] if finished else None


def _fingerprint(run: Run) -> str | None:
    """Of the data set that a run was measured on; None unless it succeeded."""
    measured = run.metrics if run.status.state == "succeeded" else None
    return measured.dataset.fingerprint if measured else None


def require_auditable(run: Run, audit: str) -> pd.DataFrame:
    """The cells of a run (its split.parquet), if its recipe can be audited in that way.

    Raises `RunError` for an unfinished or a control run, `DataError` where subjects are unknown or
    too few for the folds.
    """
    if run.status.state != "succeeded":
        raise RunError(
            f"Run {run.run_id} is {run.status.state}; only one that succeeded is audited."
        )
    if run.config.is_control:
        raise RunError(f"Run {run.run_id} is itself a control. Audit the run it belongs to.")
    cells = pd.read_parquet(run.path / "split.parquet")
    unknown = int(cells["group"].isna().sum())
    if unknown:
        raise DataError(
            f"The subjects of {unknown:,} cells are not known, so no patient can be held out and "
            "recognition of patients cannot be measured. Give the data set with its subjects."
        )
    number = folds(run.config, audit)
    groups = cells.groupby("label")["group"].nunique()
    if groups.min() < number:
        raise DataError(
            f"One class has cells of {groups.min()} groups of subjects; an audit in {number} folds "
            f"needs at least {number} of each class. Add subjects."
        )
    return cells


def price(run: Run, audit: str, ablation_runs: AblationRuns) -> float | None:
    """Seconds that what is still to be started will take; None before any run of the kind."""
    coming = [
        *ablation_runs.missing,
        *(other.config for other in ablation_runs.ended),
    ]
    cells = len(require_auditable(run, audit))
    alike = Counter(config.replace(split="subject", fold=0) for config in coming)
    costs = [cost.estimate(config, cells=cells, runs=runs) for config, runs in alike.items()]
    return cost.total(costs)


def tested(runs: list[Run]) -> pd.DataFrame:
    """Every test cell of all folds once: image_id, group, label, probability, call and fold."""
    tables = []
    for run in runs:
        table = run.predictions.query("split == 'test'")
        call = (table["probability"] >= run.calibration.threshold).astype(int)
        tables.append(table.assign(call=call, fold=run.config.fold))
    return pd.concat(tables, ignore_index=True)


def is_synthetic(runs: list[Run]) -> bool:
    """Whether a run was trained on synthetic cells."""
    return any(run.metrics and run.metrics.dataset.synthetic for run in runs)
