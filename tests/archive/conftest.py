"""Runs are checked in this process, which is quick; test_examination.py starts one."""

import pytest

from core.archive import checks, examination
from core.runs.run_store import Run
from tests.factories.archives import shipped_run


@pytest.fixture(autouse=True)
def _checked_here(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "new_processes" not in request.fixturenames:
        monkeypatch.setattr(examination, "require", checks.require)


@pytest.fixture
def run() -> Run:
    return shipped_run()
