"""A search over the settings of a recipe with Optuna: space, objective and results.

The objective is the validation cross-entropy of the epoch whose weights a run keeps (the mean over
the folds of a cross-validated trial). It is not weighted, smoothed or penalised, so that trials
with different settings can be compared. The search never uses the test part. The lowest of many
validation values is optimistic; evaluate the chosen settings once on the test part.

Optuna is imported lazily, so that pages, which read results.json, start without it.
"""

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from core.cells import staining
from core.errors import ConfigError
from core.models import catalog
from core.runs import config
from core.runs.config import RunConfig, Setting
from core.runs.run_store import Run
from core.tuning import study_storage
from core.tuning.results import SearchResults, Trial
from core.tuning.sweep_store import Dimension, Plan, Sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna

# Epochs of fine-tuning in a search whose base does not fine-tune.
FINE_TUNE_EPOCHS = 5
# A trial is pruned if it is worse than the median of earlier trials at the same epoch (or number
# of folds), after these numbers of trials and epochs.
PRUNE_AFTER_TRIALS = 5
PRUNE_AFTER_EPOCHS = 2
# With fewer finished trials, importance is noise.
MIN_FOR_IMPORTANCE = 6
_ASKING = threading.Lock()  # between the look at how many trials there are and one more
_RATE_BELOW, _RATE_ABOVE = 30, 10


def space(base: RunConfig) -> dict[str, Dimension]:
    """Returns the settings that can be searched for `base`, each with its range.

    Every dimension contains the value of `base`, so that it can be the first trial. Features of a
    frozen backbone are computed once, so only the number of views can vary, and only if symmetries
    are among the augmentations. `fine_tune_blocks` makes trials long.
    """
    rate = base.learning_rate or catalog.architecture(base.architecture).learning_rate
    frozen = catalog.architecture(base.architecture).pretrained is not None
    dimensions = {
        "learning_rate": Dimension(low=rate / _RATE_BELOW, high=rate * _RATE_ABOVE, log=True),
        "batch_size": _with((16, 32, 64), base.batch_size),
        "schedule": Dimension(choices=config.SCHEDULES),
        "dropout": _with((None, 0.0, 0.2, 0.35, 0.5), base.dropout),
        "l2": _with((0.0, 1e-5, 1e-4, 1e-3, 1e-2), base.l2),
        "label_smoothing": _with((0.0, 0.05, 0.1, 0.2), base.label_smoothing),
        "class_balance": Dimension(choices=config.CLASS_BALANCES),
        "stain_normalisation": Dimension(choices=staining.METHODS),
    }
    if not frozen:
        most = ",".join(kind for kind in config.AUGMENTATIONS if kind != "fill")
        subsets = ("none", "dihedral", "dihedral,stain,brightness", most)
        dimensions["augmentation"] = _with(subsets, _encoded("augmentation", base.augmentation))
        strength = base.augmentation_strength
        dimensions["augmentation_strength"] = Dimension(
            low=min(0.25, strength), high=max(2, strength)
        )
        return dimensions
    if "dihedral" in base.augmentation:
        dimensions["views"] = _with((1, 2, 4, 8), base.views)
    blocks = len(catalog.architecture(base.architecture).blocks)
    dimensions["fine_tune_blocks"] = Dimension(choices=tuple(range(blocks + 1)))
    return dimensions


def choose(base: RunConfig, names: Iterable[str] | None = None) -> dict[str, Dimension]:
    """Returns the dimensions of those names; by default all, fine-tuning only if `base` does it.

    Raises `ConfigError` for a name that does not apply.
    """
    available = space(base)
    if names is None:
        left_out = set() if base.fine_tune_blocks else {"fine_tune_blocks"}
        names = available.keys() - left_out
    names = set(names)
    for name in sorted(names - available.keys()):
        raise ConfigError(
            f"{name} cannot be searched for {base.architecture} with the {base.recipe} recipe; "
            f"choose from {', '.join(available)}."
        )
    return {name: dimension for name, dimension in available.items() if name in names}


def _with(choices: tuple[Any, ...], value: Any) -> Dimension:
    return Dimension(choices=choices if value in choices else (*choices, value))


def _encoded(name: str, value: Any) -> Any:
    """The value as a category of Optuna: names of augmentations joined by commas."""
    return (",".join(value) or "none") if name == "augmentation" else value


def first_trial(plan: Plan) -> dict[str, Setting]:
    """Returns the settings of the first trial: those of the base."""
    own = dict(plan.base)
    own["learning_rate"] = (
        plan.base.learning_rate or catalog.architecture(plan.base.architecture).learning_rate
    )
    return {name: _encoded(name, own[name]) for name in plan.space}


def trial_config(base: RunConfig, settings: Mapping[str, Setting]) -> RunConfig:
    """Returns `base` with the settings of a trial, with epochs for fine-tuning if it has blocks."""
    changes = dict(settings)
    if "fine_tune_blocks" in changes:
        epochs = base.fine_tune_epochs or FINE_TUNE_EPOCHS
        changes["fine_tune_epochs"] = epochs if changes["fine_tune_blocks"] else 0
    return config.change(base, changes)


def final_config(
    plan: Plan, settings: Mapping[str, Setting], *, epochs: int, whole: bool
) -> RunConfig:
    """Returns the config of a single run with the settings of a trial; `whole`: on all cells."""
    changes: dict[str, Setting] = {"epochs": epochs, "folds": 0, "fold": 0}
    if whole:
        changes["sample"] = None
    return config.change(trial_config(plan.base, settings), changes)


