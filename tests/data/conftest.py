"""Small data sets that tests of the index share."""

from pathlib import Path

import pytest

from core.data import images
from tests.factories.trees import cell, save


@pytest.fixture
def root(tmp_path) -> Path:
    """Three subjects, one cell each."""
    folder = tmp_path / "set"
    save(folder / "fold_0/all/UID_1_1_1_all.bmp", cell("1"))
    save(folder / "fold_1/all/UID_2_1_1_all.bmp", cell("2"))
    save(folder / "fold_2/hem/UID_H1_1_1_hem.bmp", cell("H1"))
    return folder


@pytest.fixture
def per_class(tmp_path) -> Path:
    """Two class folders of two cells each, without subjects."""
    for number, (name, subject) in enumerate(
        [("blast", "1"), ("blast", "2"), ("normal", "H1"), ("normal", "H2")]
    ):
        save(tmp_path / f"per class/{name}/{number % 2}.png", cell(subject), "PNG")
    return tmp_path / "per class"


@pytest.fixture
def no_decoding(monkeypatch):
    """Call it, and from then on reading a pixel fails the test."""

    def refuse(*_, **__):
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(images, "decode", refuse)
