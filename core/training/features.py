"""Features of a frozen backbone, computed once by its engine and cached on disk.

A frozen backbone gives the same features in every epoch and every run. So each cell, in each
dihedral view, is computed once; heads then train on the cached features, without pixels.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import openvino

from core import caches, leftovers, storage
from core.cells.staining import Normaliser
from core.compat import cached_property
from core.data.indexing import digest
from core.data.pixel_cache import variant
from core.data.walk import Progress
from core.models.architecture import Architecture
from core.models.classifier import Classifier
from core.models.conversion import export_features
from core.models.device import place, planned
from core.models.graph.backbone import GraphBackbone
from core.models.own_backbone import KnownHead
from core.models.runtime import CPU, MappedFile
from core.models.weights import require
from core.runs.config import RunConfig
from core.training import augment
from core.training.batches import LookUp
from core.training.device import TrainingDevice, for_engines
from core.training.loop import Data
from core.untrusted import arrays

_BATCH = 16


class Backbone:
    """A frozen backbone with pooling, uint8 (N, S, S, 3) to float32 (N, C), where it runs fastest.

    On a GPU of OpenVINO's, see `core.models.device`; else by Keras on TensorFlow's, or by OpenVINO
    on the processor. It is exported and compiled at the first images.
    """

    def __init__(
        self,
        classifier: Classifier,
        entry: Architecture,
        config: RunConfig,
        device: TrainingDevice,
    ) -> None:
        self._classifier, self._own = classifier, _key(entry, config)
        graph = isinstance(classifier.backbone, GraphBackbone)
        self._by_keras = bool(device.gpu) and not graph and planned(for_engines()) == CPU
        device_name = str(device) if self._by_keras else planned(for_engines())
        self.key = self._own if device_name == CPU else digest([self._own, device_name])
        self.used: str | None = device_name if self._by_keras else None

    @cached_property
    def compute(self) -> Callable[[np.ndarray], np.ndarray]:
        """The features of pixels."""
        if self._by_keras:
            return self._keras
        file: Path = storage.backbone_dir(self._own) / "engine.xml"
        with caches.entry(file.parent):
            if not file.exists():
                export_features(self._classifier, file)
            mapped = MappedFile(file)
        model = mapped.model()
        model.get_parameters()[0].set_element_type(openvino.Type.f32)
        model.validate_nodes_and_infer_types()
        compiled, placement = place(model, "LATENCY", for_engines())
        self.used = str(placement)
        self._file = mapped  # holds the weights
        return lambda pixels: compiled(pixels, "features")["features"]

    def _keras(self, pixels: np.ndarray) -> np.ndarray:
        maps = self._classifier.backbone(pixels.astype(np.float32), training=False)
        pooled: np.ndarray = np.mean(maps.numpy(), axis=(1, 2))
        return pooled


def features(
    backbone: Backbone,
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
    shown = variant(config.inputs, normaliser)
    folder = storage.features_dir(digest([backbone.key, *shown, *cells]))
    views = config.views if "dihedral" in config.augmentation else 1
    files = [folder / f"view_{symmetry}.npy" for symmetry in range(views)]
    with caches.entry(folder):
        leftovers.sweep(folder)
        shape = (len(pixels), None)
        missing = [
            n for n, file in enumerate(files) if arrays.kept(file, np.float32, shape) is None
        ]
        for number, symmetry in enumerate(missing):
            with storage.atomic(files[symmetry]) as temporary:
                done = number * len(pixels), len(missing) * len(pixels)
                np.save(temporary, _compute(backbone, pixels, symmetry, progress, *done))
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


def reminded(data: Data, views: list[np.ndarray], known: KnownHead, config: RunConfig) -> Data:
    """The data with the cells from which a known head has learned, to train on as well.

    Else few patients would make it forget what tells cells of others apart. Only the directions of
    those features are known: they get the mean length of the new ones.
    """
    length = np.linalg.norm(views[0][data.train], axis=1).mean()
    both = [np.concatenate([view, length * known.features]) for view in views]
    added = np.arange(len(views[0]), len(both[0]))
    return replace(
        data,
        look_up=look_up(both, config),
        plain=lambda rows: both[0][rows],
        labels=np.concatenate([data.labels, known.labels]),
        train=np.concatenate([data.train, added]),
    )


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


def _compute(
    backbone: Backbone,
    pixels: np.ndarray,
    symmetry: int,
    progress: Progress,
    done: int,
    total: int,
) -> np.ndarray:
    parts = []
    for start in range(0, len(pixels), _BATCH):
        images = pixels[start : start + _BATCH]
        turned = np.stack([augment.turn(image, symmetry) for image in images])
        parts.append(backbone.compute(turned))
        progress(done + start + len(images), total)
    return np.concatenate(parts)
