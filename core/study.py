"""The original study's own interface, for notebooks: `load_data`, `build_cnn` and the others.

    from core import load_data, build_cnn
    train, val, test = load_data("path/to/C-NMC_Leukemia")
    build_cnn(filters=32).fit(train, validation_data=val, epochs=10)

Models are compiled Keras models that take RGB pixels 0..255 and give one logit, the log-odds of
ALL; `keras.ops.sigmoid` makes it a probability. This module imports TensorFlow.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from core.data import datasets, splits
from core.data.geometry import Geometry
from core.data.pixel_cache import pixels
from core.errors import ConfigError
from core.models import catalog, classifier


def load_data(
    dataset: str | Path, *, batch_size: int = 32, split: str = "subject", seed: int = 0
) -> tuple[tf.data.Dataset, tf.data.Dataset, tf.data.Dataset]:
    """Training, validation and test batches of a C-NMC tree, by default subject-disjoint.

    Each yields pixels float32 (B, 224, 224, 3), RGB 0..255, and labels float32 (B, 1), 1 = ALL;
    the training part is shuffled anew each epoch. Raises `core.errors.DataError`.
    """
    index = datasets.index(datasets.resolve(str(dataset)))
    parts = splits.split(index, split, seed=seed)
    array = pixels(index.root, parts, Geometry())
    labels = parts["label"].to_numpy(np.float32)[:, None]

    def batches(part: str) -> tf.data.Dataset:
        rows = np.flatnonzero(parts["split"] == part)
        data = tf.data.Dataset.from_tensor_slices(rows)
        if part == "train":
            data = data.shuffle(len(rows), seed=seed)
        return data.batch(batch_size).map(look_up).prefetch(2)

    def look_up(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, truth = tf.numpy_function(
            lambda r: (array[r].astype(np.float32), labels[r]), [rows], [tf.float32, tf.float32]
        )
        images.set_shape((None, *array.shape[1:]))
        truth.set_shape((None, 1))
        return images, truth

    train, validation, test = (batches(part) for part in splits.PARTS)
    return train, validation, test


def build_cnn(filters: int = 32) -> keras.Model:
    """CNN-F of the original study, F = 32 or 16."""
    key = f"cnn-{filters}"
    if key not in catalog.ARCHITECTURES:
        raise ConfigError(f"filters is {filters}; the original study has 32 and 16.")
    return _build(key)


def build_cnn_with_dropout() -> keras.Model:
    """The original study's CNN with dropout."""
    return _build("cnn-dropout")


def build_vgg16(weights: str = "imagenet") -> keras.Model:
    """VGG16, frozen. `weights`: "imagenet" (the file must be on this machine) or "random"."""
    return _build("vgg16", weights)


def build_efficientnet(weights: str = "imagenet") -> keras.Model:
    """EfficientNetB3, frozen. `weights` as in `build_vgg16`."""
    return _build("efficientnet-b3", weights)


def _build(key: str, weights: str = "imagenet") -> keras.Model:
    entry = catalog.architecture(key)
    model = classifier.build(entry, weights_choice=weights).model
    classifier.compile_model(model, entry.learning_rate)
    return model
