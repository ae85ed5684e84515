"""The rules of differentiation, each against finite differences on a graph of that operation."""

from collections.abc import Callable

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from core.errors import ModelError
from core.models.graph.derivative import derivative

SHAPE = (2, 3, 3, 4)


def number(value: float) -> openvino.Node:
    return ops.constant(np.float32(value))


def weights(*shape: int) -> openvino.Node:
    return ops.constant(np.random.default_rng(7).standard_normal(shape).astype(np.float32))


def axes(*numbers: int) -> openvino.Node:
    return ops.constant(list(numbers))


def pooled(x: openvino.Node) -> openvino.Node:
    return ops.reduce_mean(x, axes(1, 2), False)


def first(x: openvino.Node) -> openvino.Node:
    return ops.transpose(x, axes(0, 3, 1, 2))


OPERATIONS: dict[str, Callable[[openvino.Node], openvino.Node]] = {
    "Add": lambda x: ops.add(x, ops.multiply(x, weights(4))),
    "Add, repeated": lambda x: ops.add(ops.reduce_mean(x, axes(1, 2), True), weights(1, 3, 3, 4)),
    "AvgPool": lambda x: ops.avg_pool(first(x), [2, 2], [0, 0], [0, 0], [2, 2], False),
    "Clamp": lambda x: ops.clamp(x, -0.5, 0.5),
    "Concat": lambda x: ops.multiply(ops.concat([x, ops.exp(x)], 3), weights(8)),
    "Convert": lambda x: ops.convert(ops.convert(x, np.float64), np.float32),
    "Convolution": lambda x: ops.convolution(
        first(x), weights(5, 4, 2, 2), [1, 1], [1, 0], [0, 1], [1, 1]
    ),
    "Divide": lambda x: ops.divide(ops.exp(x), ops.add(ops.exp(ops.multiply(x, x)), number(1))),
    "Elu": lambda x: ops.elu(x, 0.7),
    "Erf": ops.erf,
    "Gelu": lambda x: ops.gelu(x, "ERF"),
    "HSwish": lambda x: ops.hswish(ops.multiply(x, number(3))),
    "Log": lambda x: ops.log(ops.add(ops.multiply(x, x), number(1))),
    "MVN": lambda x: ops.multiply(ops.mvn(x, axes(-1), True, 1e-5, "INSIDE_SQRT"), weights(4)),
    "MatMul": lambda x: ops.matmul(x, weights(4, 5), False, False),
    "MatMul, transposed": lambda x: ops.matmul(x, weights(5, 4), False, True),
    "MatMul, of itself": lambda x: ops.matmul(x, ops.tanh(x), True, False),
    "Negative": lambda x: ops.negative(ops.multiply(x, x)),
    "PRelu": lambda x: ops.prelu(x, number(0.3)),
    "Power": lambda x: ops.power(ops.add(ops.multiply(x, x), number(1)), number(-0.5)),
    "ReduceMax": lambda x: ops.multiply(ops.reduce_max(x, axes(1, 2), False), weights(4)),
    "ReduceMean": lambda x: ops.multiply(pooled(x), weights(4)),
    "ReduceSum": lambda x: ops.multiply(ops.reduce_sum(x, axes(-1), True), weights(1, 3, 3, 1)),
    "Relu": ops.relu,
    "Reshape": lambda x: ops.matmul(
        ops.reshape(x, axes(-1, 36), False), weights(36, 2), False, False
    ),
    "Sigmoid": ops.sigmoid,
    "SoftPlus": ops.softplus,
    "Softmax": lambda x: ops.multiply(ops.softmax(x, 3), weights(4)),
    "Sqrt": lambda x: ops.sqrt(ops.add(ops.multiply(x, x), number(1))),
    "SquaredDifference": lambda x: ops.squared_difference(weights(1, 3, 3, 4), ops.tanh(x)),
    "Squeeze": lambda x: ops.squeeze(ops.reduce_mean(x, axes(1), True), axes(1)),
    "Subtract": lambda x: ops.subtract(weights(4), ops.multiply(x, x)),
    "Swish": ops.swish,
    "Swish of 2x": lambda x: ops.swish(x, number(2)),
    "Tanh": ops.tanh,
    "Unsqueeze": lambda x: ops.multiply(ops.unsqueeze(x, axes(1)), weights(2, 1, 1, 4)),
}


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_the_rule_is_the_slope(name: str) -> None:
    given = ops.parameter([-1, *SHAPE[1:]], np.float32)
    x = ops.multiply(given, number(1))
    made = OPERATIONS[name](x)
    rank = made.output(0).get_partial_shape().rank.get_length()
    # Squared, so that the slope depends on the place.
    end = ops.reduce_sum(ops.multiply(made, made), ops.constant(list(range(1, rank))), False)
    gradient = derivative(end.output(0), x.output(0))
    model = openvino.Model([ops.result(end), ops.result(gradient)], [given])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    rng = np.random.default_rng(2)
    at = rng.standard_normal(SHAPE).astype(np.float32)
    step = 1e-3 * rng.standard_normal(SHAPE).astype(np.float32)
    slope = compiled([at])[1]
    assert slope.shape == SHAPE
    ends = [compiled([at + sign * step])[0].astype(float) for sign in (1, -1)]
    np.testing.assert_allclose(
        (slope * step).sum(axis=(1, 2, 3)), (ends[0] - ends[1]) / 2, rtol=0.02, atol=2e-5
    )


def test_an_operation_without_a_rule_is_named() -> None:
    given = ops.parameter([-1, 3], np.float32)
    x = ops.multiply(given, number(1))
    end = ops.reduce_sum(ops.cos(x), axes(1), False)
    with pytest.raises(ModelError, match="operation Cos"):
        derivative(end.output(0), x.output(0))
