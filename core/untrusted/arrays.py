"""Arrays in files, whatever became of these: those of an `.npz`, and one that a cache keeps."""

import zipfile
from pathlib import Path

import numpy as np

from core.untrusted.zipped import DAMAGED, Bounded


def load(file: Path) -> dict[str, np.ndarray]:
    """The arrays by name; those of Python objects are not unpickled.

    Raises `OSError` as opening the file does, and `ValueError` if it is damaged or no `.npz`.
    """
    with file.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            raise ValueError("it is not an .npz file")
        stream.seek(0)
        try:
            with np.load(Bounded(stream), allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (*DAMAGED, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(reason or type(error).__name__) from None


def kept(file: Path, dtype: type[np.generic], shape: tuple[int | None, ...]) -> np.ndarray | None:
    """A read-only memory map of a `.npy` file of a type and shape; a side of None has any length.

    Returns None if the file is missing or damaged, or holds another array: it is to be made anew.
    """
    try:
        found: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    alike = len(found.shape) == len(shape) and all(
        wanted in (None, side) for wanted, side in zip(shape, found.shape, strict=True)
    )
    return found if alike and found.dtype == dtype else None
