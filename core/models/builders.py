"""Backbones and heads in Keras. Only worker processes and notebooks import this module.

A backbone maps RGB pixels 0..255, float32 or uint8 (N, S, S, 3), to a feature map
(N, h, w, c), its own pixel scaling included. A head maps that feature map to one logit (N, 1),
the log-odds of ALL.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from core.errors import ModelError
from core.models import efficientnet_lite as lite

# Channel means and deviations of ImageNet as the published weights were trained with.
_TORCH_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_TORCH_DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)
_CAFFE_MEAN = (123.68, 116.779, 103.939)


def cnn(size: int, *, filters: int) -> keras.Model:
    """The original study's CNN-F: 3x3, 1x1, 3x3, 1x1 convolutions of F filters, each pooled."""
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 255)(inputs)
    for kernel in (3, 1, 3, 1):
        x = _pooled_convolution(x, filters, kernel)
    return keras.Model(inputs, x, name="backbone")


def cnn_with_dropout(size: int, *, dropout: float | None = None) -> keras.Model:
    """The original study's CNN with dropout (None: 0.2) after the second of three blocks."""
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 255)(inputs)
    for filters in (32, 16, 8):
        x = _pooled_convolution(x, filters, 3)
        if filters == 16:
            x = layers.Dropout(0.2 if dropout is None else dropout)(x)
    return keras.Model(inputs, x, name="backbone")


def _pooled_convolution(x: keras.KerasTensor, filters: int, kernel: int) -> keras.KerasTensor:
    """A convolution, ReLU and 2x2 maximum pooling.

    Pooling comes first: maximum and ReLU commute, and ReLU then has a quarter of the values, which
    makes a training step of CNN-16 a quarter faster.
    """
    x = layers.Conv2D(filters, kernel)(x)
    return layers.ReLU()(layers.MaxPooling2D()(x))


def compact(size: int, *, filters: tuple[int, ...]) -> keras.Model:
    """BlastLens's own design: few pixels, colours relative to the cell's mean, black stays 0.

    - Size, outline, clumps and nucleoli, which identify blasts, are visible at a quarter of
      C-NMC's resolution, where a convolution costs a quarter of what it does at 224 pixels.
    - Colours are relative to the mean of the cell: stain and lamp of a smear, which identify
      subjects and not classes, never reach the weights.
    - 3x3 convolutions, each pooled, have no bias, so features of the black background are exactly
      0: it adds nothing to the logit under the head `averaged`, and no heat map can lie on it.
    """
    inputs = keras.Input((size, size, 3), name="pixels")
    x = _relative_to_the_cell(inputs)
    for number in filters:
        x = layers.Conv2D(
            number, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
        )(x)
        x = layers.ReLU()(layers.MaxPooling2D()(x))
    return keras.Model(inputs, x, name="backbone")


