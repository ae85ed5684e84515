"""Reads the tensors of a weight file of torch, without torch.

Such a file is a pickle, which could run code when it is loaded. Here it may name four things: an
ordered dictionary, the rebuilding of a tensor, and two types of storage. The format is that of
torch before 1.6: five pickles (a magic number, a version, facts on the machine, the dictionary,
the keys of the storages), then each storage as its length, int64, and its values.
"""

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ModelError

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
_STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
# What a pickle raises that is damaged or made up.
_DAMAGED = (
    *(pickle.UnpicklingError, AttributeError, EOFError, ImportError, LookupError),
    *(OverflowError, TypeError, ValueError),
)


def tensors(file: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a state dictionary by name, float32 or int64.

    Raises `ModelError` if the file is damaged, of another format, or names anything else.
    """
    try:
        return _read(io.BytesIO(file.read_bytes()))
    except _DAMAGED as error:
        raise ModelError(
            f"{file} is damaged, or no weight file of torch before 1.6 ({error}). Install the "
            "package that brings it again."
        ) from None


def _read(stream: io.BytesIO) -> dict[str, np.ndarray]:
    for expected in (MAGIC, VERSION):
        if _Unpickler(stream).load() != expected:
            raise ValueError(f"{expected} is not where it should be")
    if not _Unpickler(stream).load()["little_endian"]:
        raise ValueError("its numbers are big-endian")
    unpickler = _Unpickler(stream)
    views = unpickler.load()
    storages = {
        key: _storage(stream, *unpickler.storages[key]) for key in _Unpickler(stream).load()
    }
    return {name: _tensor(view, storages[view.storage]) for name, view in views.items()}


def _storage(stream: io.BytesIO, dtype: str, length: int) -> np.ndarray:
    if int.from_bytes(stream.read(8), "little") != length:
        raise ValueError(f"a storage does not have its {length} values")
    return np.frombuffer(stream.read(length * np.dtype(dtype).itemsize), dtype, length)


@dataclass(frozen=True)
class _View:
    """A tensor: a shape laid over a storage from an offset on; its steps count values."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]


def _tensor(view: _View, values: np.ndarray) -> np.ndarray:
    reach = sum((side - 1) * step for side, step in zip(view.shape, view.steps, strict=True))
    if min(0, view.offset, *view.steps, *(side - 1 for side in view.shape)) < 0:
        raise ValueError("a tensor has negative steps or no values")
    if view.offset + reach >= len(values):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * values.itemsize for step in view.steps]
    return np.lib.stride_tricks.as_strided(values[view.offset :], view.shape, steps).copy()


def _rebuild(storage: str, offset: int, shape: Any, steps: Any, *_: Any) -> _View:
    return _View(storage, offset, tuple(shape), tuple(steps))


class _Unpickler(pickle.Unpickler):
    """Knows four names, and keeps type and length of the storages that it meets."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, tuple[str, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "collections", "OrderedDict":
                return OrderedDict
            case "torch._utils", "_rebuild_tensor_v2":
                return _rebuild
            case "torch", "FloatStorage" | "LongStorage":
                return _STORAGES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which weights do not need")

    def persistent_load(self, reference: Any) -> str:
        kind, dtype, key, _, length, part = reference
        if kind != "storage" or part is not None:
            raise pickle.UnpicklingError(f"it refers to a {kind}, not to a whole storage")
        self.storages[key] = (dtype, length)
        return str(key)
