"""The config of a network that Keras 2 saved, said in the words of Keras 3, which opens it.

What Keras 3 has otherwise: a model that was built by calling `tf.math.subtract` and the like, as
`preprocess_input` of Keras's own architectures does, has each call as a layer, TFOpLambda or
SlicingOpLambda (`core.archive.keras2_calls`). The first call of a network within a network has the
number 1, not 0. Names of layers may hold a slash. Some settings are gone, which change nothing with
the values they have.

This module does not import TensorFlow. What it makes is still to be checked by
`core.archive.keras_file.require_safe`.
"""

from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

from core.archive.keras2_calls import CALLS, REMEDY, Config, argument, is_reference, operation_layer
from core.errors import ModelError

_Change = Callable[[str, int], tuple[str, int]]
_NETWORKS = ("Functional", "Model", "Sequential")
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
_FUNCTIONAL = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "registered_name": "Functional",
}
_MODULES = {
    "Functional": _FUNCTIONAL,
    "Model": _FUNCTIONAL,
    "Sequential": {"module": "keras", "registered_name": None},
    "LayerScale": {"module": "keras.src.applications.convnext", "registered_name": None},
    "Policy": {"module": "keras", "class_name": "DTypePolicy", "registered_name": None},
}
_LAYERS_THEN, _LAYERS_NOW = "_layer_checkpoint_dependencies", "layers"


def translate(part: Any) -> Any:
    """The config of a network of Keras 2, as JSON has it, in the words of Keras 3.

    Raises `ModelError`, with its name, for a call of a function that is in none of the tables, and
    for an activation that is another one now.
    """
    if isinstance(part, list):
        return [translate(item) for item in part]
    if not isinstance(part, dict):
        return part
    # Keras 3 builds a layer when it is called.
    part = {key: translate(item) for key, item in part.items() if key != "build_config"}
    kind, config = part.get("class_name"), part.get("config")
    if not isinstance(config, dict):
        return part
    if kind in CALLS:
        return operation_layer(part)
    if kind in _NETWORKS and isinstance(config.get("layers"), list):
        return part | {"config": _network(config)} | _MODULES.get(kind, {})
    if config.get("activation") == "hard_sigmoid":
        raise ModelError(
            "The file is of Keras 2 and uses hard_sigmoid, which is another function in Keras 3. "
            f"{REMEDY}"
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


def name_weights(file: Path) -> None:
    """Gives the groups of a file of weights the name that Keras 3 looks for layers under."""
    import h5py

    def rename(group: Any) -> None:
        if _LAYERS_THEN in group and _LAYERS_NOW not in group:
            group.move(_LAYERS_THEN, _LAYERS_NOW)
        for item in group.values():
            if isinstance(item, h5py.Group):
                rename(item)

    with h5py.File(file, "r+") as root:
        rename(root)


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
    if isinstance(node, dict) or not any(is_reference(one) for one in node[0][3].values()):
        return node
    first = [argument(one[:3]) for one in node]
    named = {
        name: argument(value) if is_reference(value) else value
        for name, value in node[0][3].items()
    }
    return {"args": [first if len(node) > 1 else first[0]], "kwargs": named}
