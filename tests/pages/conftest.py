"""What the tests of pages share."""

import functools
import sys
from collections.abc import Iterator
from unittest.mock import MagicMock

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import app_test, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from core.runs.speed import SpeedProbe
from pages.ui.common.training import training_time


@pytest.fixture(scope="session", autouse=True)
def _components_scanned_once() -> Iterator[None]:
    """Each new `AppTest` scans every installed package for components; here the first one does."""
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(scope="session", autouse=True)
def _runs_cost_little() -> Iterator[None]:
    """What each run of a page by `AppTest` makes anew is made once: the stand-in for the server and
    the compiled scripts. The end of a run is waited for, not looked for each millisecond.
    """
    server, scripts = MagicMock(spec=Runtime), ScriptCache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app_test, "MagicMock", lambda spec: server)
        for module in (app_test, local_script_runner):
            patch.setattr(module, "ScriptCache", lambda: scripts)
        patch.setattr(local_script_runner, "require_widgets_deltas", _require_end)
        yield


def _require_end(runner: LocalScriptRunner, timeout: float) -> None:
    assert runner._script_thread is not None
    runner._script_thread.join(timeout)
    if not runner.script_stopped():
        runner.request_stop()
        raise RuntimeError(f"The page has not ended after {timeout} s.")


@pytest.fixture(autouse=True)
def _keras_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each run of a page Streamlit has Keras, if another test has imported it, forget its
    models, which looks through all objects for garbage. The app itself never imports Keras.
    """
    if "keras" in sys.modules:
        monkeypatch.setattr("keras.backend.clear_session", lambda: None)


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> list[SpeedProbe]:
    """The probes of speed that pages would start; none is, since each imports TensorFlow."""
    started: list[SpeedProbe] = []
    monkeypatch.setattr(training_time, "start", started.append)
    return started
