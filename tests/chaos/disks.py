"""Disks that are full, read-only, limited, broken or slow, and a clock that jumps."""

import errno
import itertools
import os
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any
from unittest import mock

from core.cases import database
from core.settings import settings

CALLS = (
    (tempfile, "mkstemp"),
    (tempfile, "mkdtemp"),
    (os, "replace"),
    (os, "rename"),
    (os, "mkdir"),
)
BROKEN = (errno.EIO, errno.EDQUOT, errno.EACCES, errno.ESTALE)


@contextmanager
def calls(do: Callable[[], None]) -> Iterator[None]:
    """Has `do` called before each call by which files are made and put into place."""

    def after(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **more: Any) -> Any:
            do()
            return call(*args, **more)

        return called

    with ExitStack() as patches:
        for module, name in CALLS:
            patches.enter_context(mock.patch.object(module, name, after(getattr(module, name))))
        yield


@contextmanager
def full(rng: random.Random) -> Iterator[None]:
    """A disk with so much room."""
    room = rng.choice([0, 0, 1, 2, 4, 16, 64, 256]) * 4096
    ballast = settings().artifacts.parent / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(ballast, max(0, ballast.stat().st_size - room))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(_: random.Random) -> Iterator[None]:
    database.forget()  # a file that is open for writing keeps the disk writable
    mount = ["mount", "-o", "remount,bind,{}", str(settings().artifacts.parent)]
    subprocess.run([it.format("ro") for it in mount], check=True)
    try:
        yield
    finally:
        subprocess.run([it.format("rw") for it in mount], check=True)


@contextmanager
def limited(rng: random.Random) -> Iterator[None]:
    """No file may be longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (rng.choice([0, 100, 5000, 100_000]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def broken(rng: random.Random) -> Iterator[None]:
    """A disk that refuses from some call on."""
    number, left = rng.choice(BROKEN), itertools.count(-rng.randrange(6))

    def refuse() -> None:
        if next(left) >= 0:
            raise OSError(number, os.strerror(number))

    with calls(refuse):
        yield


@contextmanager
def slow(_: random.Random) -> Iterator[None]:
    with calls(lambda: time.sleep(0.005)):
        yield


@contextmanager
def jumping(rng: random.Random) -> Iterator[None]:
    """A clock that jumps an hour forth and back."""
    now = time.time
    with mock.patch.object(time, "time", lambda: now() + rng.choice([-3600, 0, 3600])):
        yield


DISKS: Mapping[str, Callable[[random.Random], AbstractContextManager[None]]] = {
    "full": full,
    "read-only": read_only,
    "limited": limited,
    "broken": broken,
    "slow": slow,
    "jumping clock": jumping,
}
MOUNTED, WELL = ("full", "read-only"), ("slow", "jumping clock")
