"""Grouped k-fold cross-validation: one run a fold, and their results together."""

import numpy as np
import pandas as pd

from core.evaluation import evaluate
from core.metrics import bootstrap, classification
from core.runs.config import RunConfig
from core.runs.metrics import PartMetrics
from core.runs.run_store import Run
from core.tuning.results import CrossValidationResults, FoldMetrics, OverFolds
from core.tuning.sweep_store import Sweep


def fold_configs(base: RunConfig) -> list[RunConfig]:
    """Returns the configuration of each fold, in order."""
    return [base.replace(fold=fold) for fold in range(base.folds)]


def results(sweep: Sweep) -> CrossValidationResults:
    """Returns the results of the finished folds on their test parts."""
    finished = [run for run in sweep.runs if run.metrics and run.status.state == "succeeded"]
    measured = [metrics for run in finished if (metrics := run.metrics)]
    # Runs of older versions lack newer metrics, which are then undefined over the folds.
    over = {
        name: over_folds([metrics.test.metric(name) for metrics in measured])
        for name in classification.NAMES
    }
    return CrossValidationResults(
        folds=tuple(_fold(run) for run in finished),
        metrics=over,
        pooled=pooled(finished) if len(finished) == sweep.plan.base.folds else None,
        leaking=any(metrics.protocol.leaking for metrics in measured),
        unknown_subjects=max((m.protocol.unknown_subjects or 0 for m in measured), default=0),
        synthetic=any(metrics.dataset.synthetic for metrics in measured),
    )


def _fold(run: Run) -> FoldMetrics:
    assert run.metrics is not None
    test = run.metrics.test
    return FoldMetrics(
        fold=run.config.fold,
        run=run.run_id,
        images=test.images,
        groups=test.groups,
        **{name: test.metric(name) for name in classification.NAMES},
    )


def over_folds(values: list[float | None]) -> OverFolds:
    """Returns mean, deviation and interval of a metric in [0, 1] over k folds.

    The interval is Student's t with k - 1 degrees of freedom on the logit of the mean: of
    this recipe, trained on other subjects, as many as a fold is trained on, and tested on new ones.
    Any two folds share training cells, so that they spread less than such trainings would; their
    variance is therefore raised by the ratio of test to training cells (Nadeau and Bengio,
    Inference for the Generalization Error, Machine Learning 52, 2003, equation 9).

    All are None without folds, or if the metric is undefined in one. A single fold has no
    deviation, and equal folds have no interval.
    """
    defined = [value for value in values if value is not None]
    if not defined or len(defined) < len(values):
        return OverFolds(mean=None, deviation=None, interval=None)
    mean, number = float(np.mean(defined)), len(defined)
    if number == 1:
        return OverFolds(mean=mean, deviation=None, interval=None)
    deviation = float(np.std(defined, ddof=1))
    if not deviation:
        return OverFolds(mean=mean, deviation=deviation, interval=None)
    from scipy.special import stdtrit

    error = deviation * np.sqrt(1 / number + 1 / (number - 1))
    half = float(stdtrit(number - 1, (1 + bootstrap.LEVEL) / 2) * error)
    low, high = map(float, bootstrap.around(np.array(mean), half))
    return OverFolds(mean=mean, deviation=deviation, interval=(low, high))


def pooled(runs: list[Run]) -> PartMetrics | None:
    """Measures all cells together, each called by the fold that was not trained on it.

    The intervals are from the bootstrap over groups, as for a single run. The ROC AUC compares
    probabilities of different folds, whose scales may differ; the mean over folds does not
    (Forman and Scholz, Apples-to-Apples in Cross-Validation Studies, SIGKDD Explorations 12, 2010).
    None if the thresholds of the folds differ.
    """
    thresholds = {run.calibration.threshold for run in runs}
    if len(thresholds) != 1:
        return None
    tables = [run.predictions.query("split == 'test'") for run in runs]
    return evaluate.measure(pd.concat(tables, ignore_index=True), thresholds.pop())
