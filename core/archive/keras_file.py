"""Checks, without Keras, that a Keras file has only plain layers and numbers.

The safe mode of Keras refuses Lambda layers, but a file may also name any function or class of any
module, a vocabulary to be read from this machine, or weights in another file. Only layers that
compute with numbers and nothing else are allowed. A network that Keras 2 saved is looked at, and
copied, as Keras 3 has it. This module does not import TensorFlow.
"""

import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import storage
from core.archive import hdf5_file, keras2
from core.errors import ModelError
from core.settings import settings
from core.untrusted import zipped

WEIGHTS = "model.weights.h5"
FILES = frozenset({"config.json", "metadata.json", WEIGHTS})
JSON_BYTES = 16 * 2**20


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Module and classes of what a network may be made of; a new one is added here.
SAFE: dict[str | None, frozenset[str]] = {
    None: frozenset({"__keras_tensor__", "__slice__", "__tuple__", "__ellipsis__"}),
    "keras": frozenset({"DTypePolicy", "Functional", "Model", "Sequential"}),
    "keras.constraints": _names("MaxNorm MinMaxNorm NonNeg UnitNorm"),
    "keras.initializers": _names(
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform "
        "Ones Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros"
    ),
    "keras.layers": _names(
        "Activation Add AlphaDropout Attention Average AveragePooling2D BatchNormalization "
        "CenterCrop Concatenate Conv1D Conv2D Conv2DTranspose Cropping2D Dense DepthwiseConv2D "
        "Dropout ELU EinsumDense Embedding Flatten GaussianDropout GaussianNoise "
        "GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D "
        "GroupNormalization Identity InputLayer LayerNormalization LeakyReLU MaxPooling2D Maximum "
        "Minimum MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization "
        "RandomBrightness RandomContrast RandomCrop RandomFlip RandomRotation RandomTranslation "
        "RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv2D Softmax "
        "SpatialDropout2D Subtract UnitNormalization UpSampling2D ZeroPadding2D"
    ),
    "keras.losses": frozenset({"BinaryCrossentropy"}),
    "keras.metrics": frozenset({"BinaryAccuracy"}),
    "keras.optimizers": frozenset({"Adam"}),
    "keras.regularizers": frozenset({"L1", "L1L2", "L2"}),
    "keras.src.applications.convnext": frozenset({"LayerScale"}),
    "keras.src.models.functional": frozenset({"Functional"}),
    "keras.src.models.sequential": frozenset({"Sequential"}),
    "keras.src.ops.core": frozenset({"Cast"}),
    "keras.src.ops.nn": _names("Gelu HardSigmoid HardSwish Relu Relu6 Sigmoid Silu Softmax"),
    "keras.src.ops.numpy": _names(
        "Absolute Add Clip Concatenate Divide Exp ExpandDims Flip GetItem Greater Log Max Maximum "
        "Mean Min Minimum Multiply Negative Power Reshape Sqrt Square Squeeze Stack Subtract Sum "
        "Tanh Transpose TrueDivide"
    ),
}


def require_plain(file: Path, *, compiled: bool = True) -> None:
    """Raises `ModelError`, with the reason, unless the file has only plain layers and numbers.

    Nothing in the file is imported or built; its weights are unpacked beside it while they are
    looked at. With `compiled`, loss and optimizer must be plain too; who loads the file without
    them need not ask for that.
    """
    limit = settings().max_archive_bytes
    with zipped.opened(file, limit, ModelError) as members:
        if sorted(members.names) != sorted(FILES):
            odd = ", ".join(map(repr, sorted(set(members.names) - FILES))) or "fewer"
            raise ModelError(
                f"A Keras file holds {', '.join(sorted(FILES))}; this one holds {odd}. Do not use "
                "it."
            )
        network = _network(members, file) if compiled else _network_in_keras_3(members, file)
        _require_safe(network, file)
        with storage.scratch(file.parent) as scratch:
            with (scratch / WEIGHTS).open("wb") as target:
                members.save(WEIGHTS, target, limit)
            hdf5_file.require_numbers(scratch / WEIGHTS, WEIGHTS)


def require_plain_h5(file: Path) -> None:
    """As `require_plain`, of a whole model in the older format, one HDF5 file (`.h5`).

    Its loss and optimizer are not looked at: the file must be loaded without them.
    """
    hdf5_file.require_numbers(file, file.name)
    _require_safe(_h5_network_in_keras_3(file), file, legacy=True)


