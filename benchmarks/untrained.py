"""A run whose network has learned nothing: random weights in the folder of a trained run.

`python -m benchmarks.untrained FOLDER` makes such a run of the copy of a finished one. What a
training does to a network when its weights stand is done here too: only the learning is missing.
"""

import shutil
import sys
from pathlib import Path

import numpy as np

from benchmarks.workbench import measured, run_python
from core.data import datasets, measures
from core.data.pixel_cache import pixels
from core.evaluation.evaluate import measure_parts, predict_parts
from core.models import catalog
from core.models.engine import Engine
from core.ood import reference
from core.runs import run_store
from core.runs.run_store import Run
from core.training.results import choose


def untrained(run: Run) -> Run:
    """A copy of a finished run, with random weights and all that follows from them."""
    copy = Run(run_store.folder(f"untrained-{run.run_id}"))
    shutil.copytree(run.path, copy.path, ignore=shutil.ignore_patterns("*.lock"))
    run_python("The network of random weights", "-m", "benchmarks.untrained", copy.path)
    return copy


def forget(run: Run) -> None:
    """Replaces the network by one of random weights, and measures that.

    The threshold is the median probability, else most such networks would call all cells alike.
    """
    import keras

    from core.models.classifier import build
    from core.training import network, whitening

    config = run.config
    entry = catalog.architecture(config.architecture)
    index = datasets.index(datasets.resolve(config.dataset))
    parts = choose(index, run).merge(measures.measure(index), on="image_id")
    array = pixels(index.root, parts, entry.geometry, inputs=config.inputs)
    keras.utils.set_random_seed(config.seed)
    classifier = build(entry, weights_choice=config.weights, pixels=config.pixels)
    if entry.additivity:
        whitening.whiten(classifier.model, array[np.flatnonzero(parts["split"] == "train")])
    network.export(run, classifier, array)
    logits, features = Engine(run.engine_file).predict(array)
    kept = reference.load(run)
    reference.write(run, parts, features, kept.red_cell if kept else None)
    predict_parts(run, parts, logits)
    middle = float(np.median(run.predictions["probability"]))
    fitted = run.calibration.replace(threshold=middle)
    fitted.write(run.path / "calibration.json")
    of_parts = measure_parts(run.predictions, fitted)
    measured(run).replace(parts=of_parts).write(run.path / "metrics.json")


if __name__ == "__main__":
    forget(Run(Path(sys.argv[1])))
