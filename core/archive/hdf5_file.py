"""Checks that an HDF5 file is a tree of arrays of numbers, each inside the file and met once."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.settings import settings

MOST_OBJECTS = 20_000
MOST_DEPTH = 64
ATTRIBUTE_BYTES = 16 * 2**20
# What h5py raises for a damaged file.
_DAMAGED = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)


def require_numbers(file: Path, title: str) -> None:
    """Raises `ModelError` unless the file holds groups and arrays of numbers alone.

    A soft or an external link, an array in another file and an object with two names are refused:
    a few kilobytes of names for each other can be walked for ever.
    """
    with _opened(file, title) as root:
        _require_tree(root)


def attribute(file: Path, name: str, title: str) -> Any:
    """An attribute of the file itself, None without it. Raises `ModelError` if it is damaged."""
    with _opened(file, title) as root:
        if name not in root.attrs:
            return None
        size = root.attrs.get_id(name).get_storage_size()
        if size > ATTRIBUTE_BYTES:
            raise ModelError(
                f"{name} of {title} is larger than the limit of {ATTRIBUTE_BYTES:,} bytes. Do not "
                "use this file."
            )
        return root.attrs[name]


@contextmanager
def _opened(file: Path, title: str) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(file, "r") as root:
            yield root
    except _DAMAGED as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{title} is damaged ({reason}). Export it again.") from None


def _require_tree(root: Any) -> None:
    import h5py

    total, limit = 0, settings().max_archive_bytes
    met = {_address(root)}
    groups = [(root, 0)]
    while groups:
        group, depth = groups.pop()
        if len(met) + len(group) > MOST_OBJECTS or depth > MOST_DEPTH:
            raise ModelError(
                f"The weights have over {MOST_OBJECTS:,} parts, or lie more than {MOST_DEPTH} "
                "groups deep. Do not use this file."
            )
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ModelError(f"The weights {name} lie in another file. Do not use this one.")
            item = group[name]
            if (address := _address(item)) in met:
                raise ModelError(f"The weights {name} have another name too. Do not use this file.")
            met.add(address)
            if isinstance(item, h5py.Group):
                groups.append((item, depth + 1))
                continue
            total += _bytes_of(item, name)
            if total > limit:  # an array that was never written takes no room in the file
                raise ModelError(
                    f"The weights take more than {limit:,} bytes when they are unpacked "
                    "(max_archive_bytes in core/settings.py). Do not use this file."
                )


def _address(item: Any) -> int:
    import h5py

    return int(h5py.h5o.get_info(item.id).addr)


def _bytes_of(item: Any, name: str) -> int:
    """The bytes of an array of numbers, unpacked."""
    import h5py

    if not isinstance(item, h5py.Dataset):
        raise ModelError(f"The weights {name} are a type, not numbers. Do not use this file.")
    if item.external or item.is_virtual:
        raise ModelError(f"The weights {name} lie in another file. Do not use this one.")
    if item.dtype.kind not in "biuf":
        raise ModelError(f"The weights {name} are {item.dtype}, not numbers. Do not use this file.")
    return math.prod(item.shape or (0,)) * int(item.dtype.itemsize)
