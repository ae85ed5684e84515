"""EfficientNet-Lite in Keras: EfficientNet (Tan and Le 2019) without squeeze and excitation.

Only worker processes and notebooks import this module. The packages `efficientnet-lite*-pytorch-
model` bring weights, converted from those that Google published; layers are named after them.
"""

import math
import re
from pathlib import Path

import keras
import numpy as np
from keras import layers

from core.errors import ModelError
from core.models import torch_file

# What filters and blocks are multiplied by.
SCALES = {"lite0": (1.0, 1.0), "lite2": (1.1, 1.2)}
# Of each stage before scaling: blocks, kernel, stride, expansion, filters.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _TOP, _CLASSES = 32, 1280, 1000
# Of random weights: features keep their magnitude through the layers (He et al. 2015).
_INITIAL = keras.initializers.VarianceScaling(2.0, "fan_out")


def network(size: int, scale: str, weights: Path | None) -> keras.Model:
    """The whole network: RGB pixels 0..255, (N, size, size, 3), to 1,000 logits of ImageNet.

    `scale` is a key of `SCALES`; `weights` a file of torch, or None for random weights. Raises
    `ModelError` if the file is damaged or of another network.
    """
    width, depth = SCALES[scale]
    inputs = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(inputs)
    x = _convolved(x, "conv_stem", "bn0", _STEM, kernel=3, stride=2)
    number = 0
    for stage, (blocks, kernel, stride, expansion, filters) in enumerate(_STAGES):
        inner = 0 < stage < len(_STAGES) - 1  # the outer stages keep their depth
        for place in range(math.ceil(blocks * depth) if inner else blocks):
            x = _block(
                x,
                f"block{number}_",
                kernel=kernel,
                stride=1 if place else stride,
                expansion=expansion,
                filters=_rounded(filters * width),
            )
            number += 1
    x = _convolved(x, "conv_head", "bn1", _TOP)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(_CLASSES, name="fc")(x), name="efficientnet_lite")
    if weights:
        _load(model, weights)
    return model


def cut(size: int, scale: str, strides: tuple[int, ...], weights: Path | None) -> keras.Model:
    """`network` up to its last feature maps of so many pixels a position, frozen.

    Maps (N, size / stride, size / stride, c) of several strides, from the smallest on, are joined:
    the coarser ones are repeated to the finest grid.
    """
    whole = network(size, scale, weights)
    maps = []
    for stride in strides:
        *_, last = (
            layer.output
            for layer in whole.layers
            if layer.name.endswith(("_bn2", "_add")) and layer.output.shape[1] * stride == size
        )
        repeated = stride // strides[0]
        maps.append(layers.UpSampling2D(repeated)(last) if repeated > 1 else last)
    features = maps[0] if len(maps) == 1 else layers.Concatenate()(maps)
    model = keras.Model(whole.inputs[0], features, name=whole.name)
    model.trainable = False
    return model


def _rounded(filters: float) -> int:
    """The nearest multiple of 8, or the next one if that is less than 90 %."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * filters else nearest


def _block(
    inputs: keras.KerasTensor, name: str, *, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    """Expands channels, convolves each, projects them; adds the input where the shape is kept."""
    x = inputs
    if expansion > 1:
        x = _convolved(x, f"{name}expand_conv", f"{name}bn0", expansion * inputs.shape[-1])
    x = layers.DepthwiseConv2D(
        kernel,
        stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=_INITIAL.clone(),
        name=f"{name}depthwise_conv",
    )(x)
    x = layers.ReLU(max_value=6)(_normalised(x, f"{name}bn1"))
    x = _convolution(filters, 1, 1, f"{name}project_conv")(x)
    x = _normalised(x, f"{name}bn2")
    return layers.Add(name=f"{name}add")([x, inputs]) if x.shape == inputs.shape else x


def _convolved(
    x: keras.KerasTensor, name: str, norm: str, filters: int, kernel: int = 1, stride: int = 1
) -> keras.KerasTensor:
    """A convolution, batch normalisation and ReLU6."""
    x = _convolution(filters, kernel, stride, name)(x)
    return layers.ReLU(max_value=6)(_normalised(x, norm))


def _convolution(filters: int, kernel: int, stride: int, name: str) -> keras.Layer:
    return layers.Conv2D(
        filters,
        kernel,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=_INITIAL.clone(),
        name=name,
    )


def _normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, name=name)(x)


def _load(model: keras.Model, file: Path) -> None:
    """Gives the model the file's tensors, every one of them."""
    found = torch_file.tensors(file)
    values = {name: value for name, value in found.items() if "num_batches" not in name}
    try:
        for layer in model.layers:
            if layer.weights:
                layer.set_weights(_of(layer, values))
        if values:
            raise ValueError(f"{min(values)} is left over")
    except (KeyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{file} does not have the weights of this {model.name} ({reason}). "
            "Install the package that brings it again."
        ) from None


def _of(layer: keras.Layer, values: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Takes a layer's weights out of `values`, in the order of axes that Keras has.

    Kernels of torch are (out, in, h, w), or (channels, 1, h, w) channel by channel.
    """
    parts: dict[str, tuple[int, ...]]
    match layer:
        case layers.BatchNormalization():
            parts = {"weight": (0,), "bias": (0,), "running_mean": (0,), "running_var": (0,)}
        case layers.Dense():
            parts = {"weight": (1, 0), "bias": (0,)}
        case layers.DepthwiseConv2D():
            parts = {"weight": (2, 3, 0, 1)}
        case _:
            parts = {"weight": (2, 3, 1, 0)}
    name = "_" + re.sub(r"^block(\d+)_", r"blocks.\1._", layer.name)
    return [values.pop(f"{name}.{part}").transpose(axes) for part, axes in parts.items()]
