"""The app served from a process of its own, and the browser that opens it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.conftest import PROJECT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Two pages that a window has for its address bar alone would cost as much as a page of the app.
# What follows is of Playwright's own list, which this one replaces.
_WITHOUT = [
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
]
# No sandbox, because CI runs as root; no background traffic, because tests reach only localhost.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--force-prefers-reduced-motion",  # each step of it would be drawn by the processor
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(_WITHOUT)}",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


def process_of(port: int) -> psutil.Process:
    """The process that serves the app at a port."""
    running = psutil.process_iter(["cmdline"])
    (found,) = (one for one in running if f"--server.port={port}" in (one.info["cmdline"] or []))
    return found


@contextmanager
def serve(log: Path, port: int, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of the app, with more in its environment; its output goes to a log."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    options = ["--server.headless=true", f"--server.port={port}"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command + options,
            cwd=PROJECT,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        base = (environment or {}).get("STREAMLIT_SERVER_BASE_URL_PATH", "")
        health = f"http://localhost:{port}{base}/_stcore/health"
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(health, timeout=2)
                    break
                except OSError:
                    assert server.poll() is None and time.monotonic() < deadline
                    time.sleep(0.2)
            yield f"http://localhost:{port}"
        finally:
            server.terminate()
            server.wait(20)
