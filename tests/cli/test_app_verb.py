"""The app refuses to serve other machines unless people log in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.factories.served import free_port


def run(home: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python without the settings of whoever runs the test."""
    environment |= {"HOME": str(home), "USERPROFILE": str(home)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("option", "environment"),
    [
        ("--server.address=0.0.0.0", {}),
        ("--server.headless=true", {"STREAMLIT_SERVER_ADDRESS": "::"}),
    ],
)
def test_bound_to_other_addresses_it_does_not_start(
    tmp_path: Path, option: str, environment: dict[str, str]
) -> None:
    port = free_port()
    command = ["-m", "core", "app", option, f"--server.port={port}", "--server.headless=true"]
    done = run(tmp_path, *command, **environment)
    assert done.returncode == 2
    assert "BLASTLENS_ALLOW_ANONYMOUS=1 opens it to everyone on purpose" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_server_is_refused_because_its_address_is_not_known(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", "import app")
    assert done.returncode == 2 and "for this machine alone" in done.stderr
