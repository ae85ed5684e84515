"""Weight files of torch, read without torch: what tensors they hold, and what is refused."""

import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from core.errors import ModelError
from core.models import torch_file

MARKER = "made-by-a-pickle"
STORAGE = np.arange(12, dtype="<f4")


class Stored:
    """A storage of twelve floats under the key "0"."""


class Tensor:
    """A tensor over that storage."""

    def __init__(self, offset: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> None:
        self.laid = (Stored(), offset, shape, steps, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.laid


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (MARKER,)


class Writer(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Stored):
            kind = sys.modules["torch"].FloatStorage
            return "storage", kind, "0", "cpu", len(STORAGE), None
        return None


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a file as torch 1.5 does; the names that it pickles exist only meanwhile."""

    def write(state: object, *, magic: int = torch_file.MAGIC, length: int = len(STORAGE)) -> Path:
        torch, utils = ModuleType("torch"), ModuleType("torch._utils")
        torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})  # type: ignore[attr-defined]

        def _rebuild_tensor_v2() -> None: ...

        _rebuild_tensor_v2.__module__ = "torch._utils"
        _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
        utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
        file = tmp_path / "weights.pth"
        with monkeypatch.context() as patch, file.open("wb") as stream:
            patch.setitem(sys.modules, "torch", torch)
            patch.setitem(sys.modules, "torch._utils", utils)
            for part in (magic, torch_file.VERSION, {"little_endian": True}, state, ["0"]):
                Writer(stream, protocol=2).dump(part)
            stream.write(length.to_bytes(8, "little") + STORAGE.tobytes())
        return file

    return write


def test_steps_and_offset_of_a_tensor_are_followed(write: Callable[..., Path]) -> None:
    state = OrderedDict(
        plain=Tensor(0, (3, 4), (4, 1)),
        transposed=Tensor(0, (4, 3), (1, 4)),
        column=Tensor(2, (3,), (4,)),
        number=Tensor(11, (), ()),
    )
    found = torch_file.tensors(write(state))
    square = STORAGE.reshape(3, 4)
    np.testing.assert_array_equal(found["plain"], square)
    np.testing.assert_array_equal(found["transposed"], square.T)
    np.testing.assert_array_equal(found["column"], square[:, 2])
    assert found["number"] == 11 and found["number"].shape == ()
    assert {value.dtype.name for value in found.values()} == {"float32"}


@pytest.mark.parametrize(
    ("state", "options", "reason"),
    [
        ({"x": Evil()}, {}, r"names (posix|nt)\.mkdir"),
        ({"x": Tensor(0, (3, 5), (4, 1))}, {}, "beyond its storage"),
        ({"x": Tensor(9, (2,), (-4,))}, {}, "negative"),
        ({"x": Tensor(0, (12,), (1,))}, {"length": 11}, "12 values"),
        ({"x": Tensor(0, (12,), (1,))}, {"magic": 7}, "not where it should be"),
        (["no dictionary"], {}, "damaged"),
    ],
)
def test_what_is_no_weight_file_is_refused_and_not_run(
    write: Callable[..., Path],
    state: object,
    options: dict[str, int],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=reason):
        torch_file.tensors(write(state, **options))
    assert not Path(MARKER).exists()


@pytest.mark.parametrize("kept", [0, 1, 40, 200, -1])
def test_a_file_that_was_cut_short_is_refused(write: Callable[..., Path], kept: int) -> None:
    file = write({"x": Tensor(0, (12,), (1,))})
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ModelError, match="damaged"):
        torch_file.tensors(file)
