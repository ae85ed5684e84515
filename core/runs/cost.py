"""Estimates the cost of a run from the measurements of earlier runs."""

from dataclasses import dataclass

from core.data.splits import FRACTIONS
from core.models import catalog, device
from core.runs import run_store
from core.runs.config import RunConfig
from core.runs.metrics import Training

# Starting a worker, importing TensorFlow, exporting the engine.
_OVERHEAD_SECONDS = 20


@dataclass(frozen=True)
class Cost:
    """The cost of one or more runs.

    seconds: None if no run of the architecture has finished. measured_by: the run that it is
    estimated from. cache_mebibytes: size of the decoded pixels on disk, mapped into memory.
    """

    seconds: float | None
    measured_by: str | None
    cache_mebibytes: float


def estimate(config: RunConfig, *, cells: int, runs: int = 1) -> Cost:
    """Estimates the cost of `runs` equal runs on `cells` cells, one after another.

    Assumes that features of a frozen backbone are computed once.
    """
    size = catalog.architecture(config.architecture).geometry.size
    training, run_id = _measured(config.architecture)
    return Cost(
        seconds=_seconds(config, cells, runs, training) if training else None,
        measured_by=run_id,
        cache_mebibytes=cells * size * size * 3 / 2**20,
    )


def total(costs: list[Cost]) -> float | None:
    """Sums the seconds of all costs that are known; None if none is."""
    known = [cost.seconds for cost in costs if cost.seconds is not None]
    return sum(known) if known else None


def _seconds(config: RunConfig, cells: int, runs: int, training: Training) -> float:
    share = (config.folds - 2) / config.folds if config.folds else FRACTIONS[0]
    epochs = cells * share * config.epochs / (training.images_per_second or 1)
    seconds = runs * (epochs + _OVERHEAD_SECONDS)
    if training.features_per_second:
        seconds += cells * config.views / training.features_per_second
    return seconds


def pace(done: int, total: int, seconds: float) -> tuple[float, float]:
    """Returns items a second, and seconds left, if `done` of `total` items took `seconds`."""
    rate = done / max(seconds, 1e-3)
    return rate, (total - done) / max(rate, 1e-3)


def _measured(architecture: str) -> tuple[Training | None, str | None]:
    """The measurements of the longest run of the architecture, and its name.

    The first epoch, which compiles, dominates a short run. Runs that computed the features of a
    frozen backbone are preferred, because others do not know how long that takes. With
    `BLASTLENS_DEVICE` cpu or gpu, runs that trained on the other one do not count; with auto, those
    that trained on another than the newest run.
    """
    measured = [
        (metrics.training, run.run_id)
        for run in run_store.finished()
        if run.config.architecture == architecture
        and (metrics := run.metrics)
        and metrics.training.images_per_second
    ]
    setting = device.chosen()
    on_gpu = setting == device.ONLY_GPU
    if setting == device.AUTO and measured:
        on_gpu = _on_gpu(measured[0][0])
    measured = [pair for pair in measured if _on_gpu(pair[0]) == on_gpu]
    if not measured:
        return None, None
    return max(measured, key=lambda pair: (bool(pair[0].features_per_second), pair[0].epochs))


def _on_gpu(training: Training) -> bool:
    return training.devices.get("training", "CPU").startswith("GPU")
