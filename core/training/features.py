"""Features of a frozen backbone, computed once by its engine and cached on disk.

A frozen backbone gives the same features in every epoch and every run. So each cell, in each
dihedral view, is computed once; heads then train on the cached features, without pixels.
"""

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core import locks, storage
from core.cells.staining import Normaliser
from core.data.indexing import digest
from core.data.pixel_cache import variant
from core.data.walk import Progress
from core.models.architecture import Architecture
from core.models.classifier import Classifier
from core.models.conversion import export_features
from core.models.weights import require
from core.runs.config import RunConfig
from core.training import augment
from core.training.batches import LookUp

_BATCH = 16


def features(
    classifier: Classifier,
    entry: Architecture,
    config: RunConfig,
    pixels: np.ndarray,
    cells: list[str],
    progress: Progress,
    normaliser: Normaliser | None = None,
) -> tuple[list[np.ndarray], int]:
    """Returns pooled features of each cell, float32 (N, C), one array a view (`augment.turn`).

    Also returns how many views were computed now; the others came from the cache.

    `pixels` uint8 (N, S, S, 3) are those of `cells`, named by their content's digests, as they were
    made with `normaliser`. Only what is not kept yet is computed, and one view where the symmetries
    do not vary.
    """
    backbone = _key(entry, config)
    shown = variant(config.inputs, normaliser)
    folder = storage.features_dir(digest([backbone, *shown, *cells]))
    views = config.views if "dihedral" in config.augmentation else 1
    files = [folder / f"view_{symmetry}.npy" for symmetry in range(views)]
    with locks.lock(folder):
        storage.sweep(folder)
        missing = [symmetry for symmetry, file in enumerate(files) if not file.exists()]
        engine = _engine(classifier, backbone) if missing else None
        for number, symmetry in enumerate(missing):
            with storage.atomic(files[symmetry]) as temporary:
                done = number * len(pixels), len(missing) * len(pixels)
                np.save(temporary, _compute(engine, pixels, symmetry, progress, *done))
    return [np.load(file) for file in files], len(missing)


def look_up(views: list[np.ndarray], config: RunConfig) -> LookUp:
    """Looks up features, float32 (B, C), of a view drawn at random if symmetries may vary."""

    def pick(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if "dihedral" not in config.augmentation:
            features: np.ndarray = views[0][rows]
            return features
        chosen = rng.integers(0, len(views), size=len(rows))
        return np.stack([views[view][row] for view, row in zip(chosen, rows, strict=True)])

    return pick


def tail(classifier: Classifier) -> keras.Model:
    """The head behind its pooling, sharing its weights: pooled features (N, C) to one logit."""
    pooling, *rest = classifier.head.layers[1:]
    assert isinstance(pooling, keras.layers.GlobalAveragePooling2D), pooling
    inputs = keras.Input((classifier.head.input_shape[-1],), name="features")
    x = inputs
    for layer in rest:
        x = layer(x)
    return keras.Model(inputs, x, name="tail")


def _key(entry: Architecture, config: RunConfig) -> str:
    if config.weights == "imagenet":
        weights = hashlib.sha256(require(entry).read_bytes()).hexdigest()
    else:
        weights = f"random, seed {config.seed}"
    made = [repr(dict(entry.backbone_options))] if entry.own else []
    return digest([entry.key, repr(entry.geometry), config.pixels, weights, *made])


def _engine(classifier: Classifier, key: str) -> Any:
    """The backbone with pooling, compiled by OpenVINO: uint8 (N, S, S, 3) to float32 (N, C)."""
    import openvino

    file: Path = storage.backbone_dir(key) / "engine.xml"
    if not file.exists():
        export_features(classifier, file)
    options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return openvino.Core().compile_model(str(file), "CPU", options)


def _compute(
    engine: Any, pixels: np.ndarray, symmetry: int, progress: Progress, done: int, total: int
) -> np.ndarray:
    request = engine.create_infer_request()
    parts = []
    for start in range(0, len(pixels), _BATCH):
        images = pixels[start : start + _BATCH]
        turned = np.stack([augment.turn(image, symmetry) for image in images])
        parts.append(request.infer([turned])["features"].copy())
        progress(done + start + len(images), total)
    return np.concatenate(parts)
