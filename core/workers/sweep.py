"""The worker of a sweep: `python -m core.workers.sweep FOLDER`.

It has the folds of a cross-validation, or the trials of a search, trained: as many side by side as
this machine's queue or the chosen cluster takes. To have them trained in another way, call `work`
with another executor: a function that takes a queued run and has a worker train it. All else is
read from the run folders.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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
from core.workers import launcher, queue, worker
from core.workers.clusters import execution_engine

if TYPE_CHECKING:
    import optuna

Executor = Callable[[Run], None]

# A local run ends sooner than this after it is asked to; one that does not is left to itself.
GRACE_SECONDS = 1.4
LOOK_EVERY_SECONDS = 0.2
# A run is given to a second worker only when the first has been silent for so many times as long as
# it takes to read as interrupted: on a crowded machine it may be alive, and two would collide.
_PATIENCE = 2


class _GivenUp(Exception):  # noqa: N818 - a state, not an error
    """The run is not worth finishing, and has been asked to stop."""


class _Failed(Exception):  # noqa: N818 - a state, not an error
    """The run failed; the sentence says why."""


def work(sweep: Sweep, reporter: Reporter, launch: Executor = launcher.launch) -> None:
    """Does what is left of a sweep; a stop also stops the runs under way.

    `launch` has a queued run trained and returns at once.
    """
    reporter.begin()
    with _places() as places:
        sweeping = _Sweeping(sweep, reporter, launch, places)
        try:
            (sweeping.search if sweep.plan.kind == "search" else sweeping.cross_validate)()
        except Cancelled:
            _stop(*sweep.unfinished)
            raise


@contextmanager
def _places() -> Iterator[int]:
    """How many runs can train side by side, while the block has them trained."""
    if execution_engine.is_local():
        yield queue.runs_at_once()
    else:
        with execution_engine.opened() as cluster:
            yield cluster.runs_at_once()


def _stop(*runs: Run) -> None:
    """Asks runs to stop and waits until they have, for `GRACE_SECONDS` at most."""
    for run in runs:
        run.request_stop()
    deadline = time.monotonic() + GRACE_SECONDS
    while any(run.status.unfinished for run in runs) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_SECONDS / 4)


@dataclass
class _Sweeping:
    sweep: Sweep
    reporter: Reporter
    launch: Executor
    places: int
    # Held while the study, the results and what follows are changed.
    lock: threading.Lock = field(default_factory=threading.Lock)
    working: set[int] = field(default_factory=set)
    done: int = 0
    problem: Exception | None = None

    def cross_validate(self) -> None:
        """Trains all folds; starts no more after one has failed, which a resume tries again."""
        base = self.sweep.plan.base
        require_inputs(base)
        configs = cross_validation.fold_configs(base)

        def next_fold() -> Callable[[], None] | None:
            fold = self.done + len(self.working)
            if fold == base.folds:
                return None
            self.working.add(fold)
            return lambda: self._fold(fold, configs[fold])

        self._side_by_side(next_fold)
        self.reporter.update(done=base.folds)

    def _fold(self, fold: int, config: RunConfig) -> None:
        try:
            self._train(config, self.sweep.run_id(fold=fold), retry=True)
        except _Failed as failure:
            raise RunError(f"Fold {fold + 1} failed. {failure}") from None
        with self._finished(fold):
            self.sweep.write_results(cross_validation.results(self.sweep))

    def search(self) -> None:
        """Makes all trials; a trial that fails is a row of the results like any other."""
        plan = self.sweep.plan
        require_inputs(plan.base)
        with search.open_study(self.sweep) as study:
            self.done = sum(trial.state.is_finished() for trial in study.trials)

            def next_trial() -> Callable[[], None] | None:
                trial = search.next_trial(study, plan)
                if trial is None:
                    return None
                self.working.add(trial.number)
                config = search.trial_config(plan.base, search.suggest(trial, plan))
                return lambda: self._trial(study, trial, config)

            self._side_by_side(next_trial)
        self.reporter.update(done=plan.trials)
        results = self.sweep.results
        if isinstance(results, SearchResults) and results.best is None:
            raise RunError(f"No trial finished with a value. {results.trials[-1].error or ''}")

    def _trial(self, study: "optuna.Study", trial: "optuna.Trial", config: RunConfig) -> None:
        self._try(study, trial, config)
        with self._finished(trial.number):
            self.sweep.write_results(search.results(self.sweep, study))

    def _side_by_side(self, next_task: Callable[[], Callable[[], None] | None]) -> None:
        """Carries tasks out in threads, one a place, until there is none or one fails.

        Raises what the first one to fail raised, when the others have ended.
        """

        def carry_out() -> None:
            while True:
                with self.lock:
                    task = None if self.problem else next_task()
                    self._say()
                if task is None:
                    return
                try:
                    task()
                except Exception as problem:
                    self.problem = self.problem or problem
                    return

        with ThreadPoolExecutor(self.places) as pool:
            for _ in range(self.places):
                pool.submit(carry_out)
        if self.problem:
            raise self.problem

    @contextmanager
    def _finished(self, number: int) -> Iterator[None]:
        """Notes that a fold or trial is done, and lets one thread at a time write the results."""
        with self.lock:
            yield
            self.working.remove(number)
            self.done += 1

    def _say(self) -> None:
        """Reports which folds or trials are under way, if any."""
        search = self.sweep.plan.kind == "search"
        first = 0 if search else 1
        noun = ("trial" if search else "fold") + ("" if len(self.working) == 1 else "s")
        numbers = ", ".join(str(number + first) for number in sorted(self.working))
        total = self.sweep.plan.total
        phase = f"{noun} {numbers}" + ("" if search else f" of {total}")
        if self.working:
            # A stop is noticed where runs are waited for.
            with suppress(Cancelled):
                self.reporter.update(now=True, phase=phase, done=self.done, total=total)

    def _try(self, study: "optuna.Study", trial: "optuna.Trial", config: RunConfig) -> None:
        """Makes one trial and tells the study its value or its failure."""
        from optuna.trial import TrialState

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
            if isinstance(self.problem, Cancelled):
                raise Cancelled
            status = run.status
            silent = abs(time.time() - status.heartbeat)
            alive = silent < _PATIENCE * settings().heartbeat_stale_seconds
            if not status.unfinished and not (status.state == "interrupted" and alive):
                return status
            if give_up(run):
                _stop(run)
                raise _GivenUp
            time.sleep(LOOK_EVERY_SECONDS)


def _value(run: Run) -> float:
    value = search.objective(run)
    if value is None:
        raise _Failed(f"Run {run.run_id} has no finite validation cross-entropy.")
    return value


if __name__ == "__main__":
    worker.main(Sweep, work)
