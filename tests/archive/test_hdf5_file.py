"""Weights are a tree of numbers: names that lead to one object twice could be walked for ever."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from core.archive import hdf5_file
from core.errors import ModelError


def refused(file: Path, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        hdf5_file.require_numbers(file, "weights")


def test_a_fan_of_names_is_not_walked(tmp_path: Path) -> None:
    """Forty groups, each with four names for the next: 4^40 paths in some kilobytes."""
    with h5py.File(tmp_path / "fan.h5", "w") as file:
        group = file
        for _ in range(40):
            inner = group.create_group("0")
            for name in "123":
                group[name] = inner
            group = inner
    refused(tmp_path / "fan.h5", "has? ?.*another name too")


def test_a_ring_is_not_walked(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "ring.h5", "w") as file:
        file.create_group("a")["back"] = file["/"]
    refused(tmp_path / "ring.h5", "back have another name")


def test_soft_links_types_and_too_many_parts_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "soft.h5", "w") as file:
        file["w"] = h5py.SoftLink("/elsewhere")
    refused(tmp_path / "soft.h5", "lie in another file")
    with h5py.File(tmp_path / "type.h5", "w") as file:
        file["t"] = np.dtype("f4")
    refused(tmp_path / "type.h5", "are a type, not numbers")
    with h5py.File(tmp_path / "many.h5", "w") as file:
        for number in range(20):
            file[str(number)] = np.zeros(2)
    hdf5_file.require_numbers(tmp_path / "many.h5", "weights")
    monkeypatch.setattr(hdf5_file, "MOST_OBJECTS", 15)
    refused(tmp_path / "many.h5", "over 15 parts")


def test_deep_groups_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        file.create_group("/".join("g" * 80))
    refused(tmp_path / "deep.h5", "64 groups deep")
