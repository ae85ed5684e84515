"""A process that opens a file from elsewhere: it is asked, has little memory, and ends in time."""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.settings import PROJECT


class NoAnswerError(Exception):
    """A process has ended without an answer; the message is the end of what it complained of."""


def ask(module: str, *arguments: Path, environment: dict[str, str], seconds: float) -> Any:
    """What a module prints as its last line, JSON, when it runs as a process.

    Raises `NoAnswerError` if there is none, and `subprocess.TimeoutExpired` once the process is
    ended because it took longer.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        raise NoAnswerError(" ".join(done.stderr.split())[-300:]) from None


def enter(memory_bytes: int) -> None:
    """Allows this process so many bytes more than it has, where the system can, and ties it to its
    caller: it ends when that does.
    """
    with suppress(ImportError, ValueError, OSError):
        import resource

        limit = _data_bytes() + memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _data_bytes() -> int:
    """The bytes of data of this process, as the limit counts them; 0 where that is not known."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0


def _end_with(caller: int) -> None:
    while os.getppid() == caller:
        threading.Event().wait(0.5)
    os._exit(1)
