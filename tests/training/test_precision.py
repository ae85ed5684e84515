"""The probe of training precision: measured once, and not where one is asked for."""

from pathlib import Path

import pytest

from core.models import catalog
from core.runs import config
from core.runs.config import RunConfig

ENTRY = catalog.architecture("cnn-16")


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
        assert precision.choose(settings(), ENTRY) == ("float32", speeds)
    assert asked == ["float32", "bfloat16"]
    chosen, speeds = precision.choose(settings(batch_size=64), ENTRY)
    assert (chosen, speeds["bfloat16"]) == ("bfloat16", 120.0)
    assert asked == ["float32", "bfloat16"] * 2


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_an_explicit_precision_is_not_measured(name: str, asked: list[str]) -> None:
    from core.training import precision

    assert precision.choose(settings(precision=name), ENTRY) == (name, {})
    assert asked == []


def test_a_processor_without_bfloat16_is_not_asked_to_emulate_it(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.training import precision

    monkeypatch.setattr(precision, "_processor", lambda: "flags : fpu avx2 avx512f")
    assert precision.choose(settings(), ENTRY) == ("float32", {})
    assert asked == []
