"""`python -m MODULE` as a fork of a process that has imported TensorFlow and `core` already.

A worker so starts in milliseconds, where a new process imports for ten seconds. The fork has the
command line, the environment, the folder and the streams it was asked for, and its parent is the
fork server. The tests of a session share one, whose place the file `SHARED` of the environment
says. On other systems than Linux, and with the fixture `new_processes`, processes are new.
"""

import atexit
import ctypes
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing import forkserver, process, reduction, spawn
from pathlib import Path
from typing import Any
from unittest import mock

from filelock import FileLock

from core.settings import PROJECT

_CONTEXT: Any = multiprocessing.get_context("forkserver") if sys.platform == "linux" else None
_server = forkserver.ForkServer()  # type: ignore[attr-defined]
SHARED = "BLASTLENS_FORK_SERVER"
POOL = "pool"  # and the number of the process that opened it: the command line of one of a pool
_ENVIRONMENT = {
    "PYTHONPATH": str(PROJECT),
    "OPENBLAS_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "CUDA_VISIBLE_DEVICES": "-1",
}
# What is forked: the app, the command line, the workers of this machine, the benchmarks' trainers.
OURS: tuple[str, ...] = (
    "core",
    "core.archive.examination",
    *(f"core.workers.{name}" for name in ("conversion", "detection", "devices", "fetch")),
    *(f"core.workers.{name}" for name in ("probe", "sweep", "train", "trainer", "verification")),
    *(f"core.workers.{name}" for name in ("clusters.agent", "embedding", "score", "speed_probe")),
    *(f"benchmarks.{name}" for name in ("left_out", "peers", "untrained")),
    *("tests.factories.executor", "tests.factories.training", "streamlit"),
)
NOT_IN_THE_APP = {"keras", "tensorflow"}  # which a fork has imported, and the app never does


class Popen(subprocess.Popen[Any]):
    """As `subprocess.Popen`, but that it forks the modules in `OURS`."""

    _fork: Any = None

    def _execute_child(self, args: Any, *more: Any) -> None:
        if not _is_ours(args):
            super()._execute_child(args, *more)  # type: ignore[misc]
            return
        cwd, env, pipes, session = more[4], more[5], more[9:15], more[20]
        ends = (pipes[0], pipes[3], pipes[5])
        streams = _Streams([end if end >= 0 else number for number, end in enumerate(ends)])
        command = list(map(str, args[2:]))
        _start_server()
        place = str(cwd or Path.cwd())
        given = (command, place, dict(env or os.environ), session, streams)
        self._fork = _CONTEXT.Process(target=_become, args=given)
        connect = _server.connect_to_new_process
        with (
            mock.patch.object(forkserver, "connect_to_new_process", connect),
            mock.patch.object(spawn, "get_preparation_data", _prepared),
        ):
            self._fork.start()
        process._children.discard(self._fork)  # type: ignore[attr-defined] # it may outlive us
        self.pid = self._fork.pid
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _internal_poll(self, *args: Any, **more: Any) -> int | None:
        if self._fork is None:
            return super()._internal_poll(*args, **more)  # type: ignore[misc, no-any-return]
        if self.returncode is None:
            self.returncode = self._fork.exitcode
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self._fork is None:
            return super()._wait(timeout)  # type: ignore[misc, no-any-return]
        self._fork.join(timeout)
        if self._internal_poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode


def _is_ours(args: Any) -> bool:
    return (
        _CONTEXT is not None
        and not isinstance(args, str | bytes | Path)
        and list(args[:2]) == [sys.executable, "-m"]
        and args[2] in OURS
    )


class _Streams:
    """Numbers of open files, which are sent along with a fork."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers

    def __getstate__(self) -> list[Any]:
        return [reduction.DupFd(number) for number in self.numbers]

    def __setstate__(self, sent: list[Any]) -> None:
        self.numbers = [one.detach() for one in sent]


def _prepared(name: str, prepare: Any = spawn.get_preparation_data) -> dict[str, Any]:
    """Without the main module, which a fork has no use for, and which may be a page."""
    return {key: value for key, value in prepare(name).items() if "init_main" not in key}


def _start_server() -> None:
    """Starts the fork server, or finds the one that another process has started."""
    theirs, address = _server._forkserver_pid is None, _server._forkserver_address
    if theirs and address and Path(address).exists():
        return
    place = Path(os.environ[SHARED]) if SHARED in os.environ else None
    with ExitStack() as stack:
        if theirs and place:
            stack.enter_context(FileLock(f"{place}.lock"))
            if place.exists() and _join(*place.read_text().split()):
                return
        stack.enter_context(mock.patch.dict(os.environ, _ENVIRONMENT))
        vars(_server).pop("ensure_running", None)
        # Often, because its command line is the room for those of its forks, see `_show_as`.
        _server.set_forkserver_preload(["tests.factories.preloaded"] * 100)
        _server.ensure_running()
        if theirs and place:
            alive = f"/proc/{os.getpid()}/fd/{_server._forkserver_alive_fd}"
            place.write_text(f"{_server._forkserver_address} {alive}")


def _join(address: str, alive: str) -> bool:
    """Makes the fork server at an address that of this process, unless it has ended.

    It ends when no process holds the pipe `alive` any more.
    """
    try:
        held = os.open(alive, os.O_WRONLY)
    except OSError:
        return False
    _server._forkserver_address, _server._forkserver_alive_fd = address, held
    _server.ensure_running = lambda: None
    return Path(address).exists()


def _become(
    command: list[str], cwd: str, environment: dict[str, str], session: bool, streams: _Streams
) -> None:
    for number, stream in enumerate(streams.numbers):
        os.dup2(stream, number)
        os.close(stream)
    if session:
        os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    _show_as([sys.executable, "-m", *command])
    sys.argv = command
    # The server's own believe that they can seek, as those of a file can.
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    # A fork of a fork comes from the same server.
    global _server
    _server = forkserver._forkserver  # type: ignore[attr-defined]
    _server.ensure_running = lambda: None
    if not hasattr(sys.modules.get(command[0]), "__path__"):  # a package runs its `__main__`
        sys.modules.pop(command[0], None)  # what runs is `__main__`, as in a new process
    if command[0] == "streamlit":
        for name in [name for name in sys.modules if name.partition(".")[0] in NOT_IN_THE_APP]:
            del sys.modules[name]
    try:
        runpy.run_module(command[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # as a new process does, and a fork does not


if _CONTEXT is not None:

    class _PoolProcess(_CONTEXT.Process):  # type: ignore[misc, name-defined]
        """Has the environment of the process that opened the pool, and is found by its number."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self._given = dict(os.environ), os.getpid()

        def run(self) -> None:
            environment, opener = self._given
            os.environ.clear()
            os.environ.update(environment)
            _show_as([sys.executable, "-m", POOL, str(opener)])
            super().run()

    class PoolContext(type(_CONTEXT)):  # type: ignore[misc]
        """In the place of the context "spawn" of a pool: its processes are forks too."""

        Process = _PoolProcess


def _show_as(command: Sequence[str]) -> None:
    """Has the system show this command line as that of the process."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = map(int, fields[45:47])
    text = b"".join(part.encode() + b"\0" for part in command)
    assert len(text) <= end - start, command
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
