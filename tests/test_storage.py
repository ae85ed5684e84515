"""Atomic writes and locks, and settings from the environment."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core import locks, storage
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
        storage.sweep_caches(dead.pid)
        assert list((artifacts / "cache").rglob(".*")) == [mine]
    kept = storage.pixels_dir("a") / "pixels.npy"
    (kept.parent / ".half").touch()
    storage.sweep(kept.parent)
    storage.sweep(kept.parent / "nowhere")
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
