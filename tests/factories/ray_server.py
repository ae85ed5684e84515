"""A Ray of the tests' own on this machine: `python -m tests.factories.ray_server CORES`.

Prints its address and token, and ends with its standard input.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.workers.clusters import ray_token
from tests.conftest import PROJECT


@contextmanager
def serve(cores: int = 1) -> Iterator[dict[str, str]]:
    """What the environment of a process needs to join; skips where Ray is not installed."""
    pytest.importorskip("ray", reason="Ray is not installed; install it to test on it")
    command = [sys.executable, "-m", "tests.factories.ray_server", str(cores)]
    pipe = subprocess.PIPE
    server = subprocess.Popen(
        command, cwd=PROJECT, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None and server.stdin is not None
    try:
        names = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
        values = server.stdout.readline().decode().split()
        assert len(values) == len(names), values
        yield dict(zip(names, values, strict=True))
    finally:
        server.stdin.close()
        server.wait(60)


def main() -> None:
    os.environ.pop("RAY_ADDRESS", None)
    os.environ["RAY_AUTH_TOKEN"] = "t" * 64
    ray_token.provide()
    import ray

    context = ray.init(
        address="local", num_cpus=int(sys.argv[1]), include_dashboard=False, log_to_driver=False
    )
    mode, token = os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"]
    print(context.address_info["address"], mode, token, flush=True)
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    main()