def _relative_to_the_cell(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Divides pixels by the mean colour of the cell, subtracts 1, times 5; adds a cell mask.

    Four channels, 0 on black. 5 makes the contrast inside a cell, a fifth of its mean, about 1.
    """
    sample = pixels[:, ::4, ::4]  # enough for a mean
    lit = keras.ops.sum(keras.ops.cast(sample > 0, "float32"), axis=(1, 2), keepdims=True)
    total = keras.ops.sum(sample, axis=(1, 2), keepdims=True)
    mean = keras.ops.maximum(total / keras.ops.maximum(lit, 1.0), 1.0)
    inside = keras.ops.cast(keras.ops.max(pixels, axis=-1, keepdims=True) > 0, "float32")
    return keras.ops.concatenate([pixels * (5.0 / mean) - 5.0 * inside, inside], axis=-1)


def colour_bands(size: int, *, units: int) -> keras.Model:
    """BlastLens's own design: how much the log colours of the cell vary, at four grains.

    The levels of a Laplacian pyramid (Burt and Adelson 1983) of the log colours, relative to the
    cell's mean, are split into what is paler and what is darker than its surroundings, and averaged
    over squares of four pixels. One layer of 1x1 convolutions learns on these 24 channels. A square
    depends on the few pixels around it, and features are 0 where there is no cell. They are
    divided by the cell's share of the image: a mean over all squares is a mean over the cell, and
    its size has no say. The rim, where pixels of the cell mix with black, is left out. The last
    layer is for `core.training.whitening`, and until then changes nothing.
    """
    inputs = keras.Input((size, size, 3), name="pixels")
    cell = keras.ops.cast(keras.ops.max(inputs, axis=-1, keepdims=True) > 0, "float32")
    cell = keras.ops.cast(_blurred(cell, 1) > 15.5, "float32")
    area = keras.ops.maximum(keras.ops.sum(cell, axis=(1, 2), keepdims=True), 1.0)
    mean = keras.ops.sum(inputs * cell, axis=(1, 2), keepdims=True) / area
    colours = keras.ops.log((inputs + 4.0) / (mean + 4.0)) * cell
    channels = []
    for side in (4, 2, 1):
        blurred = _blurred(keras.ops.concatenate([colours, cell], axis=-1), 2)
        smooth = blurred[..., :3] / keras.ops.maximum(blurred[..., 3:], 1.0) * cell
        parts = _positive_and_negative(
            layers.Rescaling(_BAND_GAIN, dtype="float32")(colours - smooth)
        )
        channels.append(_square_means(parts, side))
        if side > 1:
            colours, cell = _square_means(smooth, 2), _square_means(cell, 2)
    channels.append(_positive_and_negative(layers.Rescaling(_COLOUR_GAIN, dtype="float32")(smooth)))
    x = keras.ops.concatenate(channels, axis=-1)
    x = x / keras.ops.maximum(keras.ops.mean(cell, axis=(1, 2), keepdims=True), 1e-3)
    x = layers.Conv2D(units, 1, use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.ReLU()(x)
    # What all channels have in common is how much there is to see, which is no evidence.
    x = x - keras.ops.mean(x, axis=-1, keepdims=True)
    whitening = layers.Conv2D(
        units, 1, use_bias=False, kernel_initializer="zeros", trainable=False, name="whitening"
    )
    x = whitening(x)
    whitening.set_weights([np.eye(units)[None, None]])
    return keras.Model(inputs, x, name="backbone")


# Red, green and blue vary differently; with these factors the channels are of one magnitude.
_BAND_GAIN = [36.0, 25.0, 80.0]
_COLOUR_GAIN = [18.0, 10.0, 28.0]


def _blurred(x: keras.KerasTensor, times: int) -> keras.KerasTensor:
    """Sums with weights 1, 2, 1 across and down, repeated: 1, 4, 6, 4, 1 for two times."""
    weights = np.ones(1)
    for _ in range(times):
        weights = np.convolve(weights, [1, 2, 1])
    channels = x.shape[-1]
    # Between all channels, most weights being 0: engines run this twice as fast as a sum of slices.
    for kernel in (weights[:, None], weights[None]):
        layer = layers.Conv2D(
            channels,
            kernel.shape,
            padding="same",
            use_bias=False,
            kernel_initializer="zeros",
            trainable=False,
            dtype="float32",
        )
        x = layer(x)
        layer.set_weights([kernel[..., None, None] * np.eye(channels)])
    return x


def _square_means(x: keras.KerasTensor, side: int) -> keras.KerasTensor:
    """Means over squares of `side` pixels."""
    return layers.AveragePooling2D(side, dtype="float32")(x) if side > 1 else x


def _positive_and_negative(x: keras.KerasTensor) -> keras.KerasTensor:
    """The positive and the negative part of each channel, as two channels."""
    return keras.ops.concatenate([keras.ops.relu(x), keras.ops.relu(-x)], axis=-1)


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


def efficientnet_lite(
    size: int, *, scale: str, strides: tuple[int, ...], sees_size: bool, weights: Path | None
) -> keras.Model:
    """A frozen EfficientNet-Lite up to feature maps of `strides`; random where `weights` is None.

    Each position is multiplied by the cell's share of its pixels, so features are 0 off the cell.
    Unless the network `sees_size`, they are divided by the cell's share of the image: a mean over
    all positions is then a mean over the cell. Raises `ModelError` for a file of other weights.
    """
    inputs = keras.Input((size, size, 3), name="pixels")
    network = lite.cut(size, scale, strides, weights)
    # Where convolutions halve the map they are padded on the right alone, so they look to the right
    # of a position. Half a position of black on the left of the image puts that right.
    x = layers.ZeroPadding2D(((strides[0] // 2, 0), (strides[0] // 2, 0)))(inputs)
    x = network(x[:, :size, :size], training=False)
    cell = keras.ops.cast(keras.ops.max(inputs, axis=-1, keepdims=True) > 0, "float32")
    share = _square_means(cell, strides[0])
    if not sees_size:
        share = share / keras.ops.maximum(keras.ops.mean(share, axis=(1, 2), keepdims=True), 1e-3)
    return keras.Model(inputs, x * share, name="backbone")


def _scaled(x: keras.KerasTensor, pixels: str) -> keras.KerasTensor:
    """Scales 0..255 RGB as the network expects it."""
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


def flat(
    features: tuple[int, ...], *, units: int, dropout: float | None = None, l2: float = 0.0
) -> keras.Model:
    """Flatten, one hidden layer, dropout (None: none), one logit."""
    inputs = keras.Input(features, name="features")
    x = layers.Flatten()(inputs)
    x = layers.Dense(units, activation="relu", kernel_regularizer=_penalty(l2))(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, _logit(x, l2), name="head")


def pooled(
    features: tuple[int, ...],
    *,
    batch_normalisation: bool = False,
    dropout: float | None = None,
    l2: float = 0.0,
) -> keras.Model:
    """Global average pooling, 256 hidden units, dropout (None: 0.5), one logit."""
    inputs = keras.Input(features, name="features")
    x = layers.GlobalAveragePooling2D()(inputs)
    if batch_normalisation:
        x = layers.BatchNormalization()(x)
    x = layers.Dense(256, activation="relu", kernel_regularizer=_penalty(l2))(x)
    x = layers.Dropout(0.5 if dropout is None else dropout)(x)
    return keras.Model(inputs, _logit(x, l2), name="head")


def averaged(
    features: tuple[int, ...],
    *,
    dropout: float | None = None,
    l2: float = 0.0,
    initial: str = "glorot_uniform",
) -> keras.Model:
    """Global average pooling, batch normalisation, dropout (None: none), one logit.

    The logit is then one weighted sum of the features at all positions, so Grad-CAM shows exactly
    what each position contributes to it (Zhou et al. 2016). `initial` are its weights before
    training; "zeros" is best on a frozen backbone, where few steps would not undo random ones.
    """
    inputs = keras.Input(features, name="features")
    x = layers.GlobalAveragePooling2D()(inputs)
    # A run has a few hundred steps: with Keras's 0.99 the averages would lag behind for epochs.
    x = layers.BatchNormalization(momentum=0.9)(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, _logit(x, l2, initial), name="head")


def linear(
    features: tuple[int, ...], *, dropout: float | None = None, l2: float = 0.0
) -> keras.Model:
    """Global average pooling, dropout (None: none), one logit: linear in the features."""
    inputs = keras.Input(features, name="features")
    x = layers.GlobalAveragePooling2D()(inputs)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, _logit(x, l2), name="head")


def _logit(x: keras.KerasTensor, l2: float, initial: str = "glorot_uniform") -> keras.KerasTensor:
    # In float32 even where the rest computes in bfloat16: losses are made of it.
    return layers.Dense(
        1,
        kernel_initializer=initial,
        kernel_regularizer=_penalty(l2),
        dtype="float32",
        name="logit",
    )(x)


def _penalty(l2: float) -> keras.Regularizer | None:
    """`l2` times the sum of the squared weights; None for none."""
    return keras.regularizers.L2(l2) if l2 else None
