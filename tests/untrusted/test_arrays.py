"""Damage of an `.npz`, of whatever kind, is one error."""

import io
import random
from pathlib import Path

import numpy as np
import pytest

from core.untrusted import arrays

WHOLE = {"a": np.arange(50.0), "b": np.array(["x", "y"])}


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_whole_arrays_come_back_and_damaged_ones_are_a_value_error(
    tmp_path: Path, write: object
) -> None:
    stream = io.BytesIO()
    write(stream, **WHOLE)  # type: ignore[operator]
    file, source = tmp_path / "a.npz", random.Random(0)
    file.write_bytes(stream.getvalue())
    assert {name: found.tolist() for name, found in arrays.load(file).items()} == {
        name: array.tolist() for name, array in WHOLE.items()
    }
    told = 0
    for _ in range(400):
        data = bytearray(stream.getvalue())
        for _ in range(source.randrange(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        file.write_bytes(data)
        try:
            arrays.load(file)
        except ValueError:
            told += 1
    assert told > 150


def test_what_is_no_npz_is_a_value_error(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "b.npz").write_bytes(b"words")
    for name in ("a.npy", "b.npz"):
        with pytest.raises(ValueError, match=r"not an \.npz"):
            arrays.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        arrays.load(tmp_path / "c.npz")
