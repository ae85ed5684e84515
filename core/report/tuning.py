"""A cross-validation or a search, as sentences and tables."""

import pandas as pd

from core.evaluation.compare import METRIC
from core.metrics import classification
from core.report import phrases
from core.runs import setting_words
from core.runs.config import Setting
from core.runs.metrics import PartMetrics
from core.tuning.results import CrossValidationResults, SearchResults

# The settings that a search may change.
SETTINGS = {
    name: setting_words.NAMES[name]
    for name in (
        "learning_rate",
        "batch_size",
        "schedule",
        "dropout",
        "l2",
        "label_smoothing",
        "class_balance",
        "stain_normalisation",
        "augmentation",
        "augmentation_strength",
        "views",
        "fine_tune_blocks",
    )
}


def cross_validation_verdict(results: CrossValidationResults, folds: int) -> str:
    """Returns the result of the finished folds in one sentence."""
    label, estimate = classification.NAMES[METRIC], results.over_folds(METRIC).estimate
    finished = len(results.folds)
    if not finished:
        return "No fold has finished yet."
    where = "of held-out subjects"
    if results.leaking:
        where = "of patients it had also trained on, so it is too good"
    if results.unknown_subjects:
        where = "of unknown patients, whom it may have trained on"
    if estimate.value is None:
        return f"{label} is undefined in a fold. Take fewer folds or more images."
    done = f"{folds} folds" if finished == folds else f"{finished} of {folds} folds so far"
    kind = "synthetic images" if results.synthetic else "images"
    score = phrases.full(estimate, " over folds")
    return f"{label} {score}: the mean of {done}, on {kind} {where}."


def pooled_sentence(pooled: PartMetrics) -> str:
    """Returns the result on all cells together in one sentence."""
    return (
        f"Over all {pooled.images:,} images, each called by the fold that had not seen it: "
        f"{classification.NAMES[METRIC].lower()} "
        f"{phrases.full(pooled.estimate(METRIC), ' over groups')}."
    )


def folds_table(results: CrossValidationResults) -> pd.DataFrame:
    """Returns one row a fold, with readable columns."""
    return pd.DataFrame(
        [
            {"Fold": row.fold + 1, "Test images": row.images, "Groups": row.groups}
            | {label: row.metric(name) for name, label in classification.NAMES.items()}
            | {"Run": row.run}
            for row in results.folds
        ]
    )


def summary_table(results: CrossValidationResults) -> pd.DataFrame:
    """Returns one row a metric: over the folds, and of all cells together."""
    return pd.DataFrame(
        [
            {
                "Metric": label,
                "Mean over folds": results.over_folds(name).mean,
                "Standard deviation": results.over_folds(name).deviation,
                "95% interval over folds": phrases.span(results.over_folds(name).interval),
                "All images together": results.pooled and results.pooled.metric(name),
                "95% interval over groups": phrases.span(
                    results.pooled.estimate(name).interval if results.pooled else None
                ),
            }
            for name, label in classification.NAMES.items()
        ]
    )


def describe(settings: dict[str, Setting]) -> str:
    """A trial's settings in words."""
    return ", ".join(
        f"{SETTINGS.get(name, name)} {_value(value)}" for name, value in settings.items()
    )


def _value(value: Setting) -> str:
    if value is None:
        return "the architecture's own"
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text.replace(",", " + ")


def search_verdict(results: SearchResults) -> str:
    """Returns the best trial so far in one or two sentences."""
    best, trials = results.best, results.trials
    if best is None:
        return "No trial has finished yet." if not trials else "No trial has finished with a value."
    over = f", the mean of {results.folds} folds" if results.folds else ""
    start = (
        f"Trial {best.trial} of {len(trials)} has the lowest prediction error on the validation "
        "part"
    )
    first = trials[0].value
    if best.trial == 0:
        return f"{start}, {best.value:.3f}{over}: nothing tried beats the settings it began with."
    beaten = f", against {first:.3f} of the settings it began with" if first is not None else ""
    return f"{start}, {best.value:.3f}{over}{beaten}."


def trials_table(results: SearchResults) -> pd.DataFrame:
    """Returns one row a trial with readable columns."""
    settings = pd.DataFrame([trial.settings for trial in results.trials], dtype=object)
    for name in settings:
        # All values of a column have one type, so that a table can sort it.
        if any(value is None or isinstance(value, str) for value in settings[name]):
            settings[name] = settings[name].map(lambda v: "own" if v is None else _value(v))
        else:
            settings[name] = pd.to_numeric(settings[name])
    errors = [trial.error or "" for trial in results.trials]
    return pd.DataFrame(
        {
            "Trial": [trial.trial for trial in results.trials],
            "State": [trial.state for trial in results.trials],
            "Prediction error": pd.Series([t.value for t in results.trials], dtype=float),
            **{SETTINGS.get(name, name).capitalize(): settings[name] for name in settings},
            "Runs": [", ".join(trial.runs) for trial in results.trials],
            **({"Error": errors} if any(errors) else {}),
        }
    )
