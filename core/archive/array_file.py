"""Checks that an `.npz` holds arrays of numbers or text, and all of them whole."""

import io
import math
from pathlib import Path

import numpy as np

from core.errors import RunError
from core.settings import settings
from core.untrusted import zipped

_HEADER_BYTES = 2**16
_READ = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each array by its name.

    Raises `RunError`, or `ValueError` for a damaged array, unless all arrays are plain: NumPy would
    unpickle an array of Python objects.
    """
    found, limit = {}, settings().max_archive_bytes
    with zipped.opened(file, limit, RunError) as members:
        for name in members.names:
            if not name.endswith(".npy"):
                raise RunError(f"It holds {name!r}, which is not an array. Export the run again.")
            start = b""
            for chunk in members.chunks(name, limit):  # to the end, where the checksum is
                start = start or chunk[:_HEADER_BYTES]
            found[name.removesuffix(".npy")] = _shape(name, start, members.size(name))
    return found


def _shape(name: str, start: bytes, size: int) -> tuple[int, ...]:
    header = io.BytesIO(start)
    version = np.lib.format.read_magic(header)
    if version not in _READ:
        raise ValueError(f"{name} is of the version {version} of NumPy's format")
    shape: tuple[int, ...]
    shape, _, kind = _READ[version](header)
    if kind.hasobject or kind.kind not in "biufUS":
        raise RunError(
            f"{name} is an array of Python objects, which would be unpickled and could run code. "
            "Do not use it."
        )
    if header.tell() + math.prod(shape) * kind.itemsize != size:
        raise ValueError(f"{name} is not as long as it says")
    return shape
