"""Atomic writes and locks, and settings from the environment."""

import errno
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core import leftovers, locks, storage
from core.errors import DiskError, refusals
from core.settings import PROJECT, settings


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    storage.write_json(file, {"step": 1})
    with pytest.raises(ValueError, match="JSON"):
        storage.write_json(file, {"step": float("nan")})
    with pytest.raises(RuntimeError), storage.atomic(file) as temporary:
        temporary.write_text("half")
        raise RuntimeError("the power went")
    assert storage.read_json(file) == {"step": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_folder_appears_with_all_its_files_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "first"
    with pytest.raises(RuntimeError), storage.new_folder(target) as made:
        (made / "config.json").write_text("half")
        raise RuntimeError("the disk is full")
    assert not target.exists() and not list((tmp_path / "runs" / ".new").iterdir())
    with storage.new_folder(target) as made:
        (made / "config.json").write_text("1")
        assert not target.exists()
    with pytest.raises(FileExistsError), storage.new_folder(target) as made:
        (made / "config.json").write_text("2")
    assert (target / "config.json").read_text() == "1"


REFUSALS = {
    errno.ENOSPC: "The disk is full (FILE). Free some space.",
    errno.EDQUOT: "The disk quota of this user is used up (FILE). Free some space.",
    errno.EROFS: "The disk is read-only (FILE).",
    errno.EACCES: "Permission denied (FILE).",
    errno.ENAMETOOLONG: "A name is too long for the disk (FILE). Choose a shorter one.",
    errno.EFBIG: "A file would be larger than the system allows (FILE).",
    errno.EIO: "The disk reports a fault (FILE).",
    errno.ESTALE: "Stale file handle (FILE). Check the disk and try again.",
}


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.get)
def test_a_disk_that_refuses_is_one_error_with_file_and_remedy(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for function in ("mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, function, refuse)
    file = tmp_path / "file.json"
    writes: dict[Path, Callable[[], object]] = {
        file: lambda: storage.write_json(file, {}),
        tmp_path / "a": lambda: storage.write_together({tmp_path / "a": b""}),
        tmp_path / ".new": lambda: storage.new_folder(tmp_path / "run").__enter__(),
    }
    for named, write in writes.items():
        with pytest.raises(DiskError) as told:
            write()
        assert str(told.value).startswith(REFUSALS[number].replace("FILE", str(named)))
        assert told.value.errno == number and pickle.loads(pickle.dumps(told.value)).errno == number
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_an_error_in_a_librarys_own_words_is_traced_to_the_disk(tmp_path: Path) -> None:
    file, full = tmp_path / "a.npy", Path("/dev/full")
    with pytest.raises(DiskError, match=r"The disk is full \(.*a\.npy\)"), refusals(full, file):
        raise ValueError("Can't close the ZIP file while there is an open writing handle on it")
    with pytest.raises(ValueError, match="zero"), refusals(tmp_path / "free", file):
        raise ValueError("zero")


def test_a_deleted_folder_frees_its_name_whatever_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    (tmp_path / "run").mkdir()
    leftovers.discard(tmp_path / "run")
    assert [path.name[:9] for path in tmp_path.iterdir()] == [".deleted-"]
    with pytest.raises(DiskError, match="is gone"):
        leftovers.discard(tmp_path / "run")


def test_a_written_file_is_readable_by_whom_the_folder_allows(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    storage.write_json(tmp_path / "a.json", {})
    assert (tmp_path / "a.json").stat().st_mode == plain.stat().st_mode


def test_what_is_no_json_is_a_value_error(tmp_path: Path) -> None:
    for content in (b"{", b"\xff\xfe"):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"line 1|codec"):
            storage.read_json(tmp_path / "a.json")


def test_a_lock_is_held_against_another_process_and_freed_by_its_death(tmp_path: Path) -> None:
    target = tmp_path / "cache"
    script = (
        "import sys, time; from pathlib import Path; from core import locks\n"
        f"with locks.lock(Path({str(target)!r})):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == b"held"
    waited = threading.Event()

    def give_up() -> None:
        if waited.is_set():
            raise TimeoutError
        waited.set()

    with pytest.raises(TimeoutError), locks.lock(target, give_up):
        pass
    holder.kill()
    holder.wait()
    with locks.lock(target):
        pass


def test_a_lock_is_taken_when_its_condition_holds_too(tmp_path: Path) -> None:
    asked: list[int] = []

    def third_time() -> bool:
        asked.append(1)
        return len(asked) == 3

    waited: list[int] = []
    with locks.lock(tmp_path / "turn", lambda: waited.append(1), when=third_time):
        assert (len(asked), len(waited)) == (3, 2)


def test_what_a_dead_process_left_half_written_is_swept_and_no_more(artifacts: Path) -> None:
    script = (
        "import os; from core import storage\n"
        "with storage.atomic(storage.pixels_dir('a') / 'pixels.npy'), "
        "storage.scratch(storage.backbone_dir('b')) as folder:\n"
        "    (folder / 'graph.pb').touch(); os._exit(3)"
    )
    dead = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT)
    dead.wait()
    with storage.atomic(storage.pixels_dir("a") / "pixels.npy") as mine:
        assert len(list((artifacts / "cache").rglob(".*"))) == 3
        run = artifacts / "runs" / "one"
        run.mkdir(parents=True)
        (run / f".status{storage.mark(dead.pid)}x.json").touch()
        other = run / f".status{storage.mark(os.getppid())}x.json"
        other.touch()
        leftovers.sweep_process(dead.pid, run)
        assert set(artifacts.rglob(".*")) == {mine, other}
    kept = storage.pixels_dir("a") / "pixels.npy"
    (kept.parent / ".half").touch()
    leftovers.sweep(kept.parent)
    leftovers.sweep(kept.parent / "nowhere")
    assert list(kept.parent.iterdir()) == [kept]


def test_a_file_is_overwritten_whole_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    storage.write_json(file, {"long": "x" * 500})
    storage.overwrite_json(file, {"short": "ü"})
    assert storage.read_json(file) == {"short": "ü"}


def test_settings_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLASTLENS_ARTIFACTS", str(tmp_path))
    assert settings().weights == tmp_path / "weights"
    assert storage.runs_dir() == tmp_path / "runs"
    monkeypatch.delenv("BLASTLENS_ARTIFACTS")
    assert settings().artifacts == PROJECT / "artifacts"
    assert (
        json.loads((settings().artifacts / "runs/demo-cnn-16/config.json").read_text())["dataset"]
        == "demo"
    )
