"""A run from elsewhere is checked by a process that may run out of memory, of time, or die."""

import sys

import pytest

from core import storage
from core.archive import examination
from core.errors import RunError
from core.settings import Settings, settings
from tests.factories.archives import shipped_run

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("new_processes")]


def limited(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    base = settings()
    made = Settings(artifacts=base.artifacts, weights=base.weights, **limits)  # type: ignore[arg-type]
    monkeypatch.setattr(examination, "settings", lambda: made)


def test_a_whole_run_passes_and_a_wrong_file_is_named() -> None:
    run = shipped_run()
    examination.require(run)
    storage.write_json(run.path / "calibration.json", {"temperature": 0})
    with pytest.raises(RunError, match=r"calibration\.json is refused\. .*temperature is 0"):
        examination.require(run)


def test_a_process_that_takes_too_long_or_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = shipped_run()
    limited(monkeypatch, examination_seconds=0)
    with pytest.raises(RunError, match="took over 0 s"):
        examination.require(run)
    limited(monkeypatch)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RunError, match="needs more memory than the limit of 1 GiB"):
        examination.require(run)
