"""Calls of TensorFlow's functions that Keras 2 stored as layers, as operations of Keras 3.

Each names its function. Those of the tables here are translated; no other is looked up.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.errors import ModelError

Config = dict[str, Any]  # of a layer or network, as JSON has it
CALLS = ("TFOpLambda", "SlicingOpLambda")
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
REMEDY = (
    "Save the model as a SavedModel folder, which needs no translation: model.export('FOLDER')."
)
# Arguments that change nothing with these values.
_IDLE = {"conjugate": False, "antialias": False, "data_format": "NHWC"}


def operation_layer(layer: Mapping[str, Any]) -> dict[str, object]:
    """A layer of Keras 3 for a call that Keras 2 stored as a layer."""
    function = "?"
    try:
        function = str(layer["config"]["function"])
        (node,) = layer["inbound_nodes"]
        inputs = node if isinstance(node[0], list) else [node]
        first = [argument(one[:3]) for one in inputs]
        given = {
            name: value
            for name, value in inputs[0][3].items()
            if name != "name" and not (name in _IDLE and value in (None, _IDLE[name]))
        }
        module, name, config, second = _operation(function, given)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise ModelError(
            f"The file is of Keras 2 and calls tf.{function} in a way that BlastLens does not "
            f"translate. {REMEDY}"
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
        return _NUMPY, _OF_TWO[function], {}, [argument(second)]
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


def argument(value: Any) -> object:
    """A number as it is, or what a layer made. Raises `ValueError` for anything else."""
    if isinstance(value, list) and len(value) == 3 and value[0] == _CONSTANT:
        return argument(value[2])
    if is_reference(value):
        name, node, tensor = value
        # Its history alone tells which one it is.
        config = {"shape": [None], "dtype": "float32", "keras_history": [name, node, tensor]}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return value


def is_reference(value: Any) -> bool:
    """Whether a value is [name of a layer, number of its call, number of what that made]."""
    match value:
        case [str(), int(), int()]:
            return True
    return False
