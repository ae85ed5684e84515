"""What TensorFlow would train on, asked in a process: `python -m core.workers.devices`."""

import json
import subprocess
import sys

from core.errors import BlastLensError, ConfigError
from core.settings import PROJECT
from core.workers.launcher import environment

_SECONDS = 120


def training() -> str:
    """The device of a training, in words. Raises `ConfigError` with the reason if there is none."""
    done = subprocess.run(
        [sys.executable, "-m", "core.workers.devices"],
        cwd=PROJECT,
        env=environment() | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        reason = " ".join(done.stderr.split())[-300:]
        raise ConfigError(f"TensorFlow cannot be asked for its devices: {reason}") from None
    if answer["error"]:
        raise ConfigError(answer["error"])
    return str(answer["device"])


if __name__ == "__main__":
    from core.training.device import prepare

    device, problem = None, None
    try:
        device = str(prepare())
    except BlastLensError as error:
        problem = str(error)
    print(json.dumps({"device": device, "error": problem}))
