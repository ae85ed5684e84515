"""What TensorFlow trains on, by `BLASTLENS_DEVICE`: its first GPU where it sees one, else the CPU.

Only worker processes import this module, since it imports TensorFlow.
"""

from dataclasses import dataclass

import tensorflow as tf

from core.errors import ConfigError
from core.models import device

# The first generation of NVIDIA's GPUs that computes in bfloat16: Ampere.
BFLOAT16_FROM = (8, 0)


@dataclass(frozen=True)
class TrainingDevice:
    """A GPU by its maker's name, with the compute capability of NVIDIA's; or the CPU."""

    gpu: str | None = None
    capability: tuple[int, ...] = ()

    def __str__(self) -> str:
        """In words for a page or a file."""
        return f"GPU ({self.gpu})" if self.gpu else "CPU"

    @property
    def has_bfloat16(self) -> bool:
        """Whether a GPU computes in bfloat16; of others than NVIDIA's it is not known."""
        return self.capability >= BFLOAT16_FROM


def prepare() -> TrainingDevice:
    """Sets TensorFlow up, before its first operation; returns what it trains on.

    A GPU's memory is taken as it is needed. float32 means float32: TensorFloat-32, which rounds
    products to ten bits, is off, or the exported engine would differ from the network. One network
    trains on one GPU. Raises `ConfigError` if only a GPU will do and TensorFlow sees none.
    """
    gpus = [] if device.chosen() == device.ONLY_CPU else tf.config.list_physical_devices("GPU")
    if not gpus:
        if device.chosen() == device.ONLY_GPU:
            raise ConfigError(
                "BLASTLENS_DEVICE is gpu, and TensorFlow, which trains, sees no GPU here. It needs "
                "NVIDIA's driver and, of TensorFlow, the extra tensorflow[and-cuda]. Set "
                "BLASTLENS_DEVICE to auto or cpu to train on the processor."
            )
        tf.config.set_visible_devices([], "GPU")
        return TrainingDevice()
    first = gpus[0]
    tf.config.set_visible_devices(first, "GPU")
    tf.config.experimental.set_memory_growth(first, True)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    details = tf.config.experimental.get_device_details(first)
    name = details.get("device_name", first.name)
    return TrainingDevice(name, tuple(details.get("compute_capability", ())))


def for_engines() -> str | None:
    """What engines run on beside a training, for `Engine`; None leaves it to the setting.

    A training that has TensorFlow's GPU, as `BLASTLENS_DEVICE` asks, may run its engines where
    OpenVINO can: it knows other GPUs than TensorFlow does.
    """
    return device.AUTO if device.chosen() == device.ONLY_GPU else None
