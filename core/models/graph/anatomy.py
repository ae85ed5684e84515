"""The anatomy of a classifier that came as an OpenVINO graph: its input, feature map and output.

Networks that Keras nests as one layer of another are one graph here, with nothing hidden in it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino
from openvino import opset13 as ops
from openvino import passes

from core.errors import ModelError

# What may follow the activation of the last layer without changing a number.
_TRIVIAL = ("Convert", "Reshape", "Squeeze", "Unsqueeze")
_MOST_OTHERS = 8  # a class token and some registers
_ACTIVATIONS = {"Sigmoid": "sigmoid", "Softmax": "softmax"}


@dataclass(frozen=True)
class Features:
    """What a model has computed at one place of its graph, which every path leads through.

    at: float32 (N, c, h, w), (N, h, w, c), (N, others + h * w, c) or (N, c). shape: (h, w, c); of a
    vector h = w = 1. channels_first: of the first of these forms. others: tokens of a transformer
    that are no patches of the image, such as that of the class; they come first.
    """

    at: openvino.Output
    shape: tuple[int, int, int]
    channels_first: bool = False
    others: int = 0

    @property
    def is_map(self) -> bool:
        """Whether it has places, so that a heat map can be drawn."""
        return self.shape[:2] != (1, 1)

    def separate(self) -> openvino.Output:
        """Makes the graph compute with a copy, float32 (N, h, w, c), and returns that."""
        readers = [target for target in self.at.get_target_inputs()]
        found = self.as_map()
        if self.channels_first:
            back = ops.transpose(found, ops.constant([0, 3, 1, 2]))
        else:
            shape = [d.get_length() for d in list(self.at.get_partial_shape())[1:]]
            back = ops.reshape(found, ops.constant([-1, *shape]), False)
        for target in readers:
            target.replace_source_output(back.output(0))
        return found.output(0)

    def as_map(self) -> openvino.Node:
        """Float32 (N, h, w, c), without the tokens that are no patches."""
        if self.channels_first:
            return ops.transpose(self.at, ops.constant([0, 2, 3, 1]))
        patches = self.at
        if self.others:
            ends = (ops.constant([n]) for n in (self.others, 2**31 - 1, 1, 1))
            patches = ops.slice(patches, *ends).output(0)
        return ops.reshape(patches, ops.constant([-1, *self.shape]), False)


@dataclass(frozen=True)
class Anatomy:
    """The parts of a classifier.

    pixels: its input, float32 (N, size, size, 3). scores: (N, outputs), before the activation of
    the last layer, which is "sigmoid", "softmax" or "none".
    """

    pixels: openvino.Node
    size: int
    scores: openvino.Output
    outputs: int
    activation: str

    def up_to_scores(self) -> openvino.Model:
        """The model without its last activation; its output is "scores", float32 (N, outputs)."""
        end = ops.result(self.scores)
        end.output(0).get_tensor().set_names({"scores"})
        return openvino.Model([end], [self.pixels], "scores")

    def features(self) -> Iterator[Features]:
        """The last feature map, if there is one, then the vectors behind it, the last first.

        None where the last one holds tokens that are no patches: what follows reads those, and maps
        before them are of what the image is made of, not of what the model found.
        """
        found = [
            features
            for features in self.all_features()
            if features.shape[2] > self.outputs and not features.others
        ]
        maps = [] if self.has_class_token else [one for one in found if one.is_map]
        yield from maps[:1]
        yield from [features for features in found if not features.is_map]

    @property
    def has_class_token(self) -> bool:
        """Whether the last feature map holds tokens beside those of the patches before it."""
        maps = [features for features in self.all_features() if features.is_map]
        patches = {features.shape[:2] for features in maps if not features.others}
        return any(last.others and last.shape[:2] in patches for last in maps[:1])

    def all_features(self) -> Iterator[Features]:
        """What it has computed wherever every path leads through, the last first."""
        for node in self._cuts():
            described = _describe(node)
            if described and described.shape != (self.size, self.size, 3):  # the pixels themselves
                yield described

    def _cuts(self) -> Iterator[openvino.Node]:
        """The nodes that every path from the input to the scores passes, the last first."""
        order, fed = self.up_to_scores().get_ordered_ops(), {self.pixels.get_name()}
        for node in order:
            sources = {value.get_node().get_name() for value in node.input_values()}
            if sources & fed and node.get_type_name() != "ShapeOf":
                fed.add(node.get_name())
        waiting = {self.scores.get_node().get_name()}
        for node in reversed(order):
            name = node.get_name()
            if name in waiting:
                if waiting == {name}:
                    yield node
                sources = {value.get_node().get_name() for value in node.input_values()}
                waiting = (waiting - {name}) | (sources & fed)


def _describe(node: openvino.Node) -> Features | None:
    """The features that a node computes; None if it has neither places nor channels."""
    if node.get_output_size() != 1 or node.get_type_name() == "Parameter":
        return None
    at = node.output(0)
    shape = at.get_partial_shape()
    if shape.rank.is_dynamic or any(d.is_dynamic for d in list(shape)[1:]):
        return None
    match [dimension.get_length() for dimension in list(shape)[1:]]:
        case [channels]:
            return Features(at, (1, 1, channels))
        case [tokens, channels] if (side := math.isqrt(tokens)) > 1:
            others = tokens - side**2
            if others <= _MOST_OTHERS:
                return Features(at, (side, side, channels), others=others)
        case [h, w, c] if h == w and h > 1 and not (w == c and _channels_first(node)):
            return Features(at, (h, w, c))
        case [c, h, w] if h == w and h > 1:
            return Features(at, (h, w, c), channels_first=True)
    return None


def _channels_first(node: openvino.Node) -> bool:
    """The order of a cube, whose sides are all of one length: OpenVINO convolves channels first."""
    return bool(node.get_type_name() != "Transpose")


def read(file: Path) -> openvino.Model:
    """Reads an ONNX or OpenVINO file. Raises `ModelError` if it cannot be read."""
    try:
        return openvino.Core().read_model(file)
    except RuntimeError as error:
        raise ModelError(
            f"{file.name} cannot be read ({last_line(error)}). Export it again."
        ) from None


def last_line(error: Exception) -> str:
    """The last line of a message, which in OpenVINO's has the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def take_images(model: openvino.Model, size: int | None = None) -> tuple[openvino.Model, int]:
    """The model with the input float32 (N, S, S, 3), for any N, and S.

    It may take its images channels first. Where S is open it becomes `size`. Raises `ModelError`
    that names the input and what is wrong with it.
    """
    if len(model.inputs) != 1:
        raise ModelError(
            f"It has {len(model.inputs)} inputs; BlastLens gives it one, the pixels. Export a "
            "network of one input."
        )
    shape = model.input(0).get_partial_shape()
    sides = list(shape) if shape.rank.is_static else []
    first = len(sides) == 4 and sides[1] == 3 and sides[3] != 3
    if len(sides) != 4 or sides[1 if first else 3] != 3:
        raise ModelError(
            f"Its input is {shape}; BlastLens gives it colour images, (N, S, S, 3). Export a "
            "network of such an input."
        )
    sides = sides[2:] if first else sides[1:3]
    known = {side.get_length() for side in sides if side.is_static} or {size}
    if None in known:
        raise ModelError("It takes images of any size. Say which: --size 224.")
    if len(known) == 1 and size is not None and known != {size}:
        own = known.pop()
        raise ModelError(
            f"It takes images of {own} x {own} pixels, not of {size}. Leave --size out, or say "
            f'"size": {own} in the JSON of a backbone.'
        )
    if len(known) > 1:
        raise ModelError(
            f"Its input is {shape}; BlastLens gives it square images. Export it for those."
        )
    (side,) = known
    try:
        model.reshape([-1, 3, side, side] if first else [-1, side, side, 3])
    except RuntimeError as error:
        raise ModelError(
            f"It cannot read several images at once ({last_line(error)}). Export it with an open "
            "batch size."
        ) from None
    _fold_constants(model)
    before = model.get_parameters()[0]
    readers = before.output(0).get_target_inputs()
    given = ops.parameter([-1, side, side, 3], np.float32, name="images")
    value = ops.convert(given, before.get_element_type().to_dtype())
    if first:
        value = ops.transpose(value, ops.constant([0, 3, 1, 2]))
    for target in readers:
        target.replace_source_output(value.output(0))
    return openvino.Model(model.get_results(), [given], "classifier"), int(side or 0)


