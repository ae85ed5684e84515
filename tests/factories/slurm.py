"""A SLURM of one node of the tests' own, on the loopback."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def serve() -> Iterator[str]:
    """The path of slurm.conf of a SLURM that runs until the block ends; skips where it cannot."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    found = {program: shutil.which(program, path=path) for program in PROGRAMS}
    if missing := [program for program, file in found.items() if file is None]:
        pytest.skip(f"{', '.join(missing)} not installed; install SLURM to test on it")
    if os.geteuid() != 0:
        pytest.skip("A SLURM of the tests' own is started by root alone")
    # Short, for the names of sockets are limited.
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(1024))
    (folder / "munge.key").chmod(0o400)
    controller, daemon = _free_ports(2)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            host=socket.gethostname().partition(".")[0],
            folder=folder,
            controller=controller,
            daemon=daemon,
        )
    )
    environment = os.environ | {"SLURM_CONF": str(configuration)}
    files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid"}
    files |= {"log-file": "munge.log", "seed-file": "munge.seed"}
    options = [f"--{option}={folder / name}" for option, name in files.items()]
    commands = {
        "munged": [*options, "--force", "--foreground"],
        "slurmctld": ["-D"],
        "slurmd": ["-D"],
    }
    started = []
    try:
        for program, arguments in commands.items():
            command = [str(found[program]), *arguments]
            with (folder / f"{program}.out").open("wb") as log:
                started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            if program == "munged":
                _wait(lambda: (folder / "munge.socket").exists(), folder)
        idle = ["sinfo", "--noheader", "--format=%t"]
        _wait(lambda: _output(idle, environment) == "idle", folder)
        yield str(configuration)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)
        shutil.rmtree(folder)


def _free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _wait(true: object, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not true():
        logs = "".join(log.read_text(errors="replace") for log in folder.glob("*.out"))
        assert time.monotonic() < deadline, logs[-2000:]
        time.sleep(0.2)
