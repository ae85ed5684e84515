"""What the tests of pages share."""

import functools
import sys
from collections.abc import Iterator

import pytest
from streamlit.components.v2 import manifest_scanner

from core.runs.speed import SpeedProbe
from pages.ui.common.training import training_time


@pytest.fixture(scope="session", autouse=True)
def _components_scanned_once() -> Iterator[None]:
    """Each new `AppTest` scans every installed package for components; here the first one does."""
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


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
