"""Keras file against engine, in a real process that loads it in safe mode."""

import subprocess
import sys

import pytest

from core.errors import BlastLensError, ModelError, RunError
from core.workers import verification
from tests.archive.test_keras_file import rebuilt
from tests.factories.archives import SHIPPED, shipped_run


def test_a_run_whose_files_agree_is_verified_in_another_process() -> None:
    before = "tensorflow" in sys.modules
    assert verification.verify(shipped_run()) <= 1e-4
    assert ("tensorflow" in sys.modules) == before


def test_what_the_process_says_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess(
        [], 0, 'noise\n{"difference": null, "error": "Other."}\n', ""
    )
    monkeypatch.setattr(verification.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(RunError, match=r"model\.keras is refused: Other\."):
        verification.verify(shipped_run())
    done.stdout, done.stderr = "", "killed"
    with pytest.raises(RunError, match=r"cannot be loaded in Keras's safe mode \(killed"):
        verification.verify(shipped_run("demo-cnn-dropout"))


def test_an_engine_of_other_weights_is_found_out() -> None:
    run = shipped_run()
    for name in ("engine.xml", "engine.bin"):
        (run.path / name).write_bytes((SHIPPED / "demo-cnn-dropout" / name).read_bytes())
    with pytest.raises(ModelError, match="differs from the trained model"):
        verification.compare(run)  # what the process does


def test_what_could_run_never_reaches_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(verification.subprocess, "run", never)
    run = shipped_run()
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {}}
    (run.path / "model.keras").unlink()
    with pytest.raises(BlastLensError, match=r"has no model\.keras"):
        verification.verify(run)
    rebuilt(run.path / "model.keras", layer=layer)
    with pytest.raises(ModelError, match="could run code"):
        verification.verify(run)
