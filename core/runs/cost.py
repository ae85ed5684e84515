"""Estimates the cost of a run from what this machine has taken before, or from a short probe."""

import time
from dataclasses import dataclass

from core.data.splits import FRACTIONS
from core.models import catalog, device
from core.runs import environment, run_store, speed
from core.runs.config import RunConfig
from core.runs.metrics import Environment, Training
from core.runs.run_store import Run
from core.runs.speed import TrainingSpeed

LATELY = 30 * 24 * 3600.0  # seconds: a run that ended before says nothing of this machine today


@dataclass(frozen=True)
class Cost:
    """The cost of one or more runs.

    seconds: None if the architecture has not been measured on this machine. measured_by: the run
    that it is estimated from; None without one, or for a probe. cache_mebibytes: size of the
    decoded pixels on disk, mapped into memory.
    """

    seconds: float | None
    measured_by: str | None
    cache_mebibytes: float


def estimate(config: RunConfig, *, cells: int, runs: int = 1) -> Cost:
    """Estimates the cost of `runs` equal runs on `cells` cells, one after another.

    By the longest run of the architecture that ended here lately, or by the probe of
    `core.runs.speed`, whichever is the newer; the machine is assumed to be as busy as it was then.
    Assumes that features of a frozen backbone are computed once.
    """
    size = catalog.architecture(config.architecture).geometry.size
    run, measured = _of_run(config.architecture)
    probed = speed.probe_of(config).speed
    if probed is not None and (measured is None or probed.at > measured.at):
        run, measured = None, probed
    return Cost(
        seconds=None if measured is None else _seconds(config, cells, runs, measured),
        measured_by=run,
        cache_mebibytes=cells * size * size * 3 / 2**20,
    )


def total(costs: list[Cost]) -> float | None:
    """Sums the seconds of all costs that are known; None if none is."""
    known = [cost.seconds for cost in costs if cost.seconds is not None]
    return sum(known) if known else None


def _seconds(config: RunConfig, cells: int, runs: int, measured: TrainingSpeed) -> float:
    share = (config.folds - 2) / config.folds if config.folds else FRACTIONS[0]
    epochs = cells * share * config.epochs / measured.images_per_second
    seconds = runs * (epochs + measured.start_seconds + cells / measured.cells_per_second)
    if measured.features_per_second:
        seconds += cells * config.views / measured.features_per_second
    return seconds


def pace(done: int, total: int, seconds: float) -> tuple[float, float]:
    """Returns items a second, and seconds left, if `done` of `total` items took `seconds`."""
    rate = done / max(seconds, 1e-3)
    return rate, (total - done) / max(rate, 1e-3)


def _of_run(architecture: str) -> tuple[str | None, TrainingSpeed | None]:
    """The longest run of the architecture that ended here lately, and how fast it was.

    The first epoch, which compiles, dominates a short run. Runs that computed the features of a
    frozen backbone are preferred, because others do not know how long that takes. With
    `BLASTLENS_DEVICE` cpu or gpu, runs that trained on the other one do not count; with auto, those
    that trained on another than the newest run.
    """
    here = environment.describe()
    measured = [
        (metrics.training, run)
        for run in run_store.finished()
        if run.config.architecture == architecture
        and (metrics := run.metrics)
        and metrics.training.images_per_second
        and _is_of(here, metrics.environment)
        and time.time() - (run.status.finished or 0) < LATELY
    ]
    setting = device.chosen()
    on_gpu = setting == device.ONLY_GPU
    if setting == device.AUTO and measured:
        on_gpu = _on_gpu(measured[0][0])
    measured = [pair for pair in measured if _on_gpu(pair[0]) == on_gpu]
    if not measured:
        return None, None
    longest = max(measured, key=lambda pair: (bool(pair[0].features_per_second), pair[0].epochs))
    return longest[1].run_id, _speed_of(*longest)


def _is_of(here: Environment, other: Environment | None) -> bool:
    """Whether a run was trained on a machine like this one."""
    return other is not None and all(
        getattr(here, name) == getattr(other, name)
        for name in ("system", "processor", "cores", "memory_gib")
    )


def _speed_of(training: Training, run: Run) -> TrainingSpeed:
    """What a run took: beside its epochs and features, all is counted as its start."""
    status = run.status
    whole = (status.finished or 0) - (status.started or 0)
    return TrainingSpeed(
        start_seconds=max(0.0, whole - (training.seconds or 0.0)),
        images_per_second=training.images_per_second or 1.0,
        features_per_second=training.features_per_second,
        cells_per_second=float(10**9),
        at=status.finished or 0.0,
    )


def _on_gpu(training: Training) -> bool:
    return training.devices.get("training", "CPU").startswith("GPU")
