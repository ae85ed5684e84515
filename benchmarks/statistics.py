"""The group bootstrap of ten models, against a plain loop that copies the drawn cells.

Each model has as many predictions as C-NMC has training cells, of as many subjects. The peer draws
the same groups, joins their cells with numpy and measures them with scikit-learn, one resample and
one model after another. That takes minutes, so the peer gets fewer resamples and models, and its
time is scaled to all of them. Both must come to the same values.
"""

import numpy as np
from sklearn import metrics as sk

from benchmarks.measure import Figures, Options, alternate, at_least, at_most
from core.errors import DataError
from core.metrics import bootstrap, classification
from core.metrics.bootstrap import Resampling

CELLS, GROUPS, MODELS = 10_661, 73, 10
PEER_RESAMPLES, PEER_MODELS = 10, 2
ROUNDS = 3
SECONDS = at_most("bootstrap of all models, seconds", 5.0)
TIMES_FASTER = at_least("times faster than a plain loop", 20.0)
Model = tuple[np.ndarray, np.ndarray]


def measure(options: Options) -> Figures:
    """Figures in seconds. `options.images` counts the predictions of each model."""
    groups, models = predictions(options.images or CELLS)

    def ours() -> list[dict[str, np.ndarray]]:
        drawn = bootstrap.resample(models[0][0], groups)
        return [bootstrap.replicates(drawn, labels, scores, 0.5) for labels, scores in models]

    def loop() -> list[dict[str, np.ndarray]]:
        drawn = bootstrap.resample(models[0][0], groups)
        return [plain_loop(drawn, *model) for model in models[:PEER_MODELS]]

    agree(ours(), loop())
    taken = alternate({"bootstrap": ours, "plain_loop": loop}, options.rounds or ROUNDS)
    seconds, scale = taken["bootstrap"].median, len(models) / PEER_MODELS
    whole = taken["plain_loop"].median * scale * bootstrap.RESAMPLES / PEER_RESAMPLES
    return {
        "predictions": len(groups),
        "groups": len(np.unique(groups)),
        "models": len(models),
        "resamples": bootstrap.RESAMPLES,
        **taken,
        "bootstrap_seconds": SECONDS(seconds),
        "plain_loop_models": PEER_MODELS,
        "plain_loop_resamples": PEER_RESAMPLES,
        "plain_loop_scaled_seconds": whole,
        "times_faster": TIMES_FASTER(whole / seconds),
    }


def predictions(cells: int) -> tuple[np.ndarray, list[Model]]:
    """Invented groups (N,) of one class each, and the labels and scores (N,) of each model."""
    rng = np.random.default_rng(0)
    groups = np.sort(rng.integers(0, min(GROUPS, cells), cells))
    labels = (groups % 3 > 0).astype(int)
    models = []
    for _ in range(MODELS):
        logits = 2 * labels - 1 + rng.normal(0, 1, groups.max() + 1)[groups]
        models.append((labels, 1 / (1 + np.exp(-logits - rng.normal(0, 1, cells)))))
    return groups, models


def plain_loop(drawn: Resampling, labels: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """The peer: the first resamples of `drawn`, their cells copied and measured one by one."""
    rows = [np.flatnonzero(drawn.member == group) for group in range(len(drawn.names))]
    found = []
    for draw in drawn.draws[:PEER_RESAMPLES].astype(int):
        copies = [rows[group] for group in np.repeat(np.arange(len(rows)), draw)]
        cells = np.concatenate(copies)
        truth, score = labels[cells], scores[cells]
        calls = (score >= 0.5).astype(int)
        found.append(
            {
                "accuracy": sk.accuracy_score(truth, calls),
                "balanced_accuracy": sk.balanced_accuracy_score(truth, calls),
                "weighted_f1": sk.f1_score(truth, calls, average="weighted"),
                "sensitivity": sk.recall_score(truth, calls),
                "specificity": sk.recall_score(truth, calls, pos_label=0),
                "roc_auc": sk.roc_auc_score(truth, score),
                "pr_auc": sk.average_precision_score(truth, score),
                "brier": sk.brier_score_loss(truth, score),
                "ece": float(classification.ece(classification.bin_sums(truth, score))),
            }
        )
    return {name: np.array([row[name] for row in found]) for name in found[0]}


def agree(ours: list[dict[str, np.ndarray]], peer: list[dict[str, np.ndarray]]) -> None:
    """Raises `DataError` unless both have the same values of the same resamples."""
    for mine, other in zip(ours, peer, strict=False):
        for name, values in other.items():
            if not np.allclose(mine[name][: len(values)], values, atol=1e-6):
                raise DataError(f"The bootstrap and the plain loop disagree about {name}.")
