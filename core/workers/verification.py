"""Compares a run's Keras file with its engine, in a process of its own.

`python -m core.workers.verification RUN_DIR` loads model.keras in Keras's safe mode and compares
its logits with the engine's on random images. TensorFlow is imported there, never by a caller of
`verify`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from core import storage
from core.archive import keras_file
from core.errors import BlastLensError, RunError
from core.runs.run_store import Run
from core.settings import settings
from core.untrusted import confined
from core.workers.launcher import environment

IMAGES = 8
_SECONDS = 300
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


def verify(run: Run) -> float:
    """The largest difference in logit between Keras file and engine, on random images.

    Raises `RunError` if there is no Keras file, if it holds more than plain layers and numbers, if
    the two disagree, or if loading it takes too long.
    """
    file = run.path / "model.keras"
    if not file.is_file():
        raise RunError(
            f"Run {run.run_id} has no model.keras to verify; its engine reads without. Export the "
            "run where it was trained to get the file."
        )
    keras_file.require_plain(file)
    try:
        with storage.scratch(Path(tempfile.gettempdir())) as folder:
            answer = confined.ask(
                "core.workers.verification",
                run.path.absolute(),
                environment=environment(folder) | _QUIET,
                seconds=_SECONDS,
            )
    except subprocess.TimeoutExpired:
        raise RunError(
            f"Loading model.keras took over {_SECONDS} s and was stopped. Do not open it."
        ) from None
    except confined.NoAnswerError as ended:
        raise RunError(
            f"model.keras cannot be loaded in Keras's safe mode ({ended}). Do not open it."
        ) from None
    if answer["error"]:
        raise RunError(f"model.keras is refused: {answer['error']}")
    return float(answer["difference"])


def compare(run: Run) -> float:
    """As `verify`, in this process, which imports TensorFlow.

    Raises `ModelError` if the two disagree.
    """
    from core.models import classifier, device
    from core.models.conversion import disagreement
    from core.models.engine import Engine

    loaded = classifier.load(run.path / "model.keras")
    pixels = device.probe(run.geometry.size, IMAGES)
    return disagreement(loaded, Engine(run.engine_file, device.ONLY_CPU), pixels)


if __name__ == "__main__":
    confined.enter(settings().conversion_bytes)
    difference, problem = None, None
    try:
        difference = compare(Run(Path(sys.argv[1])))
    except (BlastLensError, ValueError, TypeError, KeyError, OSError) as error:
        problem = " ".join(str(error).split())[:300] or type(error).__name__
    print(json.dumps({"difference": difference, "error": problem}))
