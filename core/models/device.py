"""What an engine runs on, by `BLASTLENS_DEVICE`.

- `auto`, the default: a GPU, if OpenVINO lists one, the model compiles for it, and its outputs for
  a probe are those of the processor within `TOLERANCE`; otherwise the processor.
- `cpu`: the processor.
- `gpu`: a GPU, or an error that says why not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ConfigError, ModelError
from core.models.runtime import CPU, Compiled, devices, full_name
from core.settings import settings

CHOICES = AUTO, ONLY_CPU, ONLY_GPU = ("auto", "cpu", "gpu")
# Of each output, relative to values beyond 1. A logit so far off moves a probability by 0.00025.
TOLERANCE = 1e-3
PROBE_IMAGES = 4
_GET_CPU = "Set BLASTLENS_DEVICE to auto or cpu to use the processor."


def chosen() -> str:
    """The setting. Raises `ConfigError` if it is none of `CHOICES`."""
    given = settings().device
    if given not in CHOICES:
        raise ConfigError(f"BLASTLENS_DEVICE is {given!r}; it can be {', '.join(CHOICES)}.")
    return given


def gpus() -> list[str]:
    """The GPUs that OpenVINO lists, as it names them: GPU, or GPU.0 and so on."""
    return [device for device in devices() if device.startswith("GPU")]


def planned(setting: str | None = None) -> str:
    """The device that is tried first, by the setting, or a `setting` that was chosen for it.

    Raises `ConfigError` if the setting is unknown, or asks for a GPU where OpenVINO lists none.
    """
    setting = setting or chosen()
    found = [] if setting == ONLY_CPU else gpus()
    if setting == ONLY_GPU and not found:
        raise ConfigError(
            "BLASTLENS_DEVICE is gpu, and OpenVINO, which reads images, lists no GPU here (it "
            f"lists {', '.join(devices())}). It knows Intel's, with their OpenCL driver installed. "
            f"{_GET_CPU}"
        )
    return found[0] if found else CPU


def require(setting: str | None = None) -> None:
    """Raises as `planned` does. Imports OpenVINO only if a GPU has to be found."""
    if (setting or chosen()) == ONLY_GPU:
        planned(setting)


@dataclass(frozen=True)
class Placement:
    """The device of a model, as OpenVINO names it; why not the GPU that is there, or ""."""

    device: str = CPU
    reason: str = ""

    def __str__(self) -> str:
        """Its full name, in words for a page or a file."""
        if self.device == CPU:
            return f"CPU ({self.reason})" if self.reason else CPU
        return f"{self.device} ({full_name(self.device)})"


def place(model: Any, hint: str, setting: str | None = None) -> tuple[Compiled, Placement]:
    """Compiles an `openvino.Model`, which takes float32 (N, S, S, 3), for the device to use.

    Raises as `planned` does; `ModelError` if only a GPU will do and it cannot run the model or
    computes otherwise; `RuntimeError` for a model that the processor cannot run.
    """
    device = planned(setting)
    if device == CPU:
        return Compiled(model, hint), Placement()
    try:
        compiled = Compiled(model, hint, device)
        problem = _difference(compiled, Compiled(model))
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        problem = f"it cannot run the model: {lines[-1] if lines else type(error).__name__}"
    if not problem:
        return compiled, Placement(device)
    if (setting or chosen()) == ONLY_GPU:
        raise ModelError(f"{device} is not used: {problem}. {_GET_CPU}")
    return Compiled(model, hint), Placement(CPU, f"{device} is not used: {problem}")


def probe(side: int, images: int = PROBE_IMAGES) -> np.ndarray:
    """Images to compare two runtimes on, the same ones at each call: uint8 (N, S, S, 3).

    Squares of random colours: on mere noise, which pooling levels out, all logits are alike.
    """
    coarse = np.random.default_rng(0).integers(0, 256, (images, 7, 7, 3), dtype=np.uint8)
    pixels = np.kron(coarse, np.ones((1, -(-side // 7), -(-side // 7), 1), np.uint8))
    return pixels[:, :side, :side]


def _difference(one: Compiled, other: Compiled) -> str:
    """What differs between two compilations of a model by more than is allowed, or ""."""
    pixels = probe(other.shape[0])
    for name, expected in other(pixels).items():
        difference = np.abs(one(pixels, name)[name] - expected)
        if not np.all(difference <= TOLERANCE * np.maximum(1.0, np.abs(expected))):
            return f"its {name} differs from the processor's by {difference.max():.2g}"
    return ""
