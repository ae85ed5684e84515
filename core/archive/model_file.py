"""Recognises a model file from elsewhere by its content, before anything opens it.

Only forms that can hold a network without code of its own are known. `core.workers.conversion`
opens them.
"""

import zipfile
from pathlib import Path

from core import storage
from core.archive import keras_file
from core.data.indexing import digest
from core.errors import ModelError
from core.settings import settings
from core.untrusted import zipped

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_FORMS = (
    "a Keras file (.keras, or .h5 of the whole model), a SavedModel folder, ONNX, or OpenVINO "
    "(.xml with its .bin)"
)


def recognise(path: Path) -> str:
    """The form of a model file or folder, a key of `core.runs.adoption.FORMS`.

    Raises `ModelError` if it is missing, too large, or of a form that BlastLens does not open.
    """
    if not path.exists():
        raise ModelError(f"There is no {path}. Give {_FORMS}.")
    size = sum(part.stat().st_size for part in parts(path))
    if size > settings().max_archive_bytes:
        raise ModelError(
            f"{path.name} has {size:,} bytes; the limit is {settings().max_archive_bytes:,} "
            "(max_archive_bytes in core/settings.py)."
        )
    if path.is_dir():
        return "saved-model"
    start = _start(path)
    if zipfile.is_zipfile(path):
        return _zipped(path)
    if start.startswith(_PICKLES):
        raise ModelError(
            f"{path.name} is a pickle, which can run any code when it is opened. Do not use it. "
            "Save the model as a Keras file: model.save('model.keras')."
        )
    if start.startswith(_HDF5):
        return "h5"
    if path.suffix == ".xml" and b"<net" in start:
        return "openvino"
    if path.suffix == ".onnx":
        return "onnx"
    raise ModelError(f"{path.name} is not a model that BlastLens can open. Give {_FORMS}.")


def _start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(512)


def _zipped(path: Path) -> str:
    with zipped.opened(path, settings().max_archive_bytes, ModelError) as members:
        names = members.names
    if any(name.endswith(".pkl") for name in names):
        raise ModelError(
            f"{path.name} is a PyTorch file with a pickle, which can run any code when it is "
            "opened. Export the model as ONNX."
        )
    if "config.json" in names:
        return "keras"
    raise ModelError(f"{path.name} is a zip without a network. Give {_FORMS}.")


def parts(path: Path) -> list[Path]:
    """The files that belong to a model: itself, with its .bin, or those of a SavedModel folder.

    Raises `ModelError` for a folder that is not a SavedModel.
    """
    if path.is_file():
        weights = path.with_suffix(".bin")
        return [path, weights] if path.suffix == ".xml" and weights.is_file() else [path]
    graph, variables = path / "saved_model.pb", path / "variables"
    if not graph.is_file():
        raise ModelError(f"{path} has no saved_model.pb, so it is not a SavedModel. Give {_FORMS}.")
    files = [graph, *sorted(variables.glob("variables.*"))]
    if any(file.is_symlink() or not file.is_file() for file in files):
        raise ModelError(f"{path} has links in it. Copy the files themselves.")
    return files


def sha256(path: Path) -> str:
    """The SHA-256 of a model file; of several files, a digest of theirs."""
    hashes = [storage.sha256(part) for part in parts(path)]
    return hashes[0] if len(hashes) == 1 else digest(hashes)


def require_plain(path: Path, form: str) -> None:
    """Raises `ModelError`, with the reason, if a file of a known form could run code of its own.

    Graphs of the other forms are only ever read by OpenVINO, which knows its own operations alone.
    """
    if form == "keras":
        keras_file.require_plain(path, compiled=False)
    elif form == "h5":
        keras_file.require_plain_h5(path)
