"""What TensorFlow is told of GPUs: this machine may have none, so what it says is made up."""

from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ConfigError
from core.models import device


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What TensorFlow, with two GPUs of its own, is told."""
    import tensorflow as tf

    calls: list[tuple[Any, ...]] = []
    gpus = [SimpleNamespace(name=f"/physical_device:GPU:{number}") for number in range(2)]
    details = {"device_name": "NVIDIA A", "compute_capability": (8, 0)}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    for module, name in (
        (tf.config, "set_visible_devices"),
        (tf.config.experimental, "set_memory_growth"),
        (tf.config.experimental, "enable_tensor_float_32_execution"),
    ):
        monkeypatch.setattr(module, name, lambda *given, name=name: calls.append((name, *given)))
    return calls


@pytest.mark.parametrize("setting", ["auto", "gpu"])
def test_the_first_gpu_is_taken_bit_by_bit_and_float32_is_float32(
    told: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    from core.training.device import TrainingDevice, prepare

    monkeypatch.setenv("BLASTLENS_DEVICE", setting)
    used = prepare()
    assert used == TrainingDevice("NVIDIA A", (8, 0)) and str(used) == "GPU (NVIDIA A)"
    (visible, first, _), (growth, grown, on), (rounding, rounds) = told
    assert (visible, growth) == ("set_visible_devices", "set_memory_growth")
    assert first is grown and first.name.endswith(":0") and on is True
    assert (rounding, rounds) == ("enable_tensor_float_32_execution", False)


def test_cpu_hides_the_gpus(told: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    from core.training.device import TrainingDevice, prepare

    monkeypatch.setenv("BLASTLENS_DEVICE", "cpu")
    assert prepare() == TrainingDevice() and str(prepare()) == "CPU"
    assert told == [("set_visible_devices", [], "GPU")] * 2


def test_without_one_gpu_is_a_sentence_and_auto_is_the_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import tensorflow as tf

    from core.training.device import TrainingDevice, for_engines, prepare

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert prepare() == TrainingDevice() and for_engines() is None
    monkeypatch.setenv("BLASTLENS_DEVICE", "gpu")
    with pytest.raises(ConfigError, match=r"TensorFlow, which trains, sees no GPU.*auto or cpu"):
        prepare()
    assert for_engines() == device.AUTO


def test_only_newer_gpus_are_known_to_have_bfloat16() -> None:
    from core.training.device import TrainingDevice

    found = [TrainingDevice("one", has).has_bfloat16 for has in ((9, 0), (8, 0), (7, 5), ())]
    assert found == [True, True, False, False]
