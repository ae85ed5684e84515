"""Training, against the original study's way, PyTorch, Keras and the bare step, in one run.

Ours is what a user gets: a run through a worker process, in the recommended recipe with its
augmentation, on BMP files in the layout of C-NMC. The others are those of `benchmarks.peers`; they
train on the same cells, without augmentation. Each side has a process of its own, they take turns,
and medians of their rounds are compared. Speeds leave out a process's first epoch, which compiles.

- cnn: images/s of the training part of whole epochs of CNN-16 and CNN-32. PyTorch is skipped
  where it is not installed.
- transfer: EfficientNetB3, frozen, its weights random (their values cost no time). Ours is the
  seconds of features and head of a run without an earlier one's features, and of one with them;
  Keras `fit` is measured for a few epochs and scaled to all of them.
- accuracy: what the precision that the probe chose costs. The same recipe in it and in float32,
  over some seeds of split and weights. A test part has a dozen patients: single runs differ by
  several hundredths of ROC AUC for no reason but chance, so only the mean difference has a bar, and
  on few seeds it too is mostly chance.
- memory: the most that a trainer of CNN-32 ever held on as many cells as C-NMC has for training.
  Resident memory counts the pages of the pixel cache that are mapped, which the system can take
  back at any time; anonymous memory does not.
"""

import importlib.util
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks import peers
from benchmarks.measure import (
    Figures,
    Options,
    Rounds,
    at_least,
    at_most,
    measure_parts,
    medians,
    say,
)
from benchmarks.tree import many_cells
from benchmarks.workbench import (
    artifacts,
    finish,
    measured,
    repeatedly,
    start,
    synthetic_cells,
    train,
)
from core.runs.run_store import Run

IMAGES, ROUNDS = 1000, 3
CNNS, CNN_EPOCHS = ("cnn-16", "cnn-32"), 5
OVER = {
    "study": at_least("{}: speed over the study's way", 2.0),
    "pytorch": at_least("{}: speed over PyTorch", 2.5),
    "limit": at_least("{}: share of the bare step's speed", 0.9),
}
FROZEN, HEAD_EPOCHS, FIT_EPOCHS = "efficientnet-b3", 10, 3
OTHER_HEAD = {"learning_rate": 3e-4, "dropout": 0.3}
OVER_FIT = {
    "first_run": at_least("frozen network: first run over Keras fit", 12.0),
    "later_run": at_least("frozen network: later run over Keras fit", 100.0),
}
KERAS_FIT = f"keras_fit_scaled_from_{FIT_EPOCHS - 1}_epochs"
ACCURACY, ACCURACY_EPOCHS = "cnn-16", 20
SCORES = ("roc_auc", "balanced_accuracy")
AUC_LOSS = at_most("{}: mean ROC AUC below float32's", 0.02)
LARGE = "cnn-32"
MEMORY = at_most("peak resident memory of a trainer, GiB", 4.0)


def measure(options: Options) -> Figures:
    """Figures of all parts, or of `options.only`.

    `options.images` cells are drawn; without it 1,000, and for the memory as many as C-NMC has.
    There alone `options.tree` is used: its cells, of full size, take the place of drawn ones.
    """
    return measure_parts(PARTS, options.only, options)


@dataclass(frozen=True)
class Side:
    """What one side measured in a round: images/s of training, and more to know."""

    speed: float
    facts: Figures


def cnn(options: Options) -> Figures:
    """Images/s of whole epochs of both CNNs, beside three others."""
    with synthetic_cells(options.images or IMAGES) as root:
        return {
            key: compare(key, [cnn_round(key, root) for _ in range(options.rounds or ROUNDS)])
            for key in CNNS
        }


def cnn_round(architecture: str, root: Path) -> dict[str, Side]:
    """What each side measured on the same cells."""
    run = train(architecture, root, epochs=CNN_EPOCHS)
    facts, epochs = measured(run).training, run.history[1:]
    images = measured(run).parts["train"].images
    ours = {
        "images": images,
        "speed_with_validation": images / epochs["seconds"].median(),
        "precision": facts.precision,
        "probed": facts.probed_images_per_second,
    }
    sides = {"ours": Side(float(epochs["images_per_second"].median()), ours)}
    for side in ("study", "pytorch", "limit"):
        if side != "pytorch" or importlib.util.find_spec("torch"):
            peer = peers.measure(side, run, CNN_EPOCHS)
            speed = peer.images / statistics.median(peer.seconds[1:])
            sides[side] = Side(speed, {"images": peer.images, **peer.facts})
    return sides


def compare(architecture: str, rounds: list[dict[str, Side]]) -> Figures:
    """The sides' speeds over the rounds, and ours as a ratio to each of the others."""
    speeds = {side: [turn[side].speed for turn in rounds] for side in rounds[0]}
    middle = medians(speeds)
    ours = middle.pop("ours")
    skipped = {} if "pytorch" in speeds else {"pytorch": "Skipped: PyTorch is not installed."}
    return {
        "images_per_second": {side: Rounds.of(several) for side, several in speeds.items()},
        "ours_over": {side: OVER[side](ours / it, architecture) for side, it in middle.items()},
        "last_round": {side: it.facts for side, it in rounds[-1].items()},
        **skipped,
    }


