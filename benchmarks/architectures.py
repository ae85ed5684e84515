"""An architecture beside CNN-32: what it learns of unseen subjects, and what an epoch of it takes.

Both train in the recommended recipe through worker processes, on the demo set, over some seeds of
split and weights, in turns. A test part holds a handful of subjects, so beside it every run reads
a second synthetic set, of many subjects that no run has seen: its means are what is compared. An
epoch is measured whole, with its validation; the first, which compiles, is left out.

`--only` names another architecture than the compact one. A frozen backbone without its ImageNet
weights here gets random ones.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, artifacts, at_least, at_most, say
from benchmarks.training import train
from core.data.synthetic.dataset import write_dataset
from core.evaluation.evaluate import evaluate_on
from core.models import catalog, weights
from core.runs.run_store import Run

BASELINE, CONTENDER = "cnn-32", "compact"
PARTS = tuple(key for key in catalog.ARCHITECTURES if key != BASELINE)
ROUNDS, EPOCHS, IMAGES = 5, 20, 1000
# Forty subjects are too few: the same runs are ahead on one such set and behind on another.
UNSEEN_SEED, CELLS_A_SUBJECT = 1000, 4
EPOCH_TIME = 0.25
SCORES = ("roc_auc", "balanced_accuracy")

Row = dict[str, float]


def run(options: argparse.Namespace) -> Measured:
    """Scores and seconds by seed. `options.images` cells are drawn to train on, and to read."""
    images, contender = options.images or IMAGES, options.only or CONTENDER
    rows: dict[str, list[Row]] = {BASELINE: [], contender: []}
    with tempfile.TemporaryDirectory(prefix="blastlens-cells-") as folder, artifacts():
        seen = write_dataset(Path(folder) / "seen", cells=images)
        subjects = max(6, images // CELLS_A_SUBJECT)
        unseen = write_dataset(
            Path(folder) / "unseen", cells=images, subjects=subjects, seed=UNSEEN_SEED
        )
        for seed in range(options.rounds or ROUNDS):
            for key in rows:
                rows[key].append(score(train(key, seen, seed=seed, **_settings(key)), unseen))
                say(f"seed {seed}, {key}: {rows[key][-1]}")
    return compare(contender, rows)


def _settings(key: str) -> dict[str, Any]:
    entry = catalog.architecture(key)
    here = entry.pretrained is None or weights.find(entry)
    return {"epochs": EPOCHS} | ({} if here else {"weights": "random"})


def score(done: Run, unseen: Path) -> Row:
    """Of a finished run: its scores on its test part and on `unseen`, and seconds an epoch."""
    assert done.metrics
    test, other = done.metrics.test, evaluate_on(done, str(unseen)).metrics
    epochs = done.history["seconds"]
    return {
        **{f"test_{name}": round(test.metric(name) or 0.0, 4) for name in SCORES},
        **{f"unseen_{name}": round(other.metric(name) or 0.0, 4) for name in SCORES},
        "epoch_seconds": float((epochs[1:] if len(epochs) > 1 else epochs).median()),
    }


def compare(contender: str, rows: dict[str, list[Row]]) -> Measured:
    """Means over the seeds, and the contender beside the baseline.

    The ratio of epoch times is the median of those of each seed, whose runs were neighbours.
    """
    means = {key: _each(statistics.mean, of_seed) for key, of_seed in rows.items()}
    pairs = list(zip(rows[contender], rows[BASELINE], strict=True))
    ratio = statistics.median(
        ours["epoch_seconds"] / theirs["epoch_seconds"] for ours, theirs in pairs
    )
    figures: dict[str, Any] = {
        **{
            f"seed_{seed}": {contender: ours, BASELINE: theirs}
            for seed, (ours, theirs) in enumerate(pairs)
        },
        "mean": means,
        "epoch_seconds_over_baseline": round(ratio, 3),
    }
    title = catalog.architecture(BASELINE).title
    bars = [at_most(f"{contender}: epoch time over {title}'s", ratio, EPOCH_TIME)]
    for name, words in zip(SCORES, ("ROC AUC", "balanced accuracy"), strict=True):
        ours, theirs = (means[key][f"unseen_{name}"] for key in (contender, BASELINE))
        bars.append(at_least(f"{contender}: mean {words} at least {title}'s", ours, theirs))
    return figures, bars


def _each(summary: Callable[[list[float]], float], rows: list[Row]) -> Row:
    return {name: round(summary([row[name] for row in rows]), 4) for name in rows[0]}
