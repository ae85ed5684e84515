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

import argparse
import importlib.util
import os
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from benchmarks import peers
from benchmarks.measure import Bar, Measured, artifacts, at_least, at_most, measure_parts, say
from benchmarks.tree import tree
from core.data.images import Geometry, encode
from core.data.synthetic.dataset import write_dataset
from core.errors import RunError
from core.runs import config, run_store
from core.runs.metrics import RunMetrics
from core.runs.run_store import Run
from core.workers import launcher

IMAGES, ROUNDS = 1000, 3
CNNS, CNN_EPOCHS = ("cnn-16", "cnn-32"), 5
OVER_STUDY, OVER_PYTORCH, OF_LIMIT = 2.0, 2.5, 0.9
FROZEN, HEAD_EPOCHS, FIT_EPOCHS = "efficientnet-b3", 10, 3
OTHER_HEAD = {"learning_rate": 3e-4, "dropout": 0.3}
OVER_FIT_FIRST, OVER_FIT_LATER = 12.0, 100.0
ACCURACY, ACCURACY_EPOCHS, AUC_LOSS = "cnn-16", 20, 0.02
LARGE, LARGE_IMAGES, SUBJECTS, GIBIBYTES = "cnn-32", 10_661, 100, 4.0


def run(options: argparse.Namespace) -> Measured:
    """Figures of all parts, or of `options.only`.

    `options.images` cells are drawn; without it 1,000, and for the memory as many as C-NMC has.
    There alone `options.tree` is used: its cells, of full size, take the place of drawn ones.
    """
    return measure_parts(PARTS, options.only, options)


def cnn(options: argparse.Namespace) -> Measured:
    """Images/s of whole epochs of both CNNs, beside three others."""
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    with _cells(options) as root, artifacts():
        for architecture in CNNS:
            rounds = [_cnn_round(architecture, root) for _ in range(options.rounds or ROUNDS)]
            figures[architecture], held = _compare(architecture, rounds)
            bars += held
    return figures, bars


def _cnn_round(architecture: str, root: Path) -> dict[str, dict[str, Any]]:
    """What each side measured: `speed`, and more to know."""
    done = train(architecture, root, epochs=CNN_EPOCHS)
    facts, epochs = _measured(done).training, done.history[1:]
    images = _measured(done).parts["train"].images
    sides: dict[str, dict[str, Any]] = {
        "ours": {
            "speed": float(epochs["images_per_second"].median()),
            "images": images,
            "speed_with_validation": round(images / epochs["seconds"].median(), 1),
            "precision": facts.precision,
            "probed": facts.probed_images_per_second,
        }
    }
    for side in ("study", "pytorch", "limit"):
        if side == "pytorch" and not importlib.util.find_spec("torch"):
            continue
        sides[side] = peers.measure(side, done, CNN_EPOCHS)
        seconds = statistics.median(sides[side].pop("seconds")[1:])
        sides[side]["speed"] = sides[side]["images"] / seconds
    return sides


def _compare(architecture: str, rounds: list[dict[str, dict[str, Any]]]) -> Measured:
    """The sides' speeds over the rounds, and ours as a ratio to each of the others."""
    speeds = {side: [turn[side]["speed"] for turn in rounds] for side in rounds[0]}
    ours = statistics.median(speeds["ours"])
    ratios = {
        side: ours / statistics.median(speed) for side, speed in speeds.items() if side != "ours"
    }
    figures: dict[str, Any] = {
        "images_per_second": {side: _spread(speed) for side, speed in speeds.items()},
        "ours_over": {side: round(ratio, 3) for side, ratio in ratios.items()},
        "last_round": {
            side: {name: value for name, value in facts.items() if name != "speed"}
            for side, facts in rounds[-1].items()
        },
    }
    if "pytorch" not in speeds:
        figures["pytorch"] = "Skipped: PyTorch is not installed."
    targets = {
        "study": ("speed over the study's way", OVER_STUDY),
        "pytorch": ("speed over PyTorch", OVER_PYTORCH),
        "limit": ("share of the bare step's speed", OF_LIMIT),
    }
    return figures, [
        at_least(f"{architecture}: {targets[side][0]}", ratio, targets[side][1])
        for side, ratio in ratios.items()
    ]