def _fold_constants(model: openvino.Model) -> None:
    """Computes what depends on no image, such as axes and shapes that an exporter left as nodes."""
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)


def examine(model: openvino.Model, size: int | None = None) -> Anatomy:
    """The anatomy of a classifier. Raises `ModelError` that says why a model is none."""
    model, side = take_images(model, size)
    if len(model.outputs) != 1:
        raise ModelError(
            f"It has {len(model.outputs)} outputs; a classifier has one. Export it with its class "
            "scores alone."
        )
    end = model.output(0).get_node().input_value(0)
    shape = end.get_partial_shape()
    if shape.rank.is_dynamic or any(d.is_dynamic for d in list(shape)[1:]):
        raise ModelError(
            f"Its output is {shape}; a classifier has a number for each class. Export it with its "
            "class scores alone."
        )
    outputs = math.prod(dimension.get_length() for dimension in list(shape)[1:])
    if outputs > 1000 or (outputs > 1 and outputs not in [d for d in list(shape)[1:]]):
        raise ModelError(
            f"Its output is {shape}; a classifier has a number for each class. Export it with its "
            "class scores alone."
        )
    scores, activation = _before_activation(end)
    if activation == "softmax" and outputs == 1:
        raise ModelError(
            "It ends in a softmax over one output, which is 1 whatever the image. A sigmoid was "
            "meant; train it so."
        )
    flat = ops.reshape(scores, ops.constant([-1, outputs]), False)
    flat = ops.convert(flat, np.float32).output(0)
    return Anatomy(model.get_parameters()[0], side, flat, outputs, activation)


def _before_activation(end: openvino.Output) -> tuple[openvino.Output, str]:
    """The scores that the last activation is of, and which it is; the output itself without one."""
    at = end
    while at.get_node().get_type_name() in _TRIVIAL:
        at = at.get_node().input_value(0)
    kind = at.get_node().get_type_name()
    if kind in _ACTIVATIONS:
        return at.get_node().input_value(0), _ACTIVATIONS[kind]
    return end, "none"
