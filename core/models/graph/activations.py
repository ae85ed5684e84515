"""The slopes of the activations: of each number of an OpenVINO node by the number it was made of.

To add one, write a function from the node to its slope and a line in `SLOPES`.
"""

import math
from collections.abc import Callable

import numpy as np
import openvino
from openvino import opset13 as ops

from core.errors import ModelError


def _number(value: float) -> openvino.Node:
    return ops.constant(np.float32(value))


def _where(
    condition: openvino.Node, inside: float | openvino.Node, outside: float
) -> openvino.Node:
    value = _number(inside) if isinstance(inside, int | float) else inside
    return ops.select(condition, value, _number(outside))


def _clamp_slope(node: openvino.Node) -> openvino.Node:
    flags, x = node.get_attributes(), node.input_value(0)
    above = ops.greater(x, _number(flags["min"]))
    return _where(ops.logical_and(above, ops.less(x, _number(flags["max"]))), 1, 0)


def _gelu_slope(node: openvino.Node) -> openvino.Node:
    x = node.input_value(0)
    if node.get_attributes()["approximation_mode"].upper() != "ERF":
        raise ModelError("Behind its feature map this model has an approximated GELU.")
    bell = ops.exp(ops.multiply(_number(-0.5), ops.multiply(x, x)))
    below = ops.add(ops.erf(ops.multiply(x, _number(math.sqrt(0.5)))), _number(1))
    density = ops.multiply(x, ops.multiply(bell, _number(1 / math.sqrt(2 * math.pi))))
    return ops.add(ops.multiply(below, _number(0.5)), density)


def _swish_slope(node: openvino.Node) -> openvino.Node:
    """x sigmoid(b x); its second input is b."""
    x = node.input_value(0)
    factor = node.input_value(1) if node.get_input_size() > 1 else _number(1)
    share = ops.sigmoid(ops.multiply(x, factor))
    rest = ops.multiply(factor, ops.multiply(x, ops.subtract(_number(1), share)))
    return ops.multiply(share, ops.add(rest, _number(1)))


def _hard_swish_slope(node: openvino.Node) -> openvino.Node:
    x = node.input_value(0)
    ramp = ops.add(ops.multiply(x, _number(1 / 3)), _number(0.5))
    inner = _where(ops.greater(x, _number(-3)), ramp, 0)
    return _where(ops.less(x, _number(3)), inner, 1)


def _sigmoid_slope(node: openvino.Node) -> openvino.Node:
    y = node.output(0)
    return ops.multiply(y, ops.subtract(_number(1), y))


def _tanh_slope(node: openvino.Node) -> openvino.Node:
    y = node.output(0)
    return ops.subtract(_number(1), ops.multiply(y, y))


def _erf_slope(node: openvino.Node) -> openvino.Node:
    x = node.input_value(0)
    return ops.multiply(_number(2 / math.sqrt(math.pi)), ops.exp(ops.negative(ops.multiply(x, x))))


def _elu_slope(node: openvino.Node) -> openvino.Node:
    alpha, y = node.get_attributes()["alpha"], node.output(0)
    return _where(ops.less(y, _number(0)), ops.add(y, _number(alpha)), 1)


def _prelu_slope(node: openvino.Node) -> openvino.Node:
    below = ops.less(node.input_value(0), _number(0))
    return ops.select(below, node.input_value(1), _number(1))


def _relu_slope(node: openvino.Node) -> openvino.Node:
    return _where(ops.greater(node.output(0), _number(0)), 1, 0)


SLOPES: dict[str, Callable[[openvino.Node], openvino.Node]] = {
    "Clamp": _clamp_slope,
    "Elu": _elu_slope,
    "Erf": _erf_slope,
    "Exp": lambda node: node,
    "Gelu": _gelu_slope,
    "HSwish": _hard_swish_slope,
    "Log": lambda node: ops.divide(_number(1), node.input_value(0)),
    "PRelu": _prelu_slope,
    "Relu": _relu_slope,
    "Sigmoid": _sigmoid_slope,
    "SoftPlus": lambda node: ops.sigmoid(node.input_value(0)),
    "Sqrt": lambda node: ops.divide(_number(0.5), node.output(0)),
    "Swish": _swish_slope,
    "Tanh": _tanh_slope,
}
