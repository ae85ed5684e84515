"""Looks into a `.keras` file without Keras: is it plain layers and numbers, and nothing that runs?

Keras's own safe mode refuses Lambda layers, but a file may also name any function or class of any
module, a vocabulary to be read from this machine, or weights kept in another file. Here a file may
hold what the catalogue's architectures are made of, and nothing else. No TensorFlow here.
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


# Module and class of all that the builders make; one beside them is added here.
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
    "keras.src.ops.numpy": _names(
        "Absolute Add Concatenate Flip GetItem Greater Max Maximum Mean Min Minimum Multiply "
        "Sqrt Square Subtract Sum TrueDivide"
    ),
}


def require_plain(file: Path) -> None:
    """Raises `ModelError`, naming what was found, unless the file holds plain layers and numbers.

    Nothing of the file is imported, built or unpacked on the way.
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
    """Raises `ModelError` unless all that Keras would build of a config is in `SAFE`."""
    if isinstance(part, list):
        for one in part:
            require_safe(one)
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
    for one in part.values():
        require_safe(one)


def _require_numbers(archive: zipfile.ZipFile) -> None:
    """The weights are arrays of numbers, all of them inside the file."""
    import h5py

    def look(place: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            raise ModelError(f"The weights {place} lie in another file. Do not use this one.")
        if isinstance(item, h5py.Dataset) and item.dtype.kind not in "biuf":
            raise ModelError(f"The weights {place} are no numbers but {item.dtype}.")

    with archive.open(WEIGHTS) as stream:
        try:
            weights = h5py.File(stream, "r")
        except OSError as error:
            raise ModelError(f"{WEIGHTS} is damaged ({error}). Export the run again.") from None
        with weights:
            _require_hard_links(weights)
            weights.visititems(look)


def _require_hard_links(group: Any, depth: int = 0) -> None:
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink) or depth > 64:
            raise ModelError(f"The weights {name} lie in another file. Do not use this one.")
        if isinstance(item := group[name], h5py.Group):
            _require_hard_links(item, depth + 1)
