"""Decodes in a process that can be ended: `python -m core.data.image_formats.decoder_process`.

For the formats whose cost no count of their parts bounds: JPEG 2000, AVIF, HEIC, DICOM, slides.
A process is kept for the next file, and ends with this one. Requests and answers go through its
standard input and output: a line of JSON, then bytes.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, LifoQueue
from typing import IO, Literal, TypedDict

import numpy as np

from core.errors import TooSmallError, UploadError
from core.settings import PROJECT, settings
from core.untrusted import confined

_ERRORS = {error.__name__: error for error in (UploadError, TooSmallError)}


class _Head(TypedDict, total=False):
    """The line before the bytes: of a request, or of its answer."""

    task: Literal["decode", "size"]
    name: str
    path: str  # of the file, if its bytes do not follow
    shape: tuple[int, int]
    notes: tuple[str, ...]
    error: str
    text: str


def decode(data: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """As `core.data.images.decode_here`. Raises `UploadError` also if it takes too much."""
    head, pixels = _ask({"task": "decode", "name": name}, data)
    image = np.frombuffer(bytearray(pixels), np.uint8).reshape(*head["shape"], 3)
    return image, tuple(head["notes"])


def size(source: Path | bytes, name: str) -> tuple[int, int]:
    """As `core.data.images.size_here`. Raises `UploadError` also if it takes too much."""
    head: _Head = {"task": "size", "name": name}
    data = b""
    if isinstance(source, Path):
        head["path"] = str(source.absolute())
    else:
        data = source
    height, width = _ask(head, data)[0]["shape"]
    return height, width


class _Decoder:
    """A process that works on one file at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.data.image_formats.decoder_process"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin and self._process.stdout
        self._to, self._from = self._process.stdin, self._process.stdout
        _receive(self._from)  # it has imported what it needs

    def ask(self, head: _Head, data: bytes) -> tuple[_Head, bytes]:
        """The answer to a request. Raises `EOFError` if the process ends, as it does in time."""
        timer = threading.Timer(settings().decoding_seconds, self._process.kill)
        timer.start()
        try:
            _send(self._to, head, data)
            return _receive(self._from)
        except (OSError, ValueError):
            raise EOFError from None
        finally:
            timer.cancel()

    @property
    def waits(self) -> bool:
        """Whether the process is there, and nobody has ended it since its last answer."""
        return self._process.poll() is None

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # what was not sent yet cannot be sent any more
            self._to.close()
        self._from.close()


idle: LifoQueue[_Decoder] = LifoQueue()


def _forget() -> None:
    """Leaves the processes to the one that has them, in a fork of it."""
    global idle
    idle = LifoQueue()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _free() -> _Decoder:
    """A process that waits, or a new one."""
    while True:
        try:
            decoder = idle.get_nowait()
        except Empty:
            break
        if decoder.waits:
            return decoder
        decoder.end()
    try:
        return _Decoder()
    except (EOFError, OSError):
        raise UploadError(
            "The process that decodes pictures cannot be started: the machine is out of memory or "
            "processes. End other programs and try again."
        ) from None


def _ask(head: _Head, data: bytes) -> tuple[_Head, bytes]:
    decoder = _free()
    try:
        answer, pixels = decoder.ask(head, data)
    except EOFError:
        decoder.end()
        limits = settings()
        raise UploadError(
            f"{head['name']} cannot be decoded within {limits.decoding_seconds:g} seconds and "
            f"{limits.decoding_bytes / 2**30:g} GiB. Export it anew as PNG or BMP."
        ) from None
    except BaseException:
        decoder.end()  # its answer would be taken for that to the next request
        raise
    idle.put(decoder)
    if "error" in answer:
        raise _ERRORS[answer["error"]](answer["text"])
    return answer, pixels


def _send(stream: IO[bytes], head: _Head, data: bytes | memoryview) -> None:
    stream.write(json.dumps({**head, "bytes": len(data)}).encode() + b"\n")
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> tuple[_Head, bytes]:
    """The next message. Raises `EOFError` if the other end is closed."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    data = stream.read(head.pop("bytes"))
    return head, data


def serve() -> None:
    """Answers requests until there are no more."""
    from core.data import images

    confined.enter(settings().decoding_bytes)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # decoders print
    _send(answers, {}, b"")
    while True:
        try:
            head, data = _receive(sys.stdin.buffer)
        except EOFError:
            return
        pixels = memoryview(b"")
        answer: _Head
        try:
            if head["task"] == "size":
                source = Path(head["path"]) if "path" in head else data
                answer = {"shape": images.size_here(source, head["name"])}
            else:
                image, notes = images.decode_here(data, head["name"])
                answer = {"shape": (image.shape[0], image.shape[1]), "notes": notes}
                pixels = np.ascontiguousarray(image).data.cast("B")
        except UploadError as error:
            answer = {"error": type(error).__name__, "text": str(error)}
        _send(answers, answer, pixels)


if __name__ == "__main__":
    serve()
