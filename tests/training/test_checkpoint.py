"""What a killed run goes on from: all of it, and nothing that runs code."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from core.errors import RunError
from core.training import checkpoint
from core.training.checkpoint import Checkpoint

ARRAYS = [
    np.float32([[1.5, -0.0], [np.pi, 1e-38]]),
    np.array(7, np.int64),
    np.array([1, 2**32 - 1], np.uint32),
    np.zeros((0, 3), np.float32),
]


def test_everything_comes_back_as_it_was(tmp_path: Path) -> None:
    wanted = Checkpoint(
        epoch=12,
        stage=1,
        stage_start=10,
        best=0.1 + 0.2,
        best_epoch=11,
        waited=1,
        rate=0.25,
        seconds=3.5,
        stage_seconds=1.25,
        state=ARRAYS * 4,  # more than ten, so that their order is not that of their names
        kept=ARRAYS[:1],
    )
    checkpoint.save(wanted, tmp_path / "checkpoint.npz")
    got = checkpoint.load(tmp_path / "checkpoint.npz")
    assert got is not None
    for name in ("state", "kept"):
        arrays, expected = getattr(got, name), getattr(wanted, name)
        assert len(arrays) == len(expected)
        for array, original in zip(arrays, expected, strict=True):
            assert array.dtype == original.dtype and array.shape == original.shape
            assert array.tobytes() == original.tobytes()
    facts = {name: value for name, value in vars(got).items() if name not in ("state", "kept")}
    assert facts == {name: getattr(wanted, name) for name in facts}
    assert list(tmp_path.iterdir()) == [tmp_path / "checkpoint.npz"]


def test_before_the_first_epoch_there_is_none_and_nothing_is_the_best(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "checkpoint.npz") is None
    checkpoint.save(Checkpoint(), tmp_path / "checkpoint.npz")
    assert checkpoint.load(tmp_path / "checkpoint.npz") == Checkpoint()
    assert Checkpoint().best == float("inf")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("evil"),)


@pytest.mark.parametrize("kind", ["cut short", "no archive", "pickle", "pickled", "other", "empty"])
def test_a_damaged_one_is_a_sentence_and_runs_no_code(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "checkpoint.npz"
    checkpoint.save(Checkpoint(epoch=1, state=ARRAYS), file)
    facts = np.array(json.dumps({"epoch": 1}))
    match kind:
        case "cut short":
            file.write_bytes(file.read_bytes()[:-40])
        case "no archive":
            file.write_bytes(b"not an archive at all")
        case "pickle":
            file.write_bytes(pickle.dumps(Evil()))
        case "pickled":
            np.savez(file, facts=facts, state_00000=np.array([Evil()], dtype=object))
        case "other":
            np.savez(file, facts=np.array(json.dumps({"epoch": 1, "mood": 2})))
        case "empty":
            file.write_bytes(b"")
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged.* Delete it"):
        checkpoint.load(file)
    assert not (tmp_path / "evil").exists()
