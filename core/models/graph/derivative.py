"""Derivatives of an OpenVINO graph, as nodes of the same graph: reverse-mode differentiation.

It covers the operations that stand behind the last feature map of a classifier: pooling, dense
layers and their activations (`core.models.graph.activations`). To add one, write its rule and a
line in `_RULES`.
"""

import math
from collections.abc import Callable

import numpy as np
import openvino
from openvino import opset13 as ops

from core.errors import ModelError
from core.models.graph.activations import SLOPES

# (node, number of the input, gradient of the output) to the gradient of that input.
_Rule = Callable[[openvino.Node, int, openvino.Output], openvino.Node]


def derivative(of: openvino.Output, by: openvino.Output) -> openvino.Output:
    """The derivative of the sum of `of`, float32 (N,), by `by`, float32 (N, ...), shaped as `by`.

    Row n of `of` must depend on row n of `by` alone, so that this is the derivative of each row.
    Raises `ModelError` that names an operation without a rule.
    """
    nodes, start = _between(by, of), by.get_node().get_name()
    names = {start, *(node.get_name() for node in nodes)}
    one = ops.broadcast(ops.constant(np.float32(1)), ops.shape_of(of))
    gradients = {of.get_node().get_name(): one.output(0)}
    for node in reversed(nodes):
        gradient = gradients[node.get_name()]
        for number, source in enumerate(node.input_values()):
            name = source.get_node().get_name()
            if name in names:
                part = _rule(node)(node, number, gradient).output(0)
                before = gradients.get(name)
                gradients[name] = ops.add(before, part).output(0) if before else part
    if start not in gradients:
        raise ModelError("The output of this model does not depend on its feature map.")
    return gradients[start]


def _between(by: openvino.Output, of: openvino.Output) -> list[openvino.Node]:
    """The nodes on the paths from `by` to `of`, each after those that it reads."""
    reached: dict[str, bool] = {by.get_node().get_name(): True}
    nodes: list[openvino.Node] = []

    def depends(node: openvino.Node) -> bool:
        name = node.get_name()
        if name not in reached:
            reached[name] = False  # shapes do not depend on values
            if node.get_type_name() != "ShapeOf":
                sources = [value.get_node() for value in node.input_values()]
                reached[name] = any([depends(source) for source in sources])
            if reached[name]:
                nodes.append(node)
        return reached[name]

    depends(of.get_node())
    return nodes


def _rule(node: openvino.Node) -> _Rule:
    kind = node.get_type_name()
    if kind in SLOPES:
        return lambda node, _, gradient: ops.multiply(gradient, SLOPES[kind](node))
    if kind not in _RULES:
        raise ModelError(
            f"Behind its feature map this model has the operation {kind} "
            f"({node.get_friendly_name()}), whose derivative BlastLens does not know."
        )
    return _RULES[kind]


def _number(value: float) -> openvino.Node:
    return ops.constant(np.float32(value))


def _axes(node: openvino.Node, number: int = 1) -> list[int]:
    """The axes in a constant input, from 0 on."""
    rank = node.input_value(0).get_partial_shape().rank.get_length()
    axes = node.input_value(number).get_node()
    if axes.get_type_name() != "Constant":
        raise ModelError(f"Behind its feature map {node.get_type_name()} has axes that vary.")
    return [int(axis) % rank for axis in np.atleast_1d(axes.data)]


def _fit(gradient: openvino.Node, to: openvino.Output) -> openvino.Node:
    """Sums a gradient over the axes along which its input was repeated."""
    shape, wanted = gradient.output(0).get_partial_shape(), to.get_partial_shape()
    if shape.rank != wanted.rank:
        raise ModelError("Behind its feature map this model adds arrays of different rank.")
    repeated = [n for n, (a, b) in enumerate(zip(shape, wanted, strict=True)) if b == 1 and a != 1]
    return ops.reduce_sum(gradient, ops.constant(repeated), True) if repeated else gradient


def _add(node: openvino.Node, number: int, gradient: openvino.Output) -> openvino.Node:
    return _fit(ops.multiply(gradient, _number(1)), node.input_value(number))


def _subtract(node: openvino.Node, number: int, gradient: openvino.Output) -> openvino.Node:
    return _fit(ops.multiply(gradient, _number(-1 if number else 1)), node.input_value(number))


def _multiply(node: openvino.Node, number: int, gradient: openvino.Output) -> openvino.Node:
    product = ops.multiply(gradient, node.input_value(1 - number))
    return _fit(product, node.input_value(number))


def _divide(node: openvino.Node, number: int, gradient: openvino.Output) -> openvino.Node:
    share = ops.divide(gradient, node.input_value(1))
    if number:
        share = ops.multiply(ops.negative(share), node.output(0))
    return _fit(share, node.input_value(number))


def _squared_difference(
    node: openvino.Node, number: int, gradient: openvino.Output
) -> openvino.Node:
    difference = ops.subtract(node.input_value(number), node.input_value(1 - number))
    product = ops.multiply(gradient, ops.multiply(_number(2), difference))
    return _fit(product, node.input_value(number))


