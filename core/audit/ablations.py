"""The runs that an audit compares: the recipe of the audited run over folds, with one change.

An ablation run is an ordinary run folder. Its config is that of the audited run with other folds
and, in one arm, another split or other inputs. Nothing else of an audit is stored.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from core.errors import DataError, RunError
from core.runs import cost, run_store
from core.runs.config import RunConfig
from core.runs.cost import Cost
from core.runs.run_store import Run

# The settings of each arm that replace those of the audited run.
ARMS: dict[str, dict[str, str]] = {
    "model": {"split": "subject"},
    "image": {"split": "image"},
    "silhouette": {"split": "subject", "inputs": "silhouette"},
    "size": {"split": "subject", "inputs": "size"},
}
AUDITS = {"leakage": ("model", "image"), "controls": ("model", "silhouette", "size")}
# Every cell is tested once. With three folds many subjects are ranked together, but a training has
# a third of the cells only; recognising patients takes more cells of each.
FOLDS = {"leakage": 5, "controls": 3}


@dataclass(frozen=True)
class AblationRuns:
    """The runs of an audit by state; `finished` by arm.

    unfinished: queued or running. ended: failed, stopped or interrupted. missing: never started.
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
        """The number of runs to start or restart."""
        return len(self.ended) + len(self.missing)

    @property
    def done(self) -> int:
        """The number of finished runs."""
        return sum(map(len, self.finished.values()))

    @property
    def total(self) -> int:
        """The number of all runs, with those to start."""
        return self.done + len(self.unfinished) + self.to_train

    @property
    def share_done(self) -> float:
        """The share done, 0..1, including epochs of unfinished runs."""
        under_way = sum(_share(run) for run in self.unfinished)
        return (self.done + under_way) / self.total


def _share(run: Run) -> float:
    status = run.status
    return status.epoch / (status.epochs + 1)


def folds(base: RunConfig, audit: str) -> int:
    """Returns the number of folds of an audit: those of the run if it is a fold itself."""
    return base.folds or FOLDS[audit]


def configs(base: RunConfig, audit: str, arm: str) -> list[RunConfig]:
    """Returns the configuration of each fold of an arm of an audit, in order."""
    number = folds(base, audit)
    return [base.replace(**ARMS[arm], folds=number, fold=fold) for fold in range(number)]


def find(run: Run, audit: str, among: Iterable[Run] | None = None) -> AblationRuns:
    """Finds the ablation runs of `run` for an audit of `AUDITS` in `among` (default: all runs).

    Of several finished runs of one config the newest counts. Finished runs on another version of
    the data set than that of the ablation run that ended last do not count.
    """
    required = {arm: configs(run.config, audit, arm) for arm in AUDITS[audit]}
    by_config: dict[RunConfig, list[Run]] = {
        config: [] for of_arm in required.values() for config in of_arm
    }
    for other in run_store.runs() if among is None else among:
        if other.config in by_config:
            by_config[other.config].append(other)
    contents = _contents(by_config.values())
    ablation_runs = AblationRuns({arm: [] for arm in required}, [], [], [])
    for arm, of_arm in required.items():
        for config in of_arm:
            _place(ablation_runs, arm, config, by_config[config], contents)
    return ablation_runs


def _place(
    ablation_runs: AblationRuns, arm: str, config: RunConfig, runs: list[Run], contents: str | None
) -> None:
    finished = [run for run in runs if _fingerprint(run) == contents and contents]
    states = [(run, run.status) for run in runs]
    unfinished = [run for run, status in states if status.unfinished]
    ended = [run for run, s in states if not s.unfinished and s.state != "succeeded"]
    if finished:
        ablation_runs.finished[arm].append(finished[0])
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
    """The fingerprint of the data set of a run; None unless it succeeded."""
    measured = run.metrics if run.status.state == "succeeded" else None
    return measured.dataset.fingerprint if measured else None


def require_auditable(run: Run, audit: str) -> pd.DataFrame:
    """Returns the cells of a run (its split.parquet) if its recipe can be audited.

    Raises `RunError` for an unfinished or a control run, `DataError` if subjects are unknown or too
    few for the folds.
    """
    run.require_succeeded("be audited")
    if run.adoption:
        raise RunError(
            f"Run {run.run_id} was trained elsewhere, so its training cannot be repeated. Audit a "
            "run that was trained here."
        )
    if run.config.is_control:
        raise RunError(f"Run {run.run_id} is itself a control. Audit the run it belongs to.")
    if run.config.sees_whole_images and audit == "controls":
        raise RunError(
            f"Run {run.run_id} sees whole images, which have no outline and no size to be compared "
            "with. Its leakage can be audited."
        )
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


def estimate(run: Run, audit: str, ablation_runs: AblationRuns) -> list[Cost]:
    """Estimates the cost of the runs to start, those of equal settings together."""
    to_train = [
        *ablation_runs.missing,
        *(other.config for other in ablation_runs.ended),
    ]
    cells = len(require_auditable(run, audit))
    by_config = Counter(config.replace(split="subject", fold=0) for config in to_train)
    return [cost.estimate(config, cells=cells, runs=runs) for config, runs in by_config.items()]


def tested(runs: list[Run]) -> pd.DataFrame:
    """Returns the test cells of all folds: image_id, group, label, probability, call and fold."""
    tables = []
    for run in runs:
        table = run.predictions.query("split == 'test'")
        call = (table["probability"] >= run.calibration.threshold).astype(int)
        tables.append(table.assign(call=call, fold=run.config.fold))
    return pd.concat(tables, ignore_index=True)


def is_synthetic(runs: list[Run]) -> bool:
    """Whether a run was trained on synthetic cells."""
    return any(run.metrics and run.metrics.dataset.synthetic for run in runs)
