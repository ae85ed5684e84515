"""Caches stay within their limit, and `blastlens clean` removes what can go and nothing else."""

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core import caches, leftovers, locks, storage
from core.cases import pictures
from core.cli import main
from core.jobs.job import Status
from core.removal import cleaning
from core.runs import config, run_store
from core.settings import settings


def entry(key: str, age: float = 2 * caches.IN_USE_SECONDS, size: int = 1000) -> Path:
    folder = storage.pixels_dir(key)
    folder.mkdir(parents=True)
    (folder / "pixels.npy").write_bytes(bytes(size))
    used = time.time() - age
    os.utime(folder, (used, used))
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of 2,500 bytes."""
    limits = replace(settings(), max_cache_bytes=2500)
    monkeypatch.setattr(caches, "settings", lambda: limits)


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_was_used_longest_ago_goes_first_and_what_is_in_use_stays(small: None) -> None:
    ages = {"oldest": 9e5, "held": 8e5, "old": 7e5, "new": 6e5, "used": 0.0}
    folders = {key: entry(key, age) for key, age in ages.items()}
    with locks.lock(folders["held"]):
        caches.make_room()
        # 5,000 bytes: three have to go, and one of the oldest is held.
        assert [key for key in ages if folders[key].exists()] == ["held", "used"]


def test_an_entry_that_grows_makes_room_and_is_marked_as_used(small: None) -> None:
    old = [entry(str(number), 1e5 + number) for number in range(2)]
    looked_up = entry("looked up", 1e6)
    with caches.entry(looked_up):
        pass
    assert all(folder.exists() for folder in old)  # nothing grew
    with caches.entry(storage.pixels_dir("new")):
        storage.write_bytes(storage.pixels_dir("new") / "pixels.npy", bytes(1000))
    assert looked_up.exists() and not any(folder.exists() for folder in old)


def test_a_clock_that_was_set_back_does_not_make_the_newest_the_oldest(small: None) -> None:
    ahead = entry("ahead", -1800.0)
    others = [entry(str(number)) for number in range(3)]
    caches.make_room()
    assert ahead.exists() and sum(folder.exists() for folder in others) == 1


def test_clean_lists_and_removes_what_can_go(
    dead: int,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # others leave things in the system's
    run = run_store.create(config.create("cnn-16", Path("/nowhere"), "recommended"), "whole")
    run.write_status(Status(state="succeeded"))
    mark = f"-{platform.node()}-{dead}-"
    gone = {
        cleaning.CACHE: entry("unused"),
        cleaning.TEMPORARY: run.path / f".metrics{mark}x.json",
        cleaning.IMPORT: storage.imports_dir() / ".0123",
        cleaning.REMAINS: storage.runs_dir() / "half",
        cleaning.ORPHAN: pictures.folder() / "no-case",
        cleaning.TICKET: storage.runs_dir() / ".queue" / "0001 whole",
        cleaning.LOG: run.log_file,
        cleaning.LOCK: run.path / "worker.lock",
    }
    kept = [
        entry("used", 0.0),
        run.path / "config.json",
        run.path / "status.json",
        run.path / f".metrics-{platform.node()}-{os.getpid()}-x.json",
        run.path / ".metrics-another-machine-1-x.json",
        pictures.folder() / "being-read",
        storage.datasets_dir() / "mine" / "table.csv",
    ]
    folders = {cleaning.IMPORT, cleaning.REMAINS, cleaning.ORPHAN}
    for path in [*(gone[why] for why in folders), pictures.folder() / "being-read"]:
        path.mkdir(parents=True)
    for path in [*(path for why, path in gone.items() if why not in folders), *kept]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    os.utime(gone[cleaning.ORPHAN], (0, 0))
    os.utime(gone[cleaning.CACHE], (0, 0))
    (gone[cleaning.REMAINS] / "engine.bin").write_bytes(bytes(10))
    for command in (["clean", "--dry-run", "--json"], ["clean", "--json"]):
        assert main(command) == 0
        told = json.loads(capsys.readouterr().out)
        listed = {one["why"]: one["paths"] for one in told["what"]}
        for why, path in gone.items():
            assert str(path) in listed[why], why
            assert path.exists() == (not told["removed"]), why
        assert all(path.exists() for path in kept)
        assert told["bytes"] == 1010
    assert run_store.get("whole").status.state == "succeeded"
    assert cleaning.removable() == []


def test_a_lock_that_is_held_and_a_cache_that_is_kept_stay() -> None:
    unused = entry("unused")
    with locks.lock(storage.runs_dir() / ".training0"):
        assert main(["clean", "--keep-caches"]) == 0
        assert unused.exists() and (storage.runs_dir() / ".training0.lock").exists()
        assert main(["clean"]) == 0
        assert not unused.exists() and (storage.runs_dir() / ".training0.lock").exists()


def test_what_a_living_process_holds_is_not_dead(tmp_path: Path, dead: int) -> None:
    assert leftovers.is_dead(tmp_path / f".a-{platform.node()}-{dead}-b")
    assert not leftovers.is_dead(tmp_path / f".a-{platform.node()}-{os.getpid()}-b")
    assert not leftovers.is_dead(tmp_path / f".a-elsewhere-{dead}-b")
    assert not leftovers.is_dead(tmp_path / f"a-{platform.node()}-{dead}-b")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")
def test_what_a_process_held_that_its_parent_has_not_asked_about_is_dead(tmp_path: Path) -> None:
    held = "import sys; sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE)
    left = tmp_path / f".a-{platform.node()}-{process.pid}-b"
    try:
        assert not leftovers.is_dead(left)
    finally:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    assert leftovers.is_dead(left)
    process.communicate()
