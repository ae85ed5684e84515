"""Checks, without Keras, that a Keras file has only plain layers and numbers.

The safe mode of Keras refuses Lambda layers, but a file may also name any function or class of any
module, a vocabulary to be read from this machine, or weights in another file. Only layers that
compute with numbers and nothing else are allowed. This module does not import TensorFlow.
"""

import json
import zipfile
from pathlib import Path
from typing import IO, Any

from core.errors import ModelError
from core.settings import settings

WEIGHTS = "model.weights.h5"
FILES = frozenset({"config.json", "metadata.json", WEIGHTS})
_JSON_BYTES = 16 * 2**20


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
        "Transpose TrueDivide"
    ),
}


def require_plain(file: Path, *, compiled: bool = True) -> None:
    """Raises `ModelError`, with the reason, unless the file has only plain layers and numbers.

    Nothing in the file is imported, built or unpacked. With `compiled`, loss and optimizer must be
    plain too; who loads the file without them need not ask for that.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _require_members(archive)
            network = json.loads(archive.read("config.json"))
            json.loads(archive.read("metadata.json"))
            if not compiled and isinstance(network, dict):
                network.pop("compile_config", None)
            require_safe(network)
            with archive.open(WEIGHTS) as stream:
                _require_numbers(stream, WEIGHTS)
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, EOFError) as error:
        raise ModelError(f"{file.name} is damaged ({error}). Export it again.") from None


def require_plain_h5(file: Path) -> None:
    """As `require_plain`, of a whole model in the older format, one HDF5 file (`.h5`).

    Its loss and optimizer are not looked at: the file must be loaded without them.
    """
    import h5py

    with file.open("rb") as stream:
        _require_numbers(stream, file.name)
        with h5py.File(stream, "r") as weights:
            text = weights.attrs.get("model_config")
        if text is None:
            raise ModelError(
                f"{file.name} has weights and no network. Save the whole model: model.save(FILE)."
            )
        try:
            require_safe(json.loads(text), legacy=True)
        except (ValueError, TypeError, RecursionError) as error:
            raise ModelError(f"{file.name} is damaged ({error}). Export it again.") from None


def _require_members(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if sorted(names) != sorted(FILES):
        odd = ", ".join(map(repr, sorted(set(names) - FILES))) or "fewer or twice the same"
        raise ModelError(
            f"A Keras file holds {', '.join(sorted(FILES))}; this one holds {odd}. Do not use it."
        )
    for entry in entries:
        if entry.filename != WEIGHTS and entry.file_size > _JSON_BYTES:
            raise ModelError(f"{entry.filename} is larger than {_JSON_BYTES:,} bytes.")
    total, limit = sum(entry.file_size for entry in entries), settings().max_archive_bytes
    if total > limit:
        raise ModelError(f"A Keras file may hold {limit:,} bytes; this one says {total:,}.")


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
                f"{name}, which could run code of its own. Do not use it."
            )
    for item in part.values():
        require_safe(item, legacy=legacy)


_OF_ANY_MODULE = frozenset().union(*SAFE.values()) | {"Policy"}


def _require_numbers(stream: IO[bytes], file: str) -> None:
    """Raises `ModelError` unless the weights are arrays of numbers inside the file."""
    import h5py

    total, limit = 0, settings().max_archive_bytes

    def require_numeric(name: str, item: Any) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            raise ModelError(f"The weights {name} lie in another file. Do not use this one.")
        if isinstance(item, h5py.Dataset) and item.dtype.kind not in "biuf":
            raise ModelError(f"The weights {name} are no numbers but {item.dtype}.")
        if isinstance(item, h5py.Dataset):
            total += item.size * item.dtype.itemsize
        if total > limit:  # an array that was never written takes no room in the file
            raise ModelError(f"The weights take more than {limit:,} bytes when they are unpacked.")

    try:
        weights = h5py.File(stream, "r")
    except OSError as error:
        raise ModelError(f"{file} is damaged ({error}). Export it again.") from None
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
