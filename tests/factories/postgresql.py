"""A PostgreSQL server of the tests' own, on the loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@contextmanager
def serve() -> Iterator[str]:
    """The address of a server that runs until the block ends; skips where there is none."""
    folder = Path(shutil.which("pg_ctl") or (SERVERS[-1] / "pg_ctl" if SERVERS else "none")).parent
    if not (folder / "pg_ctl").is_file():
        pytest.skip("PostgreSQL is not installed; install it to test on it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        as_user = ["runuser", "-u", "postgres", "--"]
    # Not in pytest's folders, which are for their owner alone.
    data = Path(tempfile.mkdtemp(prefix="postgresql"))
    if as_user:
        shutil.chown(data, "postgres")

    def run(program: str, *options: str) -> None:
        command = [*as_user, str(folder / program), *options]
        subprocess.run(command, cwd=data, check=True, stdout=subprocess.DEVNULL, timeout=60)

    run("initdb", "-D", f"{data}/db", "-A", "trust", "-U", "tests", "--no-sync")
    listen = f"-p {port} -k {data} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", f"{data}/db", "-o", listen, "-l", f"{data}/log", "-w", "start")
    server = f"postgresql+psycopg://tests@127.0.0.1:{port}"
    try:
        yield server
    finally:
        run("pg_ctl", "-D", f"{data}/db", "-m", "immediate", "stop")
        shutil.rmtree(data)


def create(server: str, name: str) -> None:
    """Makes an empty database."""
    admin = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