def transfer(options: Options) -> Figures:
    """Seconds of head training on kept features, beside Keras `fit` on the whole network."""
    with synthetic_cells(options.images or IMAGES) as root:
        rounds = [_transfer_round(root) for _ in range(options.rounds or ROUNDS)]
    seconds = {side: [turn[side] for turn in rounds] for side in rounds[0]}
    middle = medians(seconds)
    return {
        "epochs": HEAD_EPOCHS,
        "seconds": {side: Rounds.of(several) for side, several in seconds.items()},
        "keras_fit_over": {
            side: limit(middle[KERAS_FIT] / middle[side]) for side, limit in OVER_FIT.items()
        },
    }


def _transfer_round(root: Path) -> dict[str, float]:
    """Seconds by side. The runs beside Keras have no augmentation, so one view; it has none."""
    seconds: dict[str, float] = {}

    def take(name: str, run: Run) -> Run:
        status = run.status
        assert status.started and status.finished
        seconds[name] = measured(run).training.seconds or 0.0
        seconds[f"{name}_whole_worker"] = status.finished - status.started
        return run

    settings = {"epochs": HEAD_EPOCHS, "weights": "random"}
    plain = settings | {"augmentation": "none", "views": 1}
    with artifacts():
        take("first_run", train(FROZEN, root, **plain))
        last = take("later_run", train(FROZEN, root, **plain, **OTHER_HEAD))
        epochs = peers.measure("frozen", last, FIT_EPOCHS).seconds[1:]
        seconds[KERAS_FIT] = statistics.median(epochs) * HEAD_EPOCHS
    with artifacts():
        take("first_run_recommended", train(FROZEN, root, **settings))
        take("later_run_recommended", train(FROZEN, root, **settings, **OTHER_HEAD))
    return seconds


def accuracy(options: Options) -> Figures:
    """Test metrics by seed in the precision that the probe chose, and in float32."""
    scores: dict[str, list[dict[str, float]]] = {"auto": [], "float32": []}
    differences: list[float] = []
    chosen = ""
    with synthetic_cells(options.images or IMAGES) as root:
        for seed in range(options.rounds or ROUNDS):
            logits: dict[str, np.ndarray] = {}
            for asked, rows in scores.items():
                run = train(ACCURACY, root, epochs=ACCURACY_EPOCHS, seed=seed, precision=asked)
                used, test = measured(run).training.precision or "", measured(run).test
                if asked == "auto" and used == "float32":
                    return {"accuracy": "Skipped: the probe found float32 faster here."}
                chosen = used if asked == "auto" else chosen
                rows.append({name: test.metric(name) or 0.0 for name in SCORES})
                logits[asked] = run.predictions["logit"].to_numpy()
                say(f"seed {seed}, {used}: {rows[-1]}")
            # Few cells can give equal scores; that the two trained differently shows here.
            differences.append(float(np.abs(logits["auto"] - logits["float32"]).mean()))
    by_precision = {chosen: scores["auto"], "float32": scores["float32"]}
    means = {
        precision: {name: statistics.mean(row[name] for row in rows) for name in SCORES}
        for precision, rows in by_precision.items()
    }
    loss = means["float32"]["roc_auc"] - means[chosen]["roc_auc"]
    by_seed = {
        f"seed_{seed}": {
            **{precision: rows[seed] for precision, rows in by_precision.items()},
            "mean_logit_difference": difference,
        }
        for seed, difference in enumerate(differences)
    }
    return {
        "test_cells_of_last_seed": test.images,
        **by_seed,
        "mean": means,
        "mean_roc_auc_below_float32": AUC_LOSS(loss, chosen),
    }


def memory(options: Options) -> Figures:
    """The trainer's most resident and most anonymous memory in one epoch on many cells."""
    with many_cells(options.tree, options.images) as (root, sample), artifacts():
        run = start(LARGE, root, epochs=1, sample=sample)
        with watched(run) as peak:
            parts = measured(finish(run)).parts
    return {
        "images": sum(part.images for part in parts.values()),
        "peak_resident_gib": MEMORY(peak.resident / 2**30),
        "peak_anonymous_gib": peak.anonymous / 2**30,
    }


PARTS: dict[str, Callable[[Options], Figures]] = {
    "cnn": cnn,
    "transfer": transfer,
    "accuracy": accuracy,
    "memory": memory,
}


@dataclass
class Peak:
    """Bytes that a process held at most, as far as it has been watched."""

    resident: int = 0
    anonymous: int = 0


@contextmanager
def watched(run: Run) -> Iterator[Peak]:
    """Watches a run's trainer, fifty times a second."""
    peak, command = Peak(), {"core.workers.trainer", str(run.path)}
    found: list[psutil.Process] = []

    def watch() -> None:
        if not found:
            processes = psutil.process_iter(["cmdline"])
            found.extend(it for it in processes if command <= set(it.info["cmdline"] or []))
        for trainer in found:
            memory = trainer.memory_info()
            # Linux tells apart what is mapped from files, and remembers the most.
            peak.anonymous = max(peak.anonymous, memory.rss - getattr(memory, "shared", 0))
            peak.resident = max(peak.resident, memory.rss, _high_water(trainer.pid))

    with repeatedly(watch, 0.02):
        yield peak


def _high_water(pid: int) -> int:
    facts = Path(f"/proc/{pid}/status")
    if not facts.exists():
        return 0
    lines = facts.read_text(encoding="utf-8").splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