def objective(run: Run) -> float | None:
    """Returns the validation cross-entropy of the kept epoch; None before the first epoch."""
    values = run.history["validation_cross_entropy"]
    if values.empty:
        return None
    value = float(values.min() if run.config.keep == "best" else values.iloc[-1])
    return value if math.isfinite(value) else None


@contextmanager
def open_study(sweep: Sweep) -> "Iterator[optuna.Study]":
    """Opens the study of a sweep; creates it with its first trial if it is missing.

    Trials that an earlier worker left under way are asked for again. Threads may share the study.
    Raises `ConfigError` or `RunError`, see `core.tuning.study_storage`.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    plan = sweep.plan
    warm_up = 1 if plan.base.folds else PRUNE_AFTER_EPOCHS
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if plan.pruning:
        pruner = optuna.pruners.MedianPruner(PRUNE_AFTER_TRIALS, n_warmup_steps=warm_up)
    with study_storage.opened(plan.study_storage, sweep.path) as storage:
        study = optuna.create_study(
            storage=storage, study_name=plan.study_name, pruner=pruner, load_if_exists=True
        )
        if not study.trials:
            study.enqueue_trial(first_trial(plan))
        with study_storage.taken_back(study, storage):
            yield study


def next_trial(study: "optuna.Study", plan: Plan) -> "optuna.Trial | None":
    """Returns a trial that nobody works on: a waiting one, else a new one; None after the last.

    Threads that call it side by side each get another one. The trial holds a study of its own,
    because the sampler belongs to that, see `suggest`.
    """
    import optuna

    with _ASKING:
        states = [trial.state for trial in study.get_trials(deepcopy=False)]
        waiting = states.count(optuna.trial.TrialState.WAITING)
        if not waiting and len(states) >= plan.trials:
            return None
        asked = study.ask()
    own = optuna.Study(study.study_name, study._storage, _sampler(plan, asked), study.pruner)
    return optuna.Trial(own, asked._trial_id)


def suggest(trial: "optuna.Trial", plan: Plan) -> dict[str, Setting]:
    """Returns the settings of a trial of `next_trial`, the same at every call.

    A resumed search has the trials of an uninterrupted one. So the sampler is seeded by the number
    of the trial, and anew for each setting: a worker may be killed when it has stored some of them.
    """
    settings: dict[str, Setting] = {}
    _ = trial.relative_params  # drawn together at the first look, by the trial's own sampler
    for place, (name, dimension) in enumerate(plan.space.items()):
        trial.study.sampler = _sampler(plan, trial, place)
        if dimension.choices:
            choices: Sequence[Any] = dimension.choices
            settings[name] = trial.suggest_categorical(name, choices)
        else:
            low, high = dimension.low, dimension.high
            settings[name] = trial.suggest_float(name, low, high, log=dimension.log)
    return settings


def _sampler(plan: Plan, trial: "optuna.Trial", *place: int) -> "optuna.samplers.BaseSampler":
    """The sampler of a trial, or of the setting at a place of the plan's space."""
    import optuna

    words = np.random.SeedSequence((plan.base.seed, trial.number, *place)).generate_state(1)
    return optuna.samplers.TPESampler(seed=int(words[0]))


def report(trial: "optuna.Trial", values: dict[int, float]) -> bool:
    """Reports the values of a trial by step (from 0); returns whether to prune it."""
    reported = trial.study.trials[trial.number].intermediate_values
    for step, value in sorted(values.items()):
        if math.isfinite(value) and step not in reported:
            trial.report(value, step)
    return bool(values) and trial.should_prune()


def results(sweep: Sweep, study: "optuna.Study") -> SearchResults:
    """Returns the results of the search so far."""
    existing = {run.run_id for run in sweep.runs}
    states = {"COMPLETE": "finished", "PRUNED": "pruned"}
    trials: list[Trial] = []
    best: Trial | None = None
    for trial in study.trials:
        if not trial.state.is_finished():
            continue
        row = Trial(
            trial=trial.number,
            state=states.get(trial.state.name, "failed"),
            value=trial.value if trial.state.name == "COMPLETE" else None,
            settings=dict(trial.params),
            runs=tuple(name for name in _run_ids(sweep, trial.number) if name in existing),
            error=trial.user_attrs.get("error"),
        )
        if row.value is not None and (best is None or best.value is None or row.value < best.value):
            best = row
        trials.append(row.replace(best_so_far=best.value if best else None))
    return SearchResults(
        trials=tuple(trials),
        best=best,
        importance=importance(study),
        folds=sweep.plan.base.folds,
    )


def _run_ids(sweep: Sweep, number: int) -> list[str]:
    folds = range(sweep.plan.base.folds)
    return [sweep.run_id(number, fold) for fold in folds] or [sweep.run_id(number)]


def importance(study: "optuna.Study") -> dict[str, float]:
    """Returns the importance of each setting for the value of a trial; they sum to 1.

    Uses PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023). Empty before `MIN_FOR_IMPORTANCE`
    trials have finished, and if all values are equal.
    """
    import optuna

    values = [t.value for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    if len(values) < MIN_FOR_IMPORTANCE or len(set(values)) < 2:
        return {}
    shares = optuna.importance.get_param_importances(study)
    finite = {name: float(share) for name, share in shares.items() if math.isfinite(share)}
    return finite if sum(finite.values()) > 0 else {}
