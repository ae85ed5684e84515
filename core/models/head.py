"""The head of an exported engine: feature map to logit and gradient, without TensorFlow.

It is cut out of `engine.xml`, so every run has one, even an old one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ModelError
from core.models.runtime import Compiled

# Threads beyond the first add nothing to products this small, and cost memory.
THREADS = 1


@dataclass(frozen=True)
class HeadOutput:
    """Of N feature maps, float32: logit (N,), log-odds of ALL, and gradient (N, h, w, c), its
    derivative by the feature map."""

    logit: np.ndarray
    gradient: np.ndarray


class Head:
    """A head, compiled. Threads may share one."""

    def __init__(self, part: Any, seed: int | None = None) -> None:
        """Takes the `openvino.Model` that `cut` makes of an engine's, and leaves it as it is.

        With a `seed`, the weights of the head are shuffled within each layer, for logit and
        gradient alike: an untrained head of the same size and the same distribution of weights
        (the parameter randomisation of Adebayo et al. 2018, section 4).
        """
        if seed is not None:
            part = part.clone()
            _shuffle(part, seed)
        self._model = Compiled(part, INFERENCE_NUM_THREADS=THREADS)

    def __call__(self, features: np.ndarray) -> HeadOutput:
        """Reads float32 (N, h, w, c). Raises `ModelError` for another shape."""
        expected = self._model.shape
        if features.ndim != 4 or features.shape[1:] != expected:
            raise ModelError(
                f"The head takes features (N, {', '.join(map(str, expected))}), not "
                f"{features.shape}. Give it what its own engine returns."
            )
        return HeadOutput(**self._model(features, "logit", "gradient"))


def cut(model: Any) -> Any:
    """The part of an engine's `openvino.Model`, which it consumes, from features to logit and
    gradient. Raises `ModelError` for a graph that cannot be cut there."""
    import openvino
    from openvino import opset13 as ops

    ends = {name: model.output(name).get_node() for name in ("features", "logit", "gradient")}
    features = ends["features"].input_value(0)
    given = ops.parameter(features.get_partial_shape(), np.float32, name="features")
    _feed(features, given, {ends["features"].get_friendly_name()})
    # OpenVINO computes with channels first: the head may read what the last transpose reads.
    last = features.get_node()
    if last.get_type_name() == "Transpose":
        order = last.input_value(1).get_node().data
        channels_first = ops.transpose(given, ops.constant(np.argsort(order)))
        _feed(last.input_value(0), channels_first, {last.get_friendly_name()})
    try:
        return openvino.Model([ends["logit"], ends["gradient"]], [given], "head")
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelError(
            f"The engine has no head that depends on its features alone ({reason}). "
            "Train the run again."
        ) from None


def _feed(source: Any, replacement: Any, spared: set[str]) -> None:
    """Connects the consumers of `source`, except the named nodes, to `replacement`."""
    for target in source.get_target_inputs():
        if target.get_node().get_friendly_name() not in spared:
            target.replace_source_output(replacement.output(0))


def _shuffle(model: Any, seed: int) -> None:
    """Shuffles each weight array; copies for logit and gradient are shuffled alike."""
    from openvino import opset13 as ops

    random = np.random.default_rng(seed)
    done: dict[bytes, np.ndarray] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_element_type().to_dtype() != np.float32:
            continue
        data = np.array(node.data)
        if data.size == 1:
            continue
        if data.ndim == 2 and data.T.tobytes() in done:
            shuffled = done[data.T.tobytes()].reshape(data.T.shape).T
        else:
            shuffled = done.setdefault(data.tobytes(), random.permutation(data.ravel()))
        fresh = ops.constant(np.ascontiguousarray(shuffled).reshape(data.shape))
        node.output(0).replace(fresh.output(0))
