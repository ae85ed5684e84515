"""Backbones and heads in Keras. Only worker processes and notebooks import this module.

A backbone maps RGB pixels 0..255, float32 or uint8 (N, 224, 224, 3), to a feature map
(N, h, w, c), its own pixel scaling included. A head maps that feature map to one logit (N, 1),
the log-odds of ALL.
"""

from pathlib import Path

import keras
from keras import layers

from core.errors import ModelError

# Channel means and deviations of ImageNet as the published weights were trained with.
_TORCH_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_TORCH_DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)
_CAFFE_MEAN = (123.68, 116.779, 103.939)


def cnn(size: int, *, filters: int) -> keras.Model:
    """The original study's CNN-F: 3x3, 1x1, 3x3, 1x1 convolutions of F filters, each pooled."""
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 255)(inputs)
    for kernel in (3, 1, 3, 1):
        x = layers.Conv2D(filters, kernel, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return keras.Model(inputs, x, name="backbone")


def cnn_with_dropout(size: int) -> keras.Model:
    """The original study's CNN with dropout 0.2 behind the second of three pooled blocks."""
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 16, 8):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
        if filters == 16:
            x = layers.Dropout(0.2)(x)
    return keras.Model(inputs, x, name="backbone")


def imagenet(size: int, *, application: str, pixels: str, weights: Path | None) -> keras.Model:
    """A frozen `keras.applications` network without its top; random where `weights` is None."""
    inputs = keras.Input((size, size, 3), name="pixels")
    network = getattr(keras.applications, application)(
        include_top=False, weights=None, input_shape=(size, size, 3)
    )
    if weights:
        try:
            network.load_weights(weights)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(
                f"{weights} is damaged or not of {application} ({reason}). Copy it again."
            ) from None
    network.trainable = False
    # training=False keeps batch normalisation at its ImageNet statistics for good.
    features = network(_scaled(inputs, pixels), training=False)
    return keras.Model(inputs, features, name="backbone")


def _scaled(x: keras.KerasTensor, pixels: str) -> keras.KerasTensor:
    """0..255 RGB to what a network expects."""
    match pixels:
        case "raw":
            return x
        case "unit":
            return layers.Rescaling(1 / 255)(x)
        case "torch":
            variance = [d**2 for d in _TORCH_DEVIATION]
            return layers.Normalization(mean=list(_TORCH_MEAN), variance=variance)(x)
        case "caffe":
            blue_green_red = keras.ops.flip(x, axis=-1)
            mean = list(reversed(_CAFFE_MEAN))
            return layers.Normalization(mean=mean, variance=[1.0] * 3)(blue_green_red)
    raise ValueError(f"pixels is {pixels!r}")


def flat(features: tuple[int, ...], *, units: int) -> keras.Model:
    """Flatten, one hidden layer, one logit."""
    inputs = keras.Input(features, name="features")
    x = layers.Flatten()(inputs)
    x = layers.Dense(units, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name="head")


def pooled(features: tuple[int, ...], *, batch_normalisation: bool = False) -> keras.Model:
    """Global average pooling, 256 hidden units, dropout 0.5, one logit."""
    inputs = keras.Input(features, name="features")
    x = layers.GlobalAveragePooling2D()(inputs)
    if batch_normalisation:
        x = layers.BatchNormalization()(x)
    x = layers.Dense(256, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, layers.Dense(1, name="logit")(x), name="head")
