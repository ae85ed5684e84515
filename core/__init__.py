"""BlastLens without its pages: data, models, training, evaluation, explanation and reading."""

from importlib import import_module
from typing import Any

from core import compat

compat.silence_openvino_telemetry()

_STUDY = (
    "load_data",
    "build_cnn",
    "build_cnn_with_dropout",
    "build_vgg16",
    "build_efficientnet",
)
__all__ = list(_STUDY)


def __getattr__(name: str) -> Any:
    # On demand, because `core.study` imports TensorFlow and the app must start without it.
    if name in _STUDY:
        return getattr(import_module("core.study"), name)
    raise AttributeError(f"module 'core' has no attribute {name!r}")
