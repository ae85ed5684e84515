"""The arrays of an `.npz`, whatever became of its file."""

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
            raise ValueError("it is no .npz")
        stream.seek(0)
        try:
            with np.load(Bounded(stream), allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (*DAMAGED, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(reason or type(error).__name__) from None
