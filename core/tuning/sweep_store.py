"""Sweep folders: a cross-validation or a search is in `artifacts/sweeps/<name>/`.

sweep.json (the plan, written first), status.json, results.json (after each fold or
trial), study.db or study.journal (Optuna's, of a search; see `core.tuning.study_storage`), a `stop`
file and worker.log. The runs of a sweep are ordinary run folders named after it: `<name>-fold-0`,
`<name>-trial-3`, `<name>-trial-3-fold-1`.
"""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from core import extras, storage
from core.documents import Choices, Document, Section
from core.errors import ConfigError, RunError
from core.jobs import naming
from core.jobs.job import Job, Status
from core.jobs.listing import newest_first
from core.runs import run_store
from core.runs.config import MIN_FOLDS, RunConfig, Setting
from core.runs.run_store import Run
from core.tuning.results import CrossValidationResults, SearchResults
from core.tuning.study_storage import SQLITE, STORAGES, chosen, require
from core.untrusted.fields import Count, Line, is_file_name

SweepResults = CrossValidationResults | SearchResults
KINDS = ("cross-validation", "search")
MAX_TRIALS = 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


class Dimension(Section):
    """One setting of a search: one of `choices`, or a number from low to high."""

    choices: tuple[Setting, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False


class Plan(Document):
    """The plan of a sweep, sweep.json.

    base: the settings of all runs; its `folds` are those of the cross-validation, or, in a search,
    of each trial (0: each trial is one run). trials, space (the settings to change) and pruning
    belong to a search. base.seed seeds the splits, the training and the search. study_storage and
    study_name: where Optuna keeps the study, chosen when the sweep is created.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str
    base: RunConfig
    trials: Count = 0
    space: dict[Line, Dimension] = Field(default_factory=dict)
    pruning: bool = True
    study_storage: Annotated[str, Choices(STORAGES)] = SQLITE
    study_name: Line = "search"

    @model_validator(mode="after")
    def _require_consistent(self) -> Self:
        if self.kind not in KINDS:
            raise ConfigError(f"kind is {self.kind!r}; it can be {', '.join(KINDS)}.")
        if self.kind == "cross-validation" and self.base.folds < MIN_FOLDS:
            raise ConfigError(
                f"folds is {self.base.folds}; a cross-validation has at least {MIN_FOLDS}."
            )
        if self.kind == "search" and not 1 <= self.trials <= MAX_TRIALS:
            raise ConfigError(f"trials is {self.trials}; it must lie between 1 and {MAX_TRIALS}.")
        if self.kind == "search" and not self.space:
            raise ConfigError("The search has no setting to change. Name at least one.")
        return self

    @property
    def total(self) -> int:
        """Folds of a cross-validation, trials of a search."""
        return self.trials if self.kind == "search" else self.base.folds

    @property
    def most_runs(self) -> int:
        """The number of runs; pruned trials have fewer."""
        return (self.trials or 1) * (self.base.folds or 1)


@dataclass(frozen=True)
class Sweep(Job):
    """One sweep folder; its status counts folds or trials."""

    KIND = "sweep"
    REQUEST = "sweep.json"
    STATUS_REQUIRED = True
    DOING = "working on this sweep"
    PREPOSITION = "at"
    LESS_MEMORY = Run.LESS_MEMORY

    @property
    def plan(self) -> Plan:
        """The plan, of which only `trials` can grow. Raises `RunError` if it is damaged."""
        return Plan.read(self.path / "sweep.json")

    @property
    def remedy(self) -> str:
        return "Resume it: what has finished is kept; worker.log may say more."

    @property
    def results(self) -> SweepResults | None:
        """The results so far; None before the first fold or trial. Raises `RunError` if damaged."""
        file = self.path / "results.json"
        return self._results.read(file) if file.exists() else None

    @property
    def _results(self) -> type[SweepResults]:
        return SearchResults if self.plan.kind == "search" else CrossValidationResults

    def write_results(self, results: SweepResults) -> None:
        """Writes results.json atomically."""
        results.write(self.path / "results.json")

    def run_id(self, trial: int | None = None, fold: int | None = None) -> str:
        """Returns the name of the run of a trial, a fold, or a fold of a trial."""
        parts = (("trial", trial), ("fold", fold))
        return "-".join([self.name, *(f"{n}-{k}" for n, k in parts if k is not None)])

    @property
    def runs(self) -> list[Run]:
        """The runs of the sweep that exist, in order."""
        numbered = re.compile(re.escape(self.name) + r"(?:-trial-(\d+))?(?:-fold-(\d+))?")
        numbered_runs = [
            (tuple(int(number or 0) for number in match.groups()), Run(file.parent))
            for file in storage.runs_dir().glob(f"{self.name}-*/config.json")
            if (match := numbered.fullmatch(file.parent.name))
        ]
        return [run for _, run in sorted(numbered_runs, key=lambda pair: pair[0])]

    @property
    def unfinished(self) -> list[Run]:
        """The runs that wait or train."""
        return [run for run in self.runs if run.status.unfinished]

    @property
    def current(self) -> Run | None:
        """The last unfinished run, if any."""
        return next(reversed(self.unfinished), None)

    def requeue(self, trials: int | None = None) -> None:
        """Queues a sweep that has ended, with more `trials` if given; keeps finished runs.

        Raises `RunError` if it is unfinished or complete, `ConfigError` if `trials` is smaller than
        before.
        """
        plan = self.plan
        _require_study(plan, plan.study_storage)
        if trials is not None and trials < plan.trials:
            raise ConfigError(
                f"trials is {trials}; {self.name} has {plan.trials} already. Ask for as many or "
                "more."
            )
        if trials in (None, plan.trials) or self.status.unfinished:
            super().requeue()
        else:
            plan.replace(trials=trials).write(self.path / "sweep.json")
            self._wait_for_worker()

    def _first_status(self) -> Status:
        return Status(done=self.written_status.done, total=self.plan.total)


def create(plan: Plan, name: str | None = None) -> Sweep:
    """Makes the folder with sweep.json and a queued status.

    `name` defaults to date, time, kind and four random hex digits. Raises `RunError` if a given
    one is malformed or taken, by a sweep or by the runs of one; `ConfigError` if a search
    lacks Optuna, or `BLASTLENS_STUDY_STORAGE` is not a storage.
    """
    _require_study(plan, chosen())
    if name is None:
        kind = "tune" if plan.kind == "search" else "cv"
        name = naming.free_name(f"{naming.now()}-{kind}", storage.sweeps_dir())
    sweep = Sweep(_folder(name))
    if sweep.runs:
        raise RunError(f"There is a run {sweep.runs[0].run_id} already. Choose another name.")
    if plan.kind == "search" and (kept_in := chosen()) != SQLITE:
        shared = f"{name}-{secrets.token_hex(4)}"  # one database may hold those of many folders
        plan = plan.replace(study_storage=kept_in, study_name=shared)
    try:
        with storage.new_folder(sweep.path) as made:
            plan.write(made / "sweep.json")
            Sweep(made).write_status(Status(total=plan.total))
    except FileExistsError:
        raise RunError(f"There is a sweep {name} already. Choose another name.") from None
    return sweep


def _require_study(plan: Plan, kind: str) -> None:
    if plan.kind == "search":
        extras.require("optuna", "tune", "Searching settings")
        require(kind)


def get(name: str) -> Sweep:
    """Returns an existing sweep. Raises `RunError`, with all names, if it is missing."""
    sweep = Sweep(_folder(name))
    if not (sweep.path / "sweep.json").is_file():
        names = ", ".join(sweep.name for sweep in sweeps()) or "none yet"
        raise RunError(f"There is no sweep {name!r}. Sweeps: {names}.")
    return sweep


def exists(name: str) -> bool:
    """Whether there is a sweep of that name. Raises `RunError` if the name is invalid."""
    return (_folder(name) / "sweep.json").is_file()


def sweeps() -> list[Sweep]:
    """Returns all sweeps whose folder can be read, the newest first."""
    files = storage.sweeps_dir().glob("[!.]*/sweep.json")
    return newest_first((Sweep(file.parent) for file in files), lambda sweep: sweep.plan)


def make_run(config: RunConfig, run_id: str) -> tuple[Run, bool]:
    """Returns the run of that name, and whether it was created and must be launched.

    Raises `RunError` if the existing run has another configuration.
    """
    run = Run(storage.runs_dir() / run_id)
    if not run.path.exists():
        return run_store.create(config, run_id), True
    if run.config != config:
        raise RunError(
            f"There is a run {run_id} with other settings, so this sweep cannot make its own. "
            "Start it under another name."
        )
    return run, False


def _folder(name: str) -> Path:
    if not _NAME.fullmatch(name) or not is_file_name(name):
        raise RunError(
            f"{name[:120]!r} is not a sweep name: up to 80 letters, digits, '-' and '_' only, and "
            "no name of a device, such as con or nul."
        )
    return storage.sweeps_dir() / name
