"""Calls of the command line: within this process, or as one of its own."""

import io
import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from core.cli import main
from tests.conftest import PROJECT


@dataclass(frozen=True)
class Done:
    """What a verb printed."""

    stdout: str
    stderr: str


def run(*arguments: str, status: int = 0) -> Done:
    with (
        chdir(PROJECT),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as error,
    ):
        ended = main(list(arguments))
    assert ended == status, error.getvalue()
    return Done(out.getvalue(), error.getvalue())


def run_process(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "core", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def document(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)
