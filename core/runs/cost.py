"""What a run will cost, told before it starts: from what earlier runs on this disk measured."""

from dataclasses import dataclass

from core.data.images import Geometry
from core.data.splits import FRACTIONS
from core.models import catalog, weights
from core.runs import store

# Starting a worker, importing TensorFlow, exporting the engine.
_OVERHEAD_SECONDS = 20


@dataclass(frozen=True)
class Cost:
    """seconds is None before any run of the architecture; measured_by names the run it is from.

    cache_mebibytes: decoded pixels on disk, mapped into memory. weights: a sentence if ImageNet
    weights are needed and not here, else None.
    """

    seconds: float | None
    measured_by: str | None
    cache_mebibytes: float
    weights: str | None


def estimate(architecture: str, *, cells: int, epochs: int, imagenet: bool = True) -> Cost:
    """The cost of training on `cells` cells for `epochs` epochs."""
    entry = catalog.architecture(architecture)
    rate, run_id = _measured_rate(architecture)
    seconds = cells * FRACTIONS[0] * epochs / rate + _OVERHEAD_SECONDS if rate else None
    needs = imagenet and entry.pretrained is not None and weights.find(entry) is None
    size = Geometry().size
    return Cost(
        seconds=seconds,
        measured_by=run_id,
        cache_mebibytes=cells * size * size * 3 / 2**20,
        weights=weights.missing(entry) if needs else None,
    )


def pace(done: int, total: int, seconds: float) -> tuple[float, float]:
    """Things a second, and seconds left, of work that has taken `seconds` for `done` of `total`."""
    rate = done / max(seconds, 1e-3)
    return rate, (total - done) / max(rate, 1e-3)


def _measured_rate(architecture: str) -> tuple[float | None, str | None]:
    measured = [
        (run.metrics["training"], run.run_id)
        for run in store.finished()
        if run.config.architecture == architecture and run.metrics
    ]
    if not measured:
        return None, None
    # The longest run: in a short one the first epoch, which compiles, weighs too much.
    training, run_id = max(measured, key=lambda pair: pair[0]["epochs"])
    return training["images_per_second"] or None, run_id
