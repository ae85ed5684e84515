"""The config of a network that Keras 2 saved, said in the words of Keras 3, which opens it.

What Keras 3 has otherwise: a model that was built by calling `tf.math.subtract` and the like, as
`preprocess_input` of Keras's own architectures does, has each call as a layer, TFOpLambda or
SlicingOpLambda, that names a function of TensorFlow. Those of the tables below are translated; no
other is looked up. The first call of a network within a network has the number 1, not 0. Names of
layers may hold a slash. Some settings are gone, which change nothing with the values they have.

This module does not import TensorFlow. What it makes is still to be checked by
`core.archive.keras_file.require_safe`.
"""

from collections.abc import Callable, Container, Mapping
from typing import Any

import numpy as np

from core.errors import ModelError

Config = dict[str, Any]  # of a layer or network, as JSON has it
_Change = Callable[[str, int], tuple[str, int]]
_CALLS = ("TFOpLambda", "SlicingOpLambda")
_NETWORKS = ("Functional", "Model", "Sequential")
_CONSTANT = "_CONSTANT_VALUE"
_NUMPY, _NN, _LAYERS = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.layers"
# x[..., ::-1]: red and blue change places.
_REVERSED = [{"class_name": "__ellipsis__"}, dict(start=None, stop=None, step=-1)]

