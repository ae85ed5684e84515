"""Which device an engine takes. There may be no GPU here: other names of the processor stand in.

OpenVINO compiles for "HETERO:CPU" as for another device, and refuses "GPU.7" itself.
"""

from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, ModelError
from core.models import device
from core.models.engine import Engine
from core.models.runtime import Compiled
from core.reading.reader import Reader
from core.runs.run_store import Run
from core.settings import PROJECT

STAND_INS = ("HETERO:CPU", "AUTO:CPU", "MULTI:CPU")


@pytest.fixture
def run() -> Run:
    """A run that the project ships."""
    return Run(PROJECT / "artifacts" / "runs" / "demo-colour-bands")


@pytest.fixture
def file(run: Run) -> Path:
    return run.engine_file


@pytest.fixture
def pixels(run: Run) -> np.ndarray:
    return device.probe(run.geometry.size, 3)


def see(monkeypatch: pytest.MonkeyPatch, *names: str, setting: str = "auto") -> None:
    monkeypatch.setattr(device, "gpus", lambda: list(names))
    monkeypatch.setenv("BLASTLENS_DEVICE", setting)


class Off(Compiled):
    """A device whose outputs are off, or that has broken."""

    by, broken = 0.0, False

    def __init__(self, model: object, hint: str = "LATENCY", device: str = "CPU") -> None:
        super().__init__(model, hint, device)
        self.off = self.by if device != "CPU" else 0.0

    def __call__(self, given: np.ndarray, *names: str) -> dict[str, np.ndarray]:
        if self.broken:
            raise RuntimeError("out of device memory")
        return {name: found + self.off for name, found in super().__call__(given, *names).items()}


@pytest.mark.parametrize("name", STAND_INS)
@pytest.mark.parametrize("setting", ["auto", "gpu"])
def test_a_device_that_is_listed_and_agrees_is_used_and_told(
    file: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch, name: str, setting: str
) -> None:
    expected = Engine(file, "cpu")(pixels)
    see(monkeypatch, name, setting=setting)
    engine = Engine(file)
    found = engine(pixels)
    assert engine.placement == device.Placement(name)
    assert str(engine.placement).startswith(f"{name} (")
    np.testing.assert_allclose(found.logit, expected.logit, atol=device.TOLERANCE)
    with engine.many_at_once():  # compiled anew, for the same device
        np.testing.assert_allclose(engine.logits(pixels), expected.logit, atol=device.TOLERANCE)
    assert engine.placement.device == name


@pytest.mark.parametrize(
    ("off", "used"), [(0.5 * device.TOLERANCE, "HETERO:CPU"), (3.0, "CPU"), (np.nan, "CPU")]
)
def test_a_device_that_computes_otherwise_is_left_with_the_reason(
    file: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch, off: float, used: str
) -> None:
    expected = Engine(file, "cpu")(pixels).logit
    see(monkeypatch, "HETERO:CPU")
    monkeypatch.setattr(device, "Compiled", Off)
    monkeypatch.setattr(Off, "by", off)
    engine = Engine(file)
    np.testing.assert_allclose(engine(pixels).logit, expected, atol=device.TOLERANCE)
    assert engine.placement.device == used
    if used == "CPU":
        assert "differs from the processor's by" in str(engine.placement)
        see(monkeypatch, "HETERO:CPU", setting="gpu")
        with pytest.raises(ModelError, match=r"is not used: its .* Set BLASTLENS_DEVICE to auto"):
            Engine(file)(pixels)


def test_a_device_that_cannot_compile_is_left_with_the_reason(
    file: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    see(monkeypatch, "GPU.7")
    engine = Engine(file)
    assert len(engine(pixels).logit) == 3
    assert engine.placement.device == "CPU" and "GPU.7 is not used" in engine.placement.reason
    see(monkeypatch, "GPU.7", setting="gpu")
    with pytest.raises(ModelError, match=r"GPU\.7 is not used: it cannot run the model"):
        Engine(file)(pixels)


def test_where_there_is_none_gpu_is_refused_before_any_image_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    see(monkeypatch, setting="gpu")
    with pytest.raises(ConfigError, match=r"OpenVINO.*lists no GPU here \(it lists .*CPU"):
        Reader(run)
    see(monkeypatch, setting="cuda")
    with pytest.raises(ConfigError, match="'cuda'; it can be auto, cpu, gpu"):
        Reader(run)
    for setting in ("auto", "cpu"):
        see(monkeypatch, setting=setting)
        assert Engine(run.engine_file).placement == device.Placement("CPU")


def test_cpu_leaves_a_gpu_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    see(monkeypatch, "HETERO:CPU", setting="cpu")
    assert Engine(file).placement == device.Placement("CPU")


@pytest.mark.parametrize("setting", ["auto", "gpu"])
def test_a_device_that_fails_in_the_middle(
    file: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    expected = Engine(file, "cpu")(pixels).logit
    see(monkeypatch, "HETERO:CPU", setting=setting)
    monkeypatch.setattr(device, "Compiled", Off)
    engine = Engine(file)
    engine(pixels)
    monkeypatch.setattr(Off, "broken", True)
    if setting == "gpu":
        with pytest.raises(ModelError, match="HETERO:CPU failed: out of device memory"):
            engine(pixels)
    else:
        np.testing.assert_allclose(engine(pixels).logit, expected, atol=device.TOLERANCE)
        assert str(engine.placement) == "CPU (HETERO:CPU failed: out of device memory)"
