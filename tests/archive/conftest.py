"""Runs are checked in this process, which is quick; test_examination.py starts one."""

import pytest

from core.archive import checks, examination


@pytest.fixture(autouse=True)
def _checked_here(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "new_processes" not in request.fixturenames:
        monkeypatch.setattr(examination, "require", checks.require)
