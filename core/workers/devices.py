"""What TensorFlow would train on, asked in a process: `python -m core.workers.devices`."""

import json

from core.errors import BlastLensError, ConfigError
from core.untrusted import confined
from core.workers.launcher import environment

_SECONDS = 120


def training() -> str:
    """The device of a training, in words. Raises `ConfigError` with the reason if there is none."""
    try:
        answer = confined.ask(
            "core.workers.devices",
            environment=environment() | {"TF_CPP_MIN_LOG_LEVEL": "2"},
            seconds=_SECONDS,
        )
    except confined.NoAnswerError as ended:
        raise ConfigError(
            f"TensorFlow cannot be asked for its devices ({ended}). Set BLASTLENS_DEVICE to cpu."
        ) from None
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
