"""Versions and machine of a training, without the names of machine and user."""

import functools
import os
import platform
from importlib import metadata
from pathlib import Path

from core.runs.metrics import Environment

PACKAGES = ("tensorflow", "keras", "openvino", "numpy", "pandas", "scipy")


def describe() -> Environment:
    """Returns the versions and the machine of this process. Imports none of the packages."""
    return Environment(
        python=platform.python_version(),
        packages={name: _version(name) for name in PACKAGES},
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=os.cpu_count(),
        memory_gib=_memory(),
    )


@functools.cache  # pages ask at each run, and what is installed stays for a process
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str | None:
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or None


def _memory() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return round(size / 2**30, 1)
