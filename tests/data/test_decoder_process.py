"""Formats whose cost nothing bounds are decoded in a process that is ended in time."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from core.data import images
from core.data.image_formats import decoder_process
from core.errors import TooSmallError, UploadError
from core.settings import settings
from tests.chaos.pictures import originals, saved

JP2 = originals()["JPEG2000"]
pytestmark = pytest.mark.process


def test_what_comes_back_is_what_would_be_decoded_here_by_one_process(monkeypatch) -> None:
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(decoder_process, "idle", decoder_process.LifoQueue())

    def start(args, **more):
        process = popen(args, **more)
        if decoder_process.__name__ in args:  # another test's thread may start another
            started.append(process)
        return process

    monkeypatch.setattr(decoder_process.subprocess, "Popen", start)
    expected, notes = images.decode_here(JP2, "cell")
    for _ in range(3):
        found, told = images.decode_noted(JP2, "cell")
        assert np.array_equal(found, expected) and told == notes and found.flags.writeable
        assert images.size_of(JP2, "cell") == expected.shape[:2]
        with pytest.raises(UploadError, match="cell is damaged"):
            images.decode(JP2[:200], "cell")
    assert len(started) == 1
    started[0].kill()  # as the system does when memory is short
    started[0].wait()
    assert np.array_equal(images.decode(JP2, "cell"), expected)
    assert len(started) == 2
    started[1].kill()
    started[1].wait()


def test_its_errors_are_those_of_the_door() -> None:
    from PIL import Image

    with pytest.raises(TooSmallError, match="cell has 8 x 8 pixels"):
        images.decode(saved(Image.new("RGB", (8, 8)), "JPEG2000"), "cell")


def test_one_that_takes_too_long_is_ended_and_the_next_file_is_read(monkeypatch) -> None:
    assert images.decode(JP2).shape  # there is a process
    short = replace(settings(), decoding_seconds=0.0)
    monkeypatch.setattr(decoder_process, "settings", lambda: short)
    with pytest.raises(UploadError, match="cell cannot be decoded within 0 seconds"):
        images.decode(JP2 * 200, "cell")
    monkeypatch.undo()
    assert images.decode(JP2).shape


def test_it_imports_neither_tensorflow_nor_the_app() -> None:
    code = "import sys, core.data.images; from core.data.image_formats import decoder_process; "
    code += "print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "streamlit", "openvino"} & set(done.stdout.split())


def test_the_size_of_a_slide_of_any_length_is_read_from_its_place(tmp_path, monkeypatch) -> None:
    file = tmp_path / "cell.jp2"
    file.write_bytes(JP2)
    few = replace(settings(), max_file_bytes=len(JP2) - 1)
    monkeypatch.setattr(images, "settings", lambda: few)
    assert images.size_of(file) == images.size_here(JP2, "cell")
    with pytest.raises(UploadError, match="MiB, more than the limit"):
        images.decode(file)


def test_a_file_beyond_the_limit_of_scans_is_not_opened(tmp_path) -> None:
    file = tmp_path / "cell.tif"
    with file.open("wb") as sparse:
        sparse.write(originals()["TIFF"])
        sparse.truncate(3 * 2**30)
    for read in (
        images.size_of,
        images.decode,
        lambda file: images.open_large_image(file).__enter__(),
    ):
        with pytest.raises(UploadError, match=r"cell\.tif has 3072 MiB, more than the limit"):
            read(file)


def test_a_process_that_cannot_be_started_is_an_error_with_a_remedy(monkeypatch) -> None:
    def refuse(*_, **__):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(decoder_process, "idle", decoder_process.LifoQueue())
    monkeypatch.setattr(decoder_process.subprocess, "Popen", refuse)
    with pytest.raises(UploadError, match="cannot be started"):
        images.decode(JP2, "cell")
