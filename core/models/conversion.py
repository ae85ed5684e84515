"""Converts a classifier into an engine: one OpenVINO graph with all outputs of a reading.

Only worker processes import this module, since it imports TensorFlow.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino
import tensorflow as tf
from openvino import opset13 as ops
from openvino.frontend.tensorflow import ConversionExtension

from core import storage
from core.errors import ModelError
from core.models.classifier import Classifier
from core.models.engine import Engine
from core.models.graph import assembly
from core.models.graph.backbone import GraphBackbone
from core.models.runtime import Compiled

# Logits of engine and Keras may differ by float32 rounding only.
TOLERANCE = 1e-4
# A network from elsewhere may amplify that rounding. Two programs that compute it in another order
# differ by a few times what one step of float32 in its inputs does; a wrong conversion by more.
ROUNDINGS = 8
MOST = 1e-2


def to_engine(classifier: Classifier, file: Path) -> None:
    """Writes `file` (.xml, with .bin beside it).

    The graph maps pixels, uint8 (N, S, S, 3), to features (N, h, w, c), logit (N,) and gradient,
    the logit's derivative by the features (N, h, w, c); float32 all.
    """

    def judged(features: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(features)
            logit = classifier.head(features, training=False)
        return {"logit": tf.reshape(logit, [-1]), "gradient": tape.gradient(logit, features)}

    def graph(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        features = classifier.backbone(tf.cast(pixels, tf.float32), training=False)
        return {"features": tf.identity(features), **judged(features)}

    if isinstance(classifier.backbone, GraphBackbone):
        features = tf.TensorSpec((None, *classifier.backbone.shape), tf.float32)
        head = _convert(judged, features, classifier.head, file.parent)
        model = classifier.backbone.with_head(head)
    else:
        model = _convert(graph, _pixels(classifier), classifier.model, file.parent)
    _share_dense_weights(model)
    assembly.save(model, file)


def export_features(classifier: Classifier, file: Path) -> None:
    """Writes the backbone alone: uint8 (N, S, S, 3) to its globally pooled features, (N, C)."""

    if isinstance(classifier.backbone, GraphBackbone):
        assembly.save(classifier.backbone.pooled(), file)
        return

    def graph(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        features = classifier.backbone(tf.cast(pixels, tf.float32), training=False)
        return {"features": tf.reduce_mean(features, [1, 2])}

    model = _convert(graph, _pixels(classifier), classifier.model, file.parent)
    assembly.save(model, file)


def of_model(model: keras.Model, folder: Path) -> openvino.Model:
    """The graph of any Keras model, from its input to its output as they are.

    Raises `ModelError` if it has an operation that OpenVINO lacks. `folder` is for scratch files.
    """

    def graph(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"output": tf.identity(model(pixels, training=False))}

    pixels = tf.TensorSpec(model.input_shape, tf.float32)
    try:
        return _convert(graph, pixels, model, folder)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelError(
            f"It cannot be converted to OpenVINO ({error!s:.300}). Export it as ONNX."
        ) from None


def require_agreement(
    expected: np.ndarray, nudged: np.ndarray, file: Path, inputs: np.ndarray
) -> float:
    """Returns the largest difference of a graph's output from `expected`, for the same inputs.

    expected: the network's output (N, K) for `inputs`; nudged: those for inputs that are moved by
    one step of float32, (T, N, K), which show how far rounding alone moves the network. Outputs
    from 0.01 to 0.99 are compared as log-odds. Raises `ModelError` above `TOLERANCE`, or above a
    few times what rounding does, and above `MOST` in any case (relative for outputs beyond 1).
    """
    found = Compiled(openvino.Core().read_model(file))(inputs)["output"]
    difference, size = _difference(expected, found)
    rounding = max(_difference(expected, moved)[0].max() for moved in nudged)
    allowed = float(np.clip(ROUNDINGS * rounding, TOLERANCE, MOST))
    if np.any(difference > allowed * np.maximum(1.0, size)):
        raise ModelError(
            f"Its OpenVINO graph differs from the Keras model by {difference.max():.2g}, more "
            f"than {allowed:.2g}, so it cannot be adopted. Export it as ONNX."
        )
    return float(difference.max())


def _difference(expected: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far two outputs are apart, and how large the first is; in log-odds where both allow."""
    tame = (np.minimum(expected, found) > 0.01) & (np.maximum(expected, found) < 0.99)
    first, other = (np.where(tame, _log_odds(np.where(tame, y, 0.5)), y) for y in (expected, found))
    return np.abs(first - other), np.abs(first)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    odds: np.ndarray = np.log(probabilities) - np.log1p(-probabilities)
    return odds