_OF_TWO = {
    **dict.fromkeys(("__operators__.add", "math.add", "nn.bias_add"), "Add"),
    **dict.fromkeys(("__operators__.sub", "math.subtract"), "Subtract"),
    **dict.fromkeys(("__operators__.mul", "math.multiply"), "Multiply"),
    **dict.fromkeys(("__operators__.truediv", "math.truediv", "math.divide"), "TrueDivide"),
    **dict.fromkeys(("__operators__.pow", "math.pow"), "Power"),
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
}
_AXIS = {"axis": "axis"}
_AXES = {"perm": "axes"}
_REDUCTION = {"axis": "axis", "keepdims": "keepdims"}
# By function of TensorFlow: module, class, and the names there of TensorFlow's arguments.
_OF_ONE: dict[str, tuple[str, str, dict[str, str]]] = {
    "cast": ("keras.src.ops.core", "Cast", {"dtype": "dtype"}),
    "clip_by_value": (_NUMPY, "Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "compat.v1.squeeze": (_NUMPY, "Squeeze", _AXIS),
    "compat.v1.transpose": (_NUMPY, "Transpose", _AXES),
    "concat": (_NUMPY, "Concatenate", _AXIS),
    "expand_dims": (_NUMPY, "ExpandDims", _AXIS),
    "image.resize": (_LAYERS, "Resizing", {"size": "size", "method": "interpolation"}),
    "math.abs": (_NUMPY, "Absolute", {}),
    "math.exp": (_NUMPY, "Exp", {}),
    "math.log": (_NUMPY, "Log", {}),
    "math.negative": (_NUMPY, "Negative", {}),
    "math.reduce_max": (_NUMPY, "Max", _REDUCTION),
    "math.reduce_mean": (_NUMPY, "Mean", _REDUCTION),
    "math.reduce_min": (_NUMPY, "Min", _REDUCTION),
    "math.reduce_sum": (_NUMPY, "Sum", _REDUCTION),
    "math.sigmoid": (_NN, "Sigmoid", {}),
    "math.sqrt": (_NUMPY, "Sqrt", {}),
    "math.square": (_NUMPY, "Square", {}),
    "math.tanh": (_NUMPY, "Tanh", {}),
    "nn.gelu": (_NN, "Gelu", {"approximate": "approximate"}),
    "nn.relu": (_NN, "Relu", {}),
    "nn.relu6": (_NN, "Relu6", {}),
    "nn.sigmoid": (_NN, "Sigmoid", {}),
    "nn.silu": (_NN, "Silu", {}),
    "nn.softmax": (_NN, "Softmax", _AXIS),
    "nn.tanh": (_NUMPY, "Tanh", {}),
    "reshape": (_NUMPY, "Reshape", {"shape": "newshape"}),
    "squeeze": (_NUMPY, "Squeeze", _AXIS),
    "transpose": (_NUMPY, "Transpose", _AXES),
}
# What TensorFlow takes where an argument is left out, and Keras does not.
_LEFT_OUT: dict[str, dict[str, object]] = {"nn.gelu": {"approximate": False}}
# Settings that layers have no more, with the value that changes nothing; any, where it is `...`.
_GONE: dict[object, dict[str, object]] = {
    "Conv2DTranspose": {"groups": 1},
    "DepthwiseConv2D": {"groups": 1},
    "MultiHeadAttention": {
        "softmax_robust_masking": False,
        **dict.fromkeys(("query_shape", "key_shape", "value_shape"), ...),
    },
    "SeparableConv2D": {
        "groups": 1,
        "kernel_initializer": ...,
        "kernel_regularizer": None,
        "kernel_constraint": None,
    },
    "SpatialDropout2D": {"noise_shape": None, "trainable": ...},
    **{
        f"Random{what}": {"rng_type": ...}
        for what in ("Brightness", "Contrast", "Crop", "Flip", "Rotation", "Translation", "Zoom")
    },
}
# Classes that Keras 3 does not find without their module.
_MODULES = {
    "LayerScale": {"module": "keras.src.applications.convnext", "registered_name": None},
    "Policy": {"module": "keras", "class_name": "DTypePolicy", "registered_name": None},
}
_REMEDY = (
    "Save the model as a SavedModel folder, which needs no translation: model.export('FOLDER')."
)
# Arguments that change nothing with these values.
_IDLE = {"conjugate": False, "antialias": False, "data_format": "NHWC"}


def translate(part: Any) -> Any:
    """The config of a network of Keras 2, as JSON has it, in the words of Keras 3.

    Raises `ModelError`, with its name, for a call of a function that is in none of the tables, and
    for an activation that is another one now.
    """
    if isinstance(part, list):
        return [translate(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: translate(item) for key, item in part.items()}
    kind, config = part.get("class_name"), part.get("config")
    if not isinstance(config, dict):
        return part
    if kind in _CALLS:
        return _operation_layer(part)
    if kind in _NETWORKS and isinstance(config.get("layers"), list):
        return part | {"config": _network(config)} | _MODULES.get(kind, {})
    if config.get("activation") == "hard_sigmoid":
        raise ModelError(
            "The file is of Keras 2 and uses hard_sigmoid, which is another function in Keras 3. "
            f"{_REMEDY}"
        )
    gone = _GONE.get(kind, {})
    config = {
        key: value
        for key, value in config.items()
        if key not in gone or gone[key] not in (value, ...)
    }
    if kind == "BatchNormalization" and isinstance(axis := config.get("axis"), list):
        (config["axis"],) = axis
    return part | {"config": config} | _MODULES.get(kind, {})


def _network(config: Config) -> Config:
    """The config of a network whose layers are translated, with plain names and counts from 0."""
    layers = config["layers"]
    kinds = {layer["name"]: layer["class_name"] for layer in layers if "name" in layer}
    ends = ("input_layers", "output_layers")
    calls: dict[str, list[int]] = {}

    def note(name: str, call: int) -> tuple[str, int]:
        calls.setdefault(name, []).append(call)
        return name, call

    def renumbered(name: str, call: int) -> tuple[str, int]:
        first = min(calls[name]) if kinds[name] in _NETWORKS else 0
        return name.replace("/", "_"), call - first

    def at_end(name: str, call: int) -> tuple[str, int]:
        plain, number = renumbered(name, call)  # Keras 3 takes one off where it reads the ends
        return plain, number + (kinds[name] in ("Functional", "Model"))

    inbound = [layer.get("inbound_nodes", []) for layer in layers]
    _with_references([inbound, *(config.get(end) for end in ends)], kinds, note)
    translated = []
    for layer, nodes in zip(layers, inbound, strict=True):
        if "name" in layer:
            name = layer["name"].replace("/", "_")
            layer = layer | {
                "name": name,
                "config": layer["config"] | {"name": name},
                "inbound_nodes": [
                    _node(node) for node in _with_references(nodes, kinds, renumbered)
                ],
            }
        elif "/" in layer["config"].get("name", ""):  # of a Sequential
            name = layer["config"]["name"].replace("/", "_")
            layer = layer | {"config": layer["config"] | {"name": name}}
        translated.append(layer)
    for end in ends:
        if end in config:
            found = _with_references(config[end], kinds, at_end)
            config |= {end: found[0] if len(found) == 1 else found}
    return config | {"layers": translated}


def _with_references(part: Any, known: Container[str], change: _Change) -> Any:
    """Nodes with each [layer, number of its call, …] changed; `known` has the names of layers."""
    if isinstance(part, dict):
        return {key: _with_references(item, known, change) for key, item in part.items()}
    if not isinstance(part, list):
        return part
    match part:
        case [str(name), int(call), int(), *_] if name in known:
            rest = _with_references(part[2:], known, change)
            return [*change(name, call), *rest]
    return [_with_references(item, known, change) for item in part]


def _node(node: Any) -> Any:
    """A call of a layer, as Keras 3 has it where arguments by name are what other layers made."""
    if isinstance(node, dict) or not any(_is_reference(one) for one in node[0][3].values()):
        return node
    first = [_argument(one[:3]) for one in node]
    named = {
        name: _argument(value) if _is_reference(value) else value
        for name, value in node[0][3].items()
    }
    return {"args": [first if len(node) > 1 else first[0]], "kwargs": named}


def _operation_layer(layer: Mapping[str, Any]) -> dict[str, object]:
    """A layer of Keras 3 for a call that Keras 2 stored as a layer."""
    function = "?"
    try:
        function = str(layer["config"]["function"])
        (node,) = layer["inbound_nodes"]
        inputs = node if isinstance(node[0], list) else [node]
        first = [_argument(one[:3]) for one in inputs]
        given = {
            name: value
            for name, value in inputs[0][3].items()
            if name != "name" and not (name in _IDLE and value in (None, _IDLE[name]))
        }
        module, name, config, second = _operation(function, given)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise ModelError(
            f"The file is of Keras 2 and calls tf.{function} in a way that BlastLens does not "
            f"translate. {_REMEDY}"
        ) from None
    return {
        "module": module,
        "class_name": name,
        "config": {"name": layer["name"], **config},
        "registered_name": None if module == _LAYERS else name,
        "name": layer["name"],
        "inbound_nodes": [{"args": [first if node is inputs else first[0], *second], "kwargs": {}}],
    }


def _operation(function: str, given: Config) -> tuple[str, str, Mapping[str, object], list[object]]:
    """Module, class, config, and the second argument if there is one.

    Raises `KeyError` or `ValueError` for what is in no table.
    """
    if function in _OF_TWO:
        (second,) = given.values()
        if isinstance(second, list) and not isinstance(second[0], str):
            return _LAYERS, "Rescaling", _rescaling(_OF_TWO[function], second), []
        return _NUMPY, _OF_TWO[function], {}, [_argument(second)]
    if function == "__operators__.getitem":
        if given != {"slice_spec": _REVERSED}:
            raise ValueError(given)
        return _NUMPY, "Flip", {"axis": -1}, []
    module, name, names = _OF_ONE[function]
    config: Config = _LEFT_OUT.get(function, {}) | {
        names[key]: value for key, value in given.items()
    }
    if name == "Resizing":
        height, width = config.pop("size")
        config |= {"height": height, "width": width}
    return module, name, config, []


def _rescaling(operation: str, numbers: list[Any]) -> dict[str, object]:
    """The config of the layer that computes with a number for each channel."""
    values = np.array(numbers, float)
    if operation == "Add":
        return {"scale": 1.0, "offset": values.tolist()}
    if operation == "Subtract":
        return {"scale": 1.0, "offset": (-values).tolist()}
    if operation == "Multiply":
        return {"scale": values.tolist(), "offset": 0.0}
    if operation == "TrueDivide":
        return {"scale": (1 / values).tolist(), "offset": 0.0}
    raise KeyError(operation)


def _argument(value: Any) -> object:
    """A number as it is, or what a layer made. Raises `ValueError` for anything else."""
    if isinstance(value, list) and len(value) == 3 and value[0] == _CONSTANT:
        return _argument(value[2])
    if _is_reference(value):
        name, node, tensor = value
        # Its history alone tells which one it is.
        config = {"shape": [None], "dtype": "float32", "keras_history": [name, node, tensor]}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return value


def _is_reference(value: Any) -> bool:
    match value:
        case [str(), int(), int()]:
            return True
    return False
