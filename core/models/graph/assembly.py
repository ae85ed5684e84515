"""Assembles an engine (`core.models.engine`) around the graph of a classifier."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino
from openvino import opset13 as ops

from core import storage
from core.errors import ModelError
from core.models.graph.anatomy import Anatomy, Features
from core.models.graph.derivative import derivative
from core.models.inputs import SCALINGS, InputContract

NO_MAP = (
    "Its last layers keep no map of places, so a heat map can be drawn by covering parts of the "
    "image only (occlusion)."
)
CLASS_TOKEN = (
    "Its last layers read a token of the whole image, such as a class token, and not those of its "
    "patches alone, so a heat map can be drawn by covering parts of the image only (occlusion)."
)


def save(model: openvino.Model, file: Path) -> None:
    """Writes weights and graph atomically; the graph comes last."""
    with storage.atomic(file) as graph, storage.atomic(file.with_suffix(".bin")) as weights:
        openvino.save_model(model, graph, compress_to_fp16=False)
        graph.with_suffix(".bin").replace(weights)


def engine(
    anatomy: Anatomy, contract: InputContract, positive: Sequence[int], negative: Sequence[int]
) -> tuple[openvino.Model, str]:
    """The engine of a classifier whose outputs `positive` mean ALL and `negative` HEM.

    Also returns why it can draw no heat maps, "" if it can: its features are then a vector, as a
    map of one place. Raises `ModelError` if the derivative of no features is known. The graph of
    `anatomy` is consumed.
    """
    logit = _logit(anatomy, positive, negative)
    features, gradient, problem = _explained(anatomy, logit)
    pixels = _feed(anatomy, contract)
    ends = []
    for name, value in (("features", features), ("gradient", gradient), ("logit", logit)):
        end = ops.result(value)
        end.output(0).get_tensor().set_names({name})
        ends.append(end)
    return openvino.Model(ends, [pixels], "classifier"), problem


def _explained(
    anatomy: Anatomy, logit: openvino.Output
) -> tuple[openvino.Output, openvino.Output, str]:
    """Features, gradient, and why they are no map, of the first features that can be explained."""
    problem = CLASS_TOKEN if anatomy.has_class_token else NO_MAP
    for found in anatomy.features():
        try:
            features, gradient = _separated(found, logit)
        except ModelError as error:
            problem = f"Heat maps can be drawn by occlusion only: {error}"
            continue
        return features, gradient, "" if found.is_map else problem
    raise ModelError(f"BlastLens finds no features in it that it could explain. {problem}")


def _separated(found: Features, logit: openvino.Output) -> tuple[openvino.Output, openvino.Output]:
    features = found.separate()
    return features, derivative(logit, features)


def _feed(anatomy: Anatomy, contract: InputContract) -> openvino.Node:
    """Puts uint8 RGB before the model; returns the new input."""
    scaling, side = SCALINGS[contract.pixels], anatomy.size
    readers = anatomy.pixels.output(0).get_target_inputs()
    given = ops.parameter([-1, side, side, 3], np.uint8, name="pixels")
    value = ops.convert(given, np.float32)
    if any(scaling.mean):
        value = ops.subtract(value, ops.constant(np.array(scaling.mean, np.float32)))
    if scaling.deviation != (1, 1, 1):
        value = ops.multiply(value, ops.constant(1 / np.array(scaling.deviation, np.float32)))
    if contract.channels == "bgr":
        value = ops.gather(value, ops.constant([2, 1, 0]), ops.constant(3))
    for target in readers:
        target.replace_source_output(value.output(0))
    return given


def _logit(anatomy: Anatomy, positive: Sequence[int], negative: Sequence[int]) -> openvino.Output:
    """The log-odds of ALL, float32 (N,).

    One score is a logit, of its class 1. Of several, the probabilities of each side are added up.
    """
    if anatomy.outputs == 1:
        signed = ops.multiply(anatomy.scores, ops.constant(np.float32(1 if 1 in positive else -1)))
        return ops.reshape(signed, ops.constant([-1]), False).output(0)
    sides = [_log_sum(anatomy, chosen) for chosen in (positive, negative)]
    return ops.reshape(ops.subtract(*sides), ops.constant([-1]), False).output(0)


def _log_sum(anatomy: Anatomy, chosen: Sequence[int]) -> openvino.Node:
    """log(sum(exp(score))) of the chosen outputs, float32 (N, 1)."""
    choice = np.zeros((anatomy.outputs, len(chosen)), np.int8)
    choice[list(chosen), np.arange(len(chosen))] = 1
    # Whole numbers, so that `core.models.head` does not shuffle them with the weights.
    part = ops.matmul(anatomy.scores, ops.convert(ops.constant(choice), np.float32), False, False)
    if len(chosen) == 1:
        return part
    along = ops.constant([1])
    largest = ops.reduce_max(part, along, True)
    total = ops.reduce_sum(ops.exp(ops.subtract(part, largest)), along, True)
    return ops.add(ops.log(total), largest)
