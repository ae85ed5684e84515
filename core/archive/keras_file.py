"""Checks, without Keras, that a `.keras` file has only plain layers and numbers.

The safe mode of Keras refuses Lambda layers, but a file may also name any function or class of any
module, a vocabulary to be read from this machine, or weights in another file. Only the layers of
the catalogue's architectures are allowed. This module does not import TensorFlow.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.settings import settings

WEIGHTS = "model.weights.h5"
FILES = frozenset({"config.json", "metadata.json", WEIGHTS})


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Module and classes of all layers of the builders; a new one is added here.
SAFE: dict[str | None, frozenset[str]] = {
    None: frozenset({"__keras_tensor__", "__slice__", "__tuple__", "__ellipsis__"}),
    "keras": frozenset({"DTypePolicy"}),
    "keras.initializers": _names(
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform Ones RandomNormal RandomUniform "
        "TruncatedNormal VarianceScaling Zeros"
    ),
    "keras.layers": _names(
        "Activation Add Average AveragePooling2D BatchNormalization Concatenate Conv2D Dense "
        "DepthwiseConv2D Dropout Flatten GlobalAveragePooling2D GlobalMaxPooling2D "
        "GroupNormalization InputLayer LayerNormalization LeakyReLU MaxPooling2D Multiply "
        "Normalization Permute ReLU Rescaling Reshape SeparableConv2D SpatialDropout2D Subtract "
        "UpSampling2D ZeroPadding2D"
    ),
    "keras.losses": frozenset({"BinaryCrossentropy"}),
    "keras.metrics": frozenset({"BinaryAccuracy"}),
    "keras.optimizers": frozenset({"Adam"}),
    "keras.regularizers": frozenset({"L1", "L1L2", "L2"}),
    "keras.src.models.functional": frozenset({"Functional"}),
    "keras.src.models.sequential": frozenset({"Sequential"}),
    "keras.src.ops.core": frozenset({"Cast"}),
    "keras.src.ops.nn": frozenset({"Relu"}),
    "keras.src.ops.numpy": _names(
        "Absolute Add Concatenate Flip GetItem Greater Log Max Maximum Mean Min Minimum Multiply "
        "Negative Sqrt Square Subtract Sum TrueDivide"
    ),
}


def require_plain(file: Path) -> None:
    """Raises `ModelError`, with the reason, unless the file has only plain layers and numbers.

    Nothing in the file is imported, built or unpacked.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _require_members(archive)
            network = json.loads(archive.read("config.json"))
            json.loads(archive.read("metadata.json"))
            require_safe(network)
            _require_numbers(archive)
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, EOFError) as error:
        raise ModelError(f"{file.name} is damaged ({error}). Export the run again.") from None


def _require_members(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if sorted(names) != sorted(FILES):
        odd = ", ".join(map(repr, sorted(set(names) - FILES))) or "fewer or twice the same"
        raise ModelError(
            f"A Keras file of a run holds {', '.join(sorted(FILES))}; this one holds {odd}. Do not "
            "use it."
        )
    total, limit = sum(entry.file_size for entry in entries), settings().max_archive_bytes
    if total > limit:
        raise ModelError(f"A Keras file may hold {limit:,} bytes; this one says {total:,}.")


def require_safe(part: Any) -> None:
    """Raises `ModelError` unless all classes of a config are in `SAFE`."""
    if isinstance(part, list):
        for item in part:
            require_safe(item)
    if not isinstance(part, dict):
        return
    if "class_name" in part:
        module, name = part.get("module"), part["class_name"]
        known = isinstance(module, str | None) and str(name) in SAFE.get(module, ())
        if not known or part.get("registered_name") not in (None, name):
            where = f"{module}." if module else ""
            raise ModelError(
                f"A Keras file may hold the layers that BlastLens builds; this one holds {where}"
                f"{name}, which could run code of its own. Do not use it."
            )
    for item in part.values():
        require_safe(item)


def _require_numbers(archive: zipfile.ZipFile) -> None:
    """Raises `ModelError` unless the weights are arrays of numbers inside the file."""
    import h5py

    def require_numeric(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            raise ModelError(f"The weights {name} lie in another file. Do not use this one.")
        if isinstance(item, h5py.Dataset) and item.dtype.kind not in "biuf":
            raise ModelError(f"The weights {name} are no numbers but {item.dtype}.")

    with archive.open(WEIGHTS) as stream:
        try:
            weights = h5py.File(stream, "r")
        except OSError as error:
            raise ModelError(f"{WEIGHTS} is damaged ({error}). Export the run again.") from None
        with weights:
            _require_hard_links(weights)
            weights.visititems(require_numeric)


def _require_hard_links(group: Any, depth: int = 0) -> None:
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink) or depth > 64:
            raise ModelError(f"The weights {name} lie in another file. Do not use this one.")
        if isinstance(item := group[name], h5py.Group):
            _require_hard_links(item, depth + 1)
