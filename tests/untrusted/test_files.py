"""Files of others: only regular ones are opened, and only as much is read as may be."""

import os
import tracemalloc
from pathlib import Path

import pytest

from core.untrusted.files import TooManyBytesError, open_regular, read_regular


def test_a_file_at_the_limit_is_read_and_one_above_it_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_regular(file, 5) == b"12345"
    with pytest.raises(TooManyBytesError) as caught:
        read_regular(file, 4)
    assert caught.value.size == 5


def test_the_size_is_looked_at_before_anything_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with file.open("wb") as sparse:
        sparse.truncate(3 * 2**30)
    tracemalloc.start()
    try:
        with pytest.raises(TooManyBytesError):
            read_regular(file, 2**20)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_pipes_devices_folders_and_nothing_are_errors_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("pipe", "folder", "zero", "dangling", "missing"):
        with pytest.raises(OSError) as caught:
            open_regular(tmp_path / name)
        assert caught.value.strerror


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"1")
    before = file.stat()
    file.unlink()
    os.mkfifo(file)
    monkeypatch.setattr(Path, "stat", lambda self: before)
    with pytest.raises(OSError, match="pipe"):
        open_regular(file)