def transfer(options: argparse.Namespace) -> Measured:
    """Seconds of head training on kept features, beside Keras `fit` on the whole network."""
    with _cells(options) as root:
        rounds = [_transfer_round(root) for _ in range(options.rounds or ROUNDS)]
    seconds = {side: [turn[side] for turn in rounds] for side in rounds[0]}
    fit, first, later = (
        statistics.median(seconds[side]) for side in (_FIT, "first_run", "later_run")
    )
    figures = {
        "epochs": HEAD_EPOCHS,
        "seconds": {side: _spread(values) for side, values in seconds.items()},
        "keras_fit_over": {"first_run": round(fit / first, 2), "later_run": round(fit / later, 2)},
    }
    return figures, [
        at_least("frozen network: first run over Keras fit", fit / first, OVER_FIT_FIRST),
        at_least("frozen network: later run over Keras fit", fit / later, OVER_FIT_LATER),
    ]


_FIT = f"keras_fit_scaled_from_{FIT_EPOCHS - 1}_epochs"


def _transfer_round(root: Path) -> dict[str, float]:
    """Seconds by side. The runs beside Keras have no augmentation, so one view; it has none."""
    seconds: dict[str, float] = {}

    def take(name: str, done: Run) -> None:
        status = done.status
        seconds[name] = _measured(done).training.seconds or 0.0
        assert status.started and status.finished
        seconds[f"{name}_whole_worker"] = status.finished - status.started

    settings = {"epochs": HEAD_EPOCHS, "weights": "random"}
    plain = settings | {"augmentation": "none", "views": 1}
    with artifacts():
        take("first_run", train(FROZEN, root, **plain))
        last = train(FROZEN, root, **plain, **OTHER_HEAD)
        take("later_run", last)
        epochs = peers.measure("frozen", last, FIT_EPOCHS)["seconds"][1:]
        seconds[_FIT] = statistics.median(epochs) * HEAD_EPOCHS
    with artifacts():
        take("first_run_recommended", train(FROZEN, root, **settings))
        take("later_run_recommended", train(FROZEN, root, **settings, **OTHER_HEAD))
    return seconds


def accuracy(options: argparse.Namespace) -> Measured:
    """Test metrics by seed in the precision that the probe chose, and in float32."""
    seeds = range(options.rounds or ROUNDS)
    scores: dict[str, list[dict[str, float]]] = {}
    logits: dict[str, np.ndarray] = {}
    differences: list[float] = []
    with _cells(options) as root, artifacts():
        for seed in seeds:
            for asked in ("auto", "float32"):
                done = train(ACCURACY, root, epochs=ACCURACY_EPOCHS, seed=seed, precision=asked)
                measured = _measured(done)
                used, test = measured.training.precision, measured.test
                if asked == "auto" and used == "float32":
                    return {"accuracy": "Skipped: the probe found float32 faster here."}, []
                kept = {
                    name: round(test.metric(name) or 0.0, 4)
                    for name in ("roc_auc", "balanced_accuracy")
                }
                scores.setdefault(used or "", []).append(kept)
                logits[asked] = done.predictions["logit"].to_numpy()
                say(f"seed {seed}, {used}: {kept}")
            differences.append(float(np.abs(logits["auto"] - logits["float32"]).mean()))
    means = {
        precision: {name: statistics.mean(row[name] for row in rows) for name in rows[0]}
        for precision, rows in scores.items()
    }
    (chosen,) = set(means) - {"float32"}
    loss = means["float32"]["roc_auc"] - means[chosen]["roc_auc"]
    by_seed: dict[str, Any] = {
        # Few cells can give equal scores; that the two trained differently is seen in the logits.
        f"seed_{seed}": {p: rows[seed] for p, rows in scores.items()}
        | {"mean_logit_difference": round(differences[seed], 5)}
        for seed in seeds
    }
    rounded = {p: {name: round(v, 4) for name, v in row.items()} for p, row in means.items()}
    figures = {
        "test_cells_of_last_seed": test.images,
        **by_seed,
        "mean": rounded,
        "mean_roc_auc_below_float32": round(loss, 4),
    }
    return figures, [at_most(f"{chosen}: mean ROC AUC below float32's", loss, AUC_LOSS)]


