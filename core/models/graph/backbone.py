"""A backbone that a user brings, as a graph from pixels to a feature map."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino
from openvino import opset13 as ops

from core.errors import ModelError
from core.models.graph import anatomy
from core.models.graph.anatomy import Anatomy, Features
from core.models.own_backbone import OwnBackbone


@dataclass(frozen=True)
class GraphBackbone:
    """A backbone: pixels, uint8 RGB (N, S, S, 3), to features, float32 (N, h, w, c).

    shape: (h, w, c).
    """

    pixels: openvino.Node
    features: openvino.Output
    shape: tuple[int, int, int]

    @property
    def parameters(self) -> int:
        """How many numbers it has learned, about: those of all its constants."""
        model = self.pooled()
        nodes = (n for n in model.get_ordered_ops() if n.get_type_name() == "Constant")
        return sum(int(n.data.size) for n in nodes if n.get_element_type().is_real())

    def pooled(self) -> openvino.Model:
        """Pixels to the output "features", averaged over the map, (N, c)."""
        mean = ops.reduce_mean(self.features, ops.constant([1, 2]), False)
        return openvino.Model([_named(mean.output(0), "features")], [self.pixels], "backbone")

    def with_head(self, head: openvino.Model) -> openvino.Model:
        """The engine of this backbone and a head, feature map to "logit" and "gradient"."""
        ends = {name: head.output(name).get_node().input_value(0) for name in ("logit", "gradient")}
        for target in head.get_parameters()[0].output(0).get_target_inputs():
            target.replace_source_output(self.features)
        ends["features"] = self.features
        results = [_named(value, name) for name, value in sorted(ends.items())]
        return openvino.Model(results, [self.pixels], "classifier")


def _named(value: openvino.Output, name: str) -> openvino.Node:
    end = ops.result(value)
    end.output(0).get_tensor().set_names({name})
    return end


def read(file: Path, described: OwnBackbone) -> GraphBackbone:
    """Reads a backbone. Raises `ModelError` if it takes no such images or gives no features."""
    model = _one_output(anatomy.read(file), described.output)
    model, size = anatomy.take_images(model, described.size)
    given = ops.parameter([-1, size, size, 3], np.uint8, name="pixels")
    value = ops.convert(given, np.float32)
    value = ops.subtract(value, ops.constant(np.array(described.mean, np.float32)))
    value = ops.divide(value, ops.constant(np.array(described.scale, np.float32)))
    if described.channels == "bgr":
        value = ops.gather(value, ops.constant([2, 1, 0]), ops.constant(3))
    found = _features(model, size, described.features)
    for target in model.get_parameters()[0].output(0).get_target_inputs():
        target.replace_source_output(value.output(0))
    features = ops.convert(found.as_map(), np.float32).output(0)
    return GraphBackbone(given, features, found.shape)


def _one_output(model: openvino.Model, name: str | None) -> openvino.Model:
    if name is None and len(model.outputs) == 1:
        return model
    within = (value for node in model.get_ordered_ops() for value in node.outputs())
    for value in within:
        if name in value.get_names():
            return openvino.Model([ops.result(value)], model.get_parameters(), "backbone")
    outputs = [output.get_any_name() for output in model.outputs if output.get_names()]
    lacking = "" if name is None else f"It has no tensor {name!r}. "
    raise ModelError(
        f"{lacking}It has the outputs {', '.join(outputs)}. Name one of them, or a tensor within, "
        'in its JSON: "output": "NAME".'
    )


def _features(model: openvino.Model, size: int, wanted: str) -> Features:
    """The last feature map, or the output itself, which may be a map of one place."""
    end = model.output(0).get_node().input_value(0)
    graph = Anatomy(model.get_parameters()[0], size, end, 0, "none")
    found = list(graph.all_features())
    if not found:
        raise ModelError(
            f"Its output is {end.get_partial_shape()}, which BlastLens cannot take as features. "
            "Export a network whose output is a feature map."
        )
    if wanted == "output":
        return found[0]
    return next((features for features in found if features.is_map), found[0])