def _power(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    """Of a constant exponent."""
    base, exponent = node.input_value(0), node.input_value(1)
    slope = ops.multiply(exponent, ops.power(base, ops.subtract(exponent, _number(1))))
    return ops.multiply(gradient, slope)


def _matmul(node: openvino.Node, number: int, gradient: openvino.Output) -> openvino.Node:
    flags, other = node.get_attributes(), node.input_value(1 - number)
    first, second = flags["transpose_a"], flags["transpose_b"]
    if number == 0:
        if first:
            return ops.matmul(other, gradient, second, True)
        return ops.matmul(gradient, other, False, not second)
    if second:
        return ops.matmul(gradient, other, True, first)
    return ops.matmul(other, gradient, not first, False)


def _convolution(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    """By the images, whose size must be known."""
    flags = node.get_attributes()
    size = [d.get_length() for d in list(node.input_value(0).get_partial_shape())[2:]]
    return ops.convolution_backprop_data(
        gradient,
        node.input_value(1),
        flags["strides"],
        ops.constant(size),
        flags["pads_begin"],
        flags["pads_end"],
        flags["dilations"],
    )


def _average_pool(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    """A convolution with equal weights, channel by channel."""
    flags = node.get_attributes()
    if any((*flags["pads_begin"], *flags["pads_end"])):
        raise ModelError("Behind its feature map this model averages over a padded border.")
    shape = list(node.input_value(0).get_partial_shape())
    channels, *size = (dimension.get_length() for dimension in shape[1:])
    kernel = flags["kernel"]
    weights = np.full((channels, 1, 1, *kernel), 1 / math.prod(kernel), np.float32)
    nothing = [0] * len(kernel)
    return ops.group_convolution_backprop_data(
        gradient,
        ops.constant(weights),
        flags["strides"],
        ops.constant(size),
        nothing,
        nothing,
        [1] * len(kernel),
    )


def _reduce(node: openvino.Node, gradient: openvino.Output) -> openvino.Node:
    """The gradient with the reduced axes of length 1."""
    if node.get_attributes()["keep_dims"]:
        return gradient
    return ops.unsqueeze(gradient, ops.constant(sorted(_axes(node))))


def _reduce_sum(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    source = node.input_value(0)
    return ops.broadcast(_reduce(node, gradient), ops.shape_of(source), None, "BIDIRECTIONAL")


def _reduce_mean(node: openvino.Node, number: int, gradient: openvino.Output) -> openvino.Node:
    shape = list(node.input_value(0).get_partial_shape())
    count = math.prod(shape[axis].get_length() for axis in _axes(node))
    return ops.multiply(_reduce_sum(node, number, gradient), _number(1 / count))


def _reduce_max(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    """Shared evenly by all that are the largest, as in TensorFlow."""
    source = node.input_value(0)
    largest = ops.equal(source, _reduce(node, node.output(0)))
    share = ops.convert(largest, np.float32)
    share = ops.divide(share, ops.reduce_sum(share, ops.constant(_axes(node)), True))
    return ops.multiply(share, _reduce(node, gradient))


def _reshape(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    return ops.reshape(gradient, ops.shape_of(node.input_value(0)), False)


def _transpose(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    order = node.input_value(1).get_node().data
    return ops.transpose(gradient, ops.constant(np.argsort(order)))


def _concat(node: openvino.Node, number: int, gradient: openvino.Output) -> openvino.Node:
    axis = node.get_attributes()["axis"]
    lengths = [list(value.get_partial_shape())[axis].get_length() for value in node.input_values()]
    start = sum(lengths[:number])
    ends = (ops.constant([n]) for n in (start, start + lengths[number], 1, axis))
    return ops.slice(gradient, *ends)


def _softmax(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    shares = node.output(0)
    weighted = ops.multiply(gradient, shares)
    total = ops.reduce_sum(weighted, ops.constant([node.get_attributes()["axis"]]), True)
    return ops.subtract(weighted, ops.multiply(shares, total))


def _normalised(node: openvino.Node, _: int, gradient: openvino.Output) -> openvino.Node:
    """Of mean-variance normalisation, as layer normalisation is made of."""
    flags, source, axes = node.get_attributes(), node.input_value(0), ops.constant(_axes(node))
    if not flags["normalize_variance"]:
        return ops.subtract(gradient, ops.reduce_mean(gradient, axes, True))
    centred = ops.subtract(source, ops.reduce_mean(source, axes, True))
    variance = ops.reduce_mean(ops.multiply(centred, centred), axes, True)
    deviation = ops.sqrt(ops.add(variance, _number(flags["eps"])))
    along = ops.reduce_mean(ops.multiply(gradient, node.output(0)), axes, True)
    centred = ops.subtract(gradient, ops.reduce_mean(gradient, axes, True))
    return ops.divide(ops.subtract(centred, ops.multiply(node.output(0), along)), deviation)


_RULES: dict[str, _Rule] = {
    "Add": _add,
    "AvgPool": _average_pool,
    "Concat": _concat,
    "Convert": lambda node, _, gradient: ops.convert_like(gradient, node.input_value(0)),
    "Convolution": _convolution,
    "Divide": _divide,
    "MVN": _normalised,
    "MatMul": _matmul,
    "Multiply": _multiply,
    "Negative": lambda node, _, gradient: ops.negative(gradient),
    "Power": _power,
    "ReduceMax": _reduce_max,
    "ReduceMean": _reduce_mean,
    "ReduceSum": _reduce_sum,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "SquaredDifference": _squared_difference,
    "Squeeze": _reshape,
    "Subtract": _subtract,
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
}
