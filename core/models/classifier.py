"""A classifier: a backbone and a head, built, saved and loaded as one Keras model.

Only worker processes and notebooks import this module, since it imports TensorFlow.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from core.errors import ConfigError, ModelError
from core.models import builders, catalog, own_backbone, weights
from core.models.architecture import Architecture
from core.models.graph.backbone import GraphBackbone
from core.models.graph.backbone import read as read_backbone
from core.models.own_backbone import OwnBackbone

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@dataclass(frozen=True)
class Classifier:
    """An instance of an architecture. `model` is head(backbone(pixels)): (N, S, S, 3) to (N, 1).

    Where the backbone is a `GraphBackbone`, which Keras does not know, `model` is the head alone.
    """

    backbone: keras.Model
    head: keras.Model
    model: keras.Model

    @property
    def parameters(self) -> int:
        """How many numbers it has learned."""
        of_graph = self.backbone.parameters if isinstance(self.backbone, GraphBackbone) else 0
        return int(self.model.count_params()) + of_graph


def build(
    entry: Architecture,
    *,
    weights_choice: str = "imagenet",
    pixels: str = "own",
    dropout: float | None = None,
    l2: float = 0.0,
    precision: str = "float32",
    seed: int | None = None,
) -> Classifier:
    """Builds a classifier.

    `weights_choice`: "imagenet" or "random"; has no effect without a pretrained backbone.
    `pixels`: "own" scales as the backbone expects; "original-study" repeats the scaling of that
    study, if it differs (0..1 into networks that expect more: a known mistake).
    `dropout` is the rate of its dropout layers (None: the architecture's own), `l2` the penalty on
    the head's dense weights. `precision`: "float32", or "bfloat16" for mixed precision: layers
    compute in it, weights and logit stay float32. `seed`: of the weights that are drawn. Behind a
    pretrained backbone those of the head depend on it alone, so that the same features from
    another file begin with the same head.

    Raises `core.errors.ConfigError` if a choice is unknown, and `core.errors.ModelError` if
    ImageNet weights are needed and missing.
    """
    for name, value, choices in (
        ("weights", weights_choice, weights.CHOICES),
        ("pixels", pixels, catalog.PIXELS),
        ("precision", precision, tuple(_POLICIES)),
    ):
        if value not in choices:
            raise ConfigError(f"{name} is {value!r}; it can be {', '.join(choices)}.")
    _draw_from(seed)
    if entry.own:
        return _on_graph(entry, dropout=dropout, l2=l2)
    options = dict(entry.backbone_options)
    if entry.pretrained is not None:
        options["weights"] = weights.require(entry) if weights_choice == "imagenet" else None
        if pixels == "original-study" and entry.study_pixels:
            options["pixels"] = entry.study_pixels
    make = getattr(builders, entry.backbone)
    if "dropout" in inspect.signature(make).parameters:
        options["dropout"], dropout = dropout, None
    size = entry.geometry.size
    with _dtype_policy(_POLICIES[precision]):
        backbone = make(size, **options)
        _draw_from(seed if entry.pretrained else None)
        head = getattr(builders, entry.head)(
            backbone.output_shape[1:], dropout=dropout, l2=l2, **entry.head_options
        )
        inputs = keras.Input((size, size, 3), name="pixels")
        model = keras.Model(inputs, head(backbone(inputs)), name="classifier")
    return Classifier(backbone, head, model)


def _draw_from(seed: int | None) -> None:
    if seed is not None:
        keras.utils.set_random_seed(seed)


def _on_graph(entry: Architecture, **options: float | None) -> Classifier:
    """A head on a backbone that the user brings: the one that it comes with, or a new one."""
    file = own_backbone.require(entry.key)
    backbone = read_backbone(file, OwnBackbone.parse(entry.backbone_options))
    head = getattr(builders, entry.head)(backbone.shape, **options)
    if (known := own_backbone.known_head(entry.key)) is not None:
        channels, given = backbone.shape[-1], len(known.weights)
        if given != channels + 1:
            raise ModelError(
                f"{file.stem}.npz has {given} weights; {channels} features take as many and a "
                "bias. Make it anew, or remove it."
            )
        kernel, bias = np.split(known.weights, [channels])
        head.get_layer("logit").set_weights([kernel[:, None], bias])
    return Classifier(backbone, head, head)


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compile_model(model: keras.Model, learning_rate: float) -> None:
    """Adam, binary cross-entropy on the logit, and accuracy at probability 0.5 (logit 0)."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
    )


def load(file: Path) -> Classifier:
    """Loads a run's `model.keras`, in Keras's safe mode: no code from the file is run."""
    model = keras.saving.load_model(file, compile=False, safe_mode=True)
    return Classifier(model.get_layer("backbone"), model.get_layer("head"), model)