def _pixels(classifier: Classifier) -> tf.TensorSpec:
    size = classifier.model.input_shape[1]
    return tf.TensorSpec((None, size, size, 3), tf.uint8)


def _convert(
    graph: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    given: tf.TensorSpec,
    model: keras.Model,
    folder: Path,
) -> openvino.Model:
    """Converts a function of a tensor like `given`; the keys of what it returns name the outputs.

    The variables of `model` are constants in it. It goes by way of a graph file in `folder`:
    converting the function itself fails on Python 3.13 (OpenVINO 2026.4 expects `exec` to set local
    variables, which PEP 667 ended).
    """
    values = [(variable, variable.numpy()) for variable in model.variables]

    def constant(tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        with keras.StatelessScope([(one, tf.constant(value)) for one, value in values]):
            return graph(tensor)

    traced = tf.function(constant, input_signature=[given], autograph=False)
    function = traced.get_concrete_function()
    with storage.scratch(folder) as scratch:
        file = tf.io.write_graph(_needed(function), str(scratch), "graph.pb", as_text=False)
        rule = ConversionExtension("ReluGrad", _relu_gradient)
        converted = openvino.convert_model(file, extension=[rule])
    # TensorFlow flattens a dict in the order of its sorted keys.
    for key, tensor in zip(sorted(function.structured_outputs), function.outputs, strict=True):
        converted.output(tensor.name).get_tensor().set_names({key})
    return converted


def _needed(function: Any) -> tf.compat.v1.GraphDef:
    """The operations that the outputs of a concrete function depend on.

    It has others, too: a gradient by weights comes with that by features.
    """
    names, left = set(), [tensor.op for tensor in function.outputs]
    while left:
        if (operation := left.pop()).name not in names:
            names.add(operation.name)
            left += [tensor.op for tensor in operation.inputs] + operation.control_inputs
    whole = function.graph.as_graph_def()
    nodes = [node for node in whole.node if node.name in names]
    return tf.compat.v1.GraphDef(node=nodes, versions=whole.versions, library=whole.library)


def _share_dense_weights(model: openvino.Model) -> None:
    """Removes the second, transposed copy of dense weights that conversion makes for the gradient.

    This halves engines whose size lies in the head.
    """
    constants: dict[tuple[int, ...], openvino.Output] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        weights = node.input_value(1)
        constant = weights.get_node()
        if constant.get_type_name() != "Constant" or constant.data.ndim != 2:
            continue
        twin = constants.get(constant.data.shape[::-1])
        if twin is None or not np.array_equal(twin.get_node().data.T, constant.data):
            constants[constant.data.shape] = weights
            continue
        flags = node.get_attributes()
        shared = ops.matmul(
            node.input_value(0), twin, flags["transpose_a"], not flags["transpose_b"]
        )
        node.output(0).replace(shared.output(0))


def _relu_gradient(node: openvino.frontend.NodeContext) -> list[openvino.Output]:
    """Converts ReluGrad, which OpenVINO's TensorFlow front end lacks: gradient where output > 0."""
    gradient, output = node.get_input(0), node.get_input(1)
    zero = ops.convert_like(ops.constant(np.float32(0)), output)
    passed = ops.convert_like(ops.greater(output, zero), gradient)
    return [ops.multiply(gradient, passed).output(0)]


def disagreement(classifier: Classifier, engine: Engine, pixels: np.ndarray) -> float:
    """Returns the largest difference in logit of Keras and engine on `pixels`, uint8 (N, S, S, 3).

    Of a backbone that Keras does not know, its head is compared, on the engine's features.

    Raises `ModelError` above `TOLERANCE` (relative for logits beyond 1): the engine would read
    differently from the trained model.
    """
    output = engine(pixels)
    graph = isinstance(classifier.backbone, GraphBackbone)
    given = output.features if graph else pixels.astype(np.float32)
    expected = np.asarray(classifier.model(given, training=False))[:, 0]
    difference = np.abs(output.logit - expected)
    if np.any(difference > TOLERANCE * np.maximum(1.0, np.abs(expected))):
        raise ModelError(
            f"The exported engine differs from the trained model by {difference.max():.2g} in "
            f"logit, more than {TOLERANCE}. Train again; if it recurs, report the architecture."
        )
    return float(difference.max())
