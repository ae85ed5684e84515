"""The probe of training precision: measured once, and not where one is asked for."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.models import catalog
from core.runs import config
from core.runs.config import RunConfig

if TYPE_CHECKING:
    from core.training.device import TrainingDevice

ENTRY = catalog.architecture("cnn-16")


def device(*gpu: object) -> "TrainingDevice":
    from core.training.device import TrainingDevice

    return TrainingDevice(*gpu)  # type: ignore[arg-type]


def settings(**changed: object) -> RunConfig:
    return config.create("cnn-16", Path("data"), "recommended", **changed)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The precisions whose speed was measured; the speeds are made up."""
    from core.training import precision

    calls: list[str] = []

    def speed(config: RunConfig, entry: object, name: str) -> float:
        calls.append(name)
        return {"float32": 100.0, "bfloat16": 105.0 if config.batch_size == 32 else 120.0}[name]

    monkeypatch.setattr(precision, "_speed", speed)
    monkeypatch.setattr(precision, "_processor", lambda: "flags : fpu avx512_bf16")
    return calls


def test_the_faster_one_is_chosen_once_for_each_batch_size(asked: list[str]) -> None:
    from core.training import precision

    speeds = {"float32": 100.0, "bfloat16": 105.0}
    for _ in range(2):  # five per cent are not worth it
        assert precision.choose(settings(), ENTRY, device()) == ("float32", speeds)
    assert asked == ["float32", "bfloat16"]
    chosen, speeds = precision.choose(settings(batch_size=64), ENTRY, device())
    assert (chosen, speeds["bfloat16"]) == ("bfloat16", 120.0)
    assert asked == ["float32", "bfloat16"] * 2


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_an_explicit_precision_is_not_measured(name: str, asked: list[str]) -> None:
    from core.training import precision

    assert precision.choose(settings(precision=name), ENTRY, device()) == (name, {})
    assert asked == []


def test_a_processor_without_bfloat16_is_not_asked_to_emulate_it(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training import precision

    monkeypatch.setattr(precision, "_processor", lambda: "flags : fpu avx2 avx512f")
    assert precision.choose(settings(), ENTRY, device()) == ("float32", {})
    assert asked == []


def test_speeds_are_kept_for_each_device_and_an_old_gpu_is_not_asked(asked: list[str]) -> None:
    from core.training import precision

    new, other, old = (
        device("NVIDIA A", (8, 0)),
        device("NVIDIA B", (9, 0)),
        device("NVIDIA C", (7, 5)),
    )
    assert precision.choose(settings(), ENTRY, device())[1]
    assert precision.choose(settings(), ENTRY, new)[1]
    assert len(asked) == 4
    assert precision.choose(settings(), ENTRY, new)[1] and len(asked) == 4
    assert precision.choose(settings(), ENTRY, other)[1] and len(asked) == 6
    assert precision.choose(settings(), ENTRY, old) == ("float32", {}) and len(asked) == 6
