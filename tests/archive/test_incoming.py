"""What a killed import leaves is removed by the next; what a living one has is left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core import storage
from core.archive import incoming
from core.settings import PROJECT

SCRIPT = """
from core.archive import incoming
with incoming.folder() as folder:
    (folder / "part").write_text("x")
    print(folder, flush=True)
    input()
"""


def test_a_folder_is_gone_after_its_import_and_beside_others_before() -> None:
    with incoming.folder() as first, incoming.folder() as second:
        assert first != second and first.is_dir() and second.is_dir()
    assert list(storage.imports_dir().iterdir()) == []


def test_what_lies_there_of_older_versions_is_removed() -> None:
    for name in (".scratch-host-1-x", "demo"):
        (storage.imports_dir() / name / "demo").mkdir(parents=True)
    (storage.imports_dir() / "file").write_text("x")
    with incoming.folder() as folder:
        assert set(storage.imports_dir().iterdir()) == {folder, Path(f"{folder}.lock")}


@pytest.mark.process
def test_the_folder_of_a_killed_import_is_removed_by_the_next() -> None:
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        with incoming.folder():
            assert (left / "part").exists()  # it lives
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert (left / "part").exists()
        with incoming.folder():
            assert not left.exists()