def memory(options: argparse.Namespace) -> Measured:
    """The trainer's most resident and most anonymous memory in one epoch on many cells."""
    with _many_cells(options) as (root, sample), artifacts():
        started = _start(LARGE, root, epochs=1, sample=sample)
        with _watched(started) as peak:
            parts = _measured(_finish(started)).parts
    resident, anonymous = peak.resident / 2**30, peak.anonymous / 2**30
    figures = {
        "images": sum(part.images for part in parts.values()),
        "peak_resident_gib": round(resident, 3),
        "peak_anonymous_gib": round(anonymous, 3),
    }
    return figures, [at_most("peak resident memory of a trainer, GiB", resident, GIBIBYTES)]


PARTS: dict[str, Callable[[argparse.Namespace], Measured]] = {
    "cnn": cnn,
    "transfer": transfer,
    "accuracy": accuracy,
    "memory": memory,
}


def train(architecture: str, root: Path, **settings: Any) -> Run:
    """A run of the recommended recipe, finished by a worker process. Raises `RunError`."""
    return _finish(_start(architecture, root, **settings))


def _start(architecture: str, root: Path, **settings: Any) -> Run:
    started = run_store.create(config.create(architecture, root, "recommended", **settings))
    launcher.launch(started)
    return started


def _finish(started: Run) -> Run:
    status = launcher.follow(started)
    if status.state != "succeeded":
        raise RunError(f"Run {started.run_id} {status.state}: {status.error}")
    return started


def _measured(done: Run) -> RunMetrics:
    """What a finished run has measured."""
    assert done.metrics
    return done.metrics


def _spread(values: list[float]) -> dict[str, float]:
    """The median of some rounds and how far they lie apart."""
    spread = {"median": statistics.median(values), "minimum": min(values), "maximum": max(values)}
    return {name: round(value, 2) for name, value in spread.items()} | {"rounds": len(values)}


@contextmanager
def _cells(options: argparse.Namespace) -> Iterator[Path]:
    """A drawn data set in the format of C-NMC, 450x450 BMP."""
    with tempfile.TemporaryDirectory(prefix="blastlens-cells-") as folder:
        yield write_dataset(Path(folder) / "cells", cells=options.images or IMAGES)


@contextmanager
def _many_cells(options: argparse.Namespace) -> Iterator[tuple[Path, int | None]]:
    """A data set of full size, and how many of its cells to sample (None: all)."""
    if options.tree:
        with tree(options.tree) as drawn:
            yield drawn.root, options.images
        return
    with tempfile.TemporaryDirectory(prefix="blastlens-many-") as folder:
        yield draw_patterns(Path(folder) / "cells", options.images or LARGE_IMAGES), None


def draw_patterns(root: Path, images: int) -> Path:
    """Smooth noise in the layout of C-NMC, as small BMP files: quick to draw, no two alike."""
    side = Geometry().size
    for label in ("all", "hem"):
        (root / "C-NMC_Leukemia" / "training_data" / "fold_0" / label).mkdir(parents=True)

    def draw(number: int) -> None:
        coarse = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        picture = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR)
        subject, label = number % SUBJECTS, ("all", "hem")[number % 2]
        name = f"UID_{'H' * (number % 2)}{subject}_{number // SUBJECTS + 1}_1_{label}.bmp"
        file = root / "C-NMC_Leukemia" / "training_data" / "fold_0" / label / name
        file.write_bytes(encode(picture, "BMP"))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(draw, range(images)))
    return root


@dataclass
class Peak:
    """Bytes that a process held at most, as far as it has been watched."""

    resident: int = 0
    anonymous: int = 0


@contextmanager
def _watched(started: Run) -> Iterator[Peak]:
    """Watches a run's trainer, fifty times a second."""
    peak, over = Peak(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(started, peak, over))
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _watch(started: Run, peak: Peak, over: threading.Event) -> None:
    trainer: psutil.Process | None = None
    while not over.wait(0.02):
        trainer = trainer or _trainer(started)
        if trainer is None:
            continue
        with suppress(psutil.Error, OSError):  # it has ended
            memory = trainer.memory_info()
            # Linux tells apart what is mapped from files, and remembers the most.
            peak.anonymous = max(peak.anonymous, memory.rss - getattr(memory, "shared", 0))
            peak.resident = max(peak.resident, memory.rss, _high_water(trainer.pid))


def _trainer(started: Run) -> psutil.Process | None:
    command = ["core.workers.trainer", str(started.path)]
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[-2:] == command:
            return process
    return None


def _high_water(pid: int) -> int:
    facts = Path(f"/proc/{pid}/status")
    if not facts.exists():
        return 0
    lines = facts.read_text(encoding="utf-8").splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
