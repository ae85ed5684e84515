"""The worker of a sweep: `python -m core.workers.sweep FOLDER`.

It trains the folds of a cross-validation, or the trials of a search, one after another. To have
them trained elsewhere, call `work` with another executor: a function that takes a queued run and
has a worker train it. All else is read from the run folders.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import RunError
from core.jobs.job import Status
from core.jobs.reporter import Cancelled, Reporter
from core.runs.config import RunConfig, require_inputs
from core.runs.run_store import Run
from core.settings import settings
from core.tuning import cross_validation, search, sweep_store
from core.tuning.results import SearchResults
from core.tuning.sweep_store import Sweep
from core.workers import launcher, worker

if TYPE_CHECKING:
    import optuna

Executor = Callable[[Run], None]

# A local run ends sooner than this after it is asked to; one that does not is left to itself.
GRACE_SECONDS = 1.4
_LOOK_EVERY_SECONDS = 0.2
# A run is given to a second worker only when the first has been silent for so many times as long as
# it takes to read as interrupted: on a crowded machine it may be alive, and two would collide.
_PATIENCE = 2


class _GivenUp(Exception):  # noqa: N818 - a state, not an error
    """The run is not worth finishing, and has been asked to stop."""


class _Failed(Exception):  # noqa: N818 - a state, not an error
    """The run failed; the sentence says why."""


def work(sweep: Sweep, reporter: Reporter, launch: Executor = launcher.launch) -> None:
    """Does what is left of a sweep; a stop also stops the run under way.

    `launch` has a queued run trained and returns at once.
    """
    reporter.begin()
    sweeping = _Sweeping(sweep, reporter, launch)
    try:
        (sweeping.search if sweep.plan.kind == "search" else sweeping.cross_validate)()
    except Cancelled:
        if (current := sweep.current) is not None:
            _stop(current)
        raise


def _stop(run: Run) -> None:
    """Asks a run to stop and waits until it has, for `GRACE_SECONDS` at most."""
    run.request_stop()
    deadline = time.monotonic() + GRACE_SECONDS
    while run.status.unfinished and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_SECONDS / 4)


@dataclass(frozen=True)
class _Sweeping:
    sweep: Sweep
    reporter: Reporter
    launch: Executor

    def cross_validate(self) -> None:
        """Trains all folds; ends with the first that fails, which a resume tries again."""
        base = self.sweep.plan.base
        require_inputs(base)
        for fold, config in enumerate(cross_validation.fold_configs(base)):
            self._at(f"fold {fold + 1} of {base.folds}", fold)
            try:
                self._train(config, self.sweep.run_id(fold=fold), retry=True)
            except _Failed as failure:
                raise RunError(f"Fold {fold + 1} failed. {failure}") from None
            self.sweep.write_results(cross_validation.results(self.sweep))
        self.reporter.update(done=base.folds)

    def search(self) -> None:
        """Makes all trials; a trial that fails is a row of the results like any other."""
        plan = self.sweep.plan
        require_inputs(plan.base)
        with search.open_study(self.sweep) as study:
            while (trial := search.next_trial(study, plan)) is not None:
                self._at(f"trial {trial.number}", trial.number)
                self._try(study, trial)
                self.sweep.write_results(search.results(self.sweep, study))
        self.reporter.update(done=plan.trials)
        results = self.sweep.results
        if isinstance(results, SearchResults) and results.best is None:
            raise RunError(f"No trial finished with a value. {results.trials[-1].error or ''}")

    def _at(self, phase: str, done: int) -> None:
        self.reporter.update(now=True, phase=phase, done=done, total=self.sweep.plan.total)

    def _try(self, study: "optuna.Study", trial: "optuna.Trial") -> None:
        """Makes one trial and tells the study its value or its failure."""
        from optuna.trial import TrialState

        config = search.trial_config(self.sweep.plan.base, search.suggest(trial, self.sweep.plan))
        try:
            value = self._folds(trial, config) if config.folds else self._single(trial, config)
        except _GivenUp:
            study.tell(trial, state=TrialState.PRUNED)
        except _Failed as failure:
            trial.set_user_attr("error", str(failure))
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, value)

    def _single(self, trial: "optuna.Trial", config: RunConfig) -> float:
        reported = 0

        def give_up(run: Run) -> bool:
            nonlocal reported
            values = run.history["validation_cross_entropy"]
            if len(values) == reported:
                return False
            reported = len(values)
            return search.report(trial, dict(enumerate(values))) and reported < config.total_epochs

        run = self._train(config, self.sweep.run_id(trial.number), give_up)
        give_up(run)  # its last epochs, for later trials to be measured against
        return _value(run)

    def _folds(self, trial: "optuna.Trial", config: RunConfig) -> float:
        total = 0.0
        for fold in range(config.folds):
            run = self._train(config.replace(fold=fold), self.sweep.run_id(trial.number, fold))
            total += _value(run)
            if search.report(trial, {fold: total / (fold + 1)}) and fold + 1 < config.folds:
                raise _GivenUp
        return total / config.folds

    def _train(
        self,
        config: RunConfig,
        run_id: str,
        give_up: Callable[[Run], bool] = lambda run: False,
        *,
        retry: bool = False,
    ) -> Run:
        """Brings a run to its end, whatever state an earlier worker left it in.

        A run that succeeded is left alone, one that was stopped or interrupted goes on, one under
        way is waited for, and one that failed is tried again with `retry`. `give_up` is called with
        the run several times a second. Raises `_Failed`, `_GivenUp` or `Cancelled`.
        """
        run, new = sweep_store.make_run(config, run_id)
        status = run.status
        if not new and status.state != "succeeded" and give_up(run):
            _stop(run)
            raise _GivenUp
        if status.state == "interrupted" or (status.unfinished and run.stop_requested):
            status = self._wait(run)  # until it has really ended, as an earlier worker asked it to
        if new:
            self.launch(run)
        elif status.state in ("cancelled", "interrupted") or (status.state == "failed" and retry):
            self._relaunch(run)
        status = self._wait(run, give_up)
        if status.state == "interrupted":  # its worker was killed; once is bad luck
            self._relaunch(run)
            status = self._wait(run, give_up)
        if status.state == "cancelled":  # from the Train page
            raise Cancelled
        if status.state != "succeeded":
            raise _Failed(status.error or f"Run {run_id} is {status.state}.")
        return run

    def _relaunch(self, run: Run) -> None:
        run.requeue()
        self.launch(run)

    def _wait(self, run: Run, give_up: Callable[[Run], bool] = lambda run: False) -> Status:
        """Follows a run to its end and returns its last status."""
        while True:
            self.reporter.check_stop()
            status = run.status
            silent = time.time() - status.heartbeat
            alive = silent < _PATIENCE * settings().heartbeat_stale_seconds
            if not status.unfinished and not (status.state == "interrupted" and alive):
                return status
            if give_up(run):
                _stop(run)
                raise _GivenUp
            time.sleep(_LOOK_EVERY_SECONDS)


def _value(run: Run) -> float:
    value = search.objective(run)
    if value is None:
        raise _Failed(f"Run {run.run_id} has no finite validation cross-entropy.")
    return value


if __name__ == "__main__":
    worker.main(Sweep, work)
