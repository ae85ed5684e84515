"""What a run sees in decided cells, those that it refuses included."""

import numpy as np

from core.data.geometry import fit
from core.data.pixel_cache import prepare
from core.data.walk import Progress
from core.errors import RunError
from core.models.engine import Engine
from core.runs.run_store import Run
from core.teaching.decided import Decided


def features(
    run: Run, decided: Decided, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Logits, float32 (N,), and pooled features, float32 (N, C), of the cells by a run's engine.

    Raises `RunError` if the run sees whole images, and `CaseError` if a picture is gone.
    """
    if run.config.sees_whole_images:
        raise RunError(
            f"Run {run.run_id} sees whole images, not cells. Take a run of single cells."
        )
    geometry, normaliser = run.geometry, run.normaliser
    pixels = [fit(prepare(cell.image, geometry, normaliser), geometry) for cell in decided.cells]
    shape = (0, geometry.size, geometry.size, 3)
    array = np.stack(pixels) if pixels else np.zeros(shape, np.uint8)
    return Engine(run.engine_file).predict(array, progress=progress)