def write_in_keras_3(file: Path, copy: Path) -> None:
    """Writes a copy of a file of either format that Keras 3 opens, whichever Keras saved it.

    It is without loss and optimizer. Raises `ModelError` if its network cannot be translated.
    """
    if not zipfile.is_zipfile(file):
        import h5py

        shutil.copyfile(file, copy)
        with h5py.File(copy, "r+") as stored:
            stored.attrs["model_config"] = json.dumps(_h5_network_in_keras_3(file))
        return
    limit = settings().max_archive_bytes
    with (
        zipped.opened(file, limit, ModelError) as members,
        storage.scratch(copy.parent) as scratch,
        zipfile.ZipFile(copy, "w") as made,
    ):
        made.writestr("config.json", json.dumps(_network_in_keras_3(members, file)))
        made.writestr("metadata.json", members.read("metadata.json", JSON_BYTES))
        with (scratch / WEIGHTS).open("wb") as target:
            members.save(WEIGHTS, target, limit)
        keras2.name_weights(scratch / WEIGHTS)
        made.write(scratch / WEIGHTS, WEIGHTS)


def _network(members: zipped.Members, file: Path) -> Any:
    return _json(members.read("config.json", JSON_BYTES), file)


def _network_in_keras_3(members: zipped.Members, file: Path) -> Any:
    network = _network(members, file)
    metadata = _json(members.read("metadata.json", JSON_BYTES), file)
    if isinstance(network, dict):
        network.pop("compile_config", None)
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return _in_keras_3(network, version, file)


def _h5_network_in_keras_3(file: Path) -> Any:
    text = hdf5_file.attribute(file, "model_config", file.name)
    if text is None:
        raise ModelError(
            f"{file.name} has weights and no network. Save the whole model: model.save(FILE)."
        )
    version = hdf5_file.attribute(file, "keras_version", file.name)
    return _in_keras_3(_json(text, file), version, file)


def _in_keras_3(network: Any, version: object, file: Path) -> Any:
    """The config of a network that a version of Keras saved, as Keras 3 has it."""
    if not str(version).startswith(("1.", "2.")):
        return network
    try:
        return keras2.translate(network)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise ModelError(f"{file.name} is damaged ({error!r}). Export it again.") from None


def _json(text: Any, file: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{file.name} is damaged ({error}). Export it again.") from None


def _require_safe(network: Any, file: Path, *, legacy: bool = False) -> None:
    try:
        require_safe(network, legacy=legacy)
    except RecursionError:
        raise ModelError(f"{file.name} is nested too deeply. Do not use it.") from None


def require_safe(part: Any, *, legacy: bool = False) -> None:
    """Raises `ModelError` unless all classes of a config are in `SAFE`.

    Where the older format names no module, Keras looks a class up among its own layers.
    """
    if isinstance(part, list):
        for item in part:
            require_safe(item, legacy=legacy)
    if not isinstance(part, dict):
        return
    if "class_name" in part:
        module, name = part.get("module"), part["class_name"]
        known = isinstance(module, str | None) and str(name) in SAFE.get(module, ())
        known = known or (legacy and module is None and str(name) in _OF_ANY_MODULE)
        if not known or part.get("registered_name") not in (None, name):
            where = f"{module}." if module else ""
            raise ModelError(
                f"A Keras file may hold the layers that BlastLens builds; this one holds {where}"
                f"{name}, which could run code of its own. Do not use it; of a model of your own, "
                "export a SavedModel (model.export) or ONNX instead."
            )
    _require_known_names(part)
    for item in part.values():
        require_safe(item, legacy=legacy)


def _require_known_names(part: Mapping[str, Any]) -> None:
    """Raises `ModelError` where a function or an initializer is named that Keras does not have."""
    for key, value in part.items():
        kind = next((end for end in NAMED if key == end or key.endswith(f"_{end}")), None)
        if kind and isinstance(value, str) and value not in NAMED[kind]:
            raise ModelError(
                f"A layer has the {key} {value[:60]!r}, which Keras does not have. Do not use the "
                "file."
            )


_OF_ANY_MODULE = frozenset().union(*SAFE.values()) | {"Policy"}


def _both_ways(*modules: str) -> frozenset[str]:
    """Class names as they are and as Keras also takes them: `GlorotUniform`, `glorot_uniform`."""
    names = frozenset().union(*(SAFE[module] for module in modules))
    return names | {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names}


# What may be given by its name alone, by the end of the field's name.
NAMED: dict[str, frozenset[str]] = {
    "activation": _names(
        "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh "
        "leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink "
        "softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh "
        "tanh_shrink threshold"
    ),
    "constraint": _both_ways("keras.constraints"),
    "initializer": _both_ways("keras.initializers") | _names("normal one uniform zero"),
    "regularizer": _both_ways("keras.regularizers"),
}
