"""An architecture beside CNN-32: how well it reads unseen subjects, and the time of an epoch.

Both train in the recommended recipe through worker processes, on the demo set, over some seeds of
split and weights, in turns. A test part holds a handful of subjects, so every run also reads a
second synthetic set, of many subjects that no run has seen; its mean scores are compared. The time
of an epoch includes its validation; the first epoch, which compiles, is left out.

`--only` names another architecture than the compact one. A frozen backbone whose ImageNet weights
are not on this machine gets random ones.
"""

import statistics
from pathlib import Path

from benchmarks.measure import Figures, Options, at_least, at_most, say
from benchmarks.workbench import measured, synthetic_cells, temporary_folder, train, weights_setting
from core.data.synthetic.dataset import write_dataset
from core.evaluation.evaluate import evaluate_on
from core.models import catalog
from core.runs.run_store import Run

BASELINE, CONTENDER = "cnn-32", "compact"
PARTS = tuple(key for key in catalog.ARCHITECTURES if key != BASELINE)
ROUNDS, EPOCHS, IMAGES = 5, 20, 1000
# Forty subjects are too few: the same runs are ahead on one such set and behind on another.
UNSEEN_SEED, CELLS_A_SUBJECT = 1000, 4
EPOCH_TIME = at_most("{}: epoch time over {}'s", 0.25)
MEAN_SCORE = "{}: mean {} at least {}'s"  # the limit is the baseline's mean
SCORES = {"roc_auc": "ROC AUC", "balanced_accuracy": "balanced accuracy"}

Row = dict[str, float]


def measure(options: Options) -> Figures:
    """Scores and seconds by seed. `options.images` cells are drawn to train on, and to read."""
    images, contender = options.images or IMAGES, options.only or CONTENDER
    rows: dict[str, list[Row]] = {BASELINE: [], contender: []}
    with synthetic_cells(images) as seen, temporary_folder() as folder:
        subjects = max(6, images // CELLS_A_SUBJECT)
        unseen = write_dataset(folder / "unseen", cells=images, subjects=subjects, seed=UNSEEN_SEED)
        for seed in range(options.rounds or ROUNDS):
            for key in rows:
                run = train(key, seen, epochs=EPOCHS, seed=seed, **weights_setting(key))
                rows[key].append(score(run, unseen))
                say(f"seed {seed}, {key}: {rows[key][-1]}")
    return compare(contender, rows)


def score(run: Run, unseen: Path) -> Row:
    """Of a finished run: its scores on its test part and on `unseen`, and seconds an epoch."""
    test, other = measured(run).test, evaluate_on(run, str(unseen)).metrics
    epochs = run.history["seconds"]
    return {
        **{f"test_{name}": test.metric(name) or 0.0 for name in SCORES},
        **{f"unseen_{name}": other.metric(name) or 0.0 for name in SCORES},
        "epoch_seconds": float((epochs[1:] if len(epochs) > 1 else epochs).median()),
    }


def compare(contender: str, rows: dict[str, list[Row]]) -> Figures:
    """Means over the seeds, and the contender beside the baseline.

    The ratio of epoch times is the median of those of each seed, whose runs were neighbours.
    """
    means = {
        key: {name: statistics.mean(row[name] for row in of_seed) for name in of_seed[0]}
        for key, of_seed in rows.items()
    }
    pairs = list(zip(rows[contender], rows[BASELINE], strict=True))
    ratio = statistics.median(ours["epoch_seconds"] / base["epoch_seconds"] for ours, base in pairs)
    title = catalog.architecture(BASELINE).title
    over_baseline = {
        name: at_least(MEAN_SCORE, means[BASELINE][f"unseen_{name}"])(
            means[contender][f"unseen_{name}"], contender, words, title
        )
        for name, words in SCORES.items()
    }
    return {
        **{f"seed_{n}": {contender: ours, BASELINE: base} for n, (ours, base) in enumerate(pairs)},
        "mean": means,
        "epoch_seconds_over_baseline": EPOCH_TIME(ratio, contender, title),
        "unseen_beside_baseline": over_baseline,
    }
