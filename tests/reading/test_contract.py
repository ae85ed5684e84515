"""A model is fed as it was trained: other pixels, sizes and geometries cannot reach it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.geometry import Geometry, fit
from core.data.images import decode, encode
from core.errors import ModelError, RunError
from core.models import catalog
from core.models.engine import Engine
from core.reading import timing
from core.reading.reader import Reader
from core.report.card import sections
from core.runs.run_store import Run


@pytest.fixture
def pixels(demo_root: Path) -> np.ndarray:
    """What the engine takes: uint8 (1, 224, 224, 3)."""
    return fit(decode(sorted(demo_root.rglob("*.bmp"))[0]), Geometry())[None]


@pytest.fixture
def copy(finished_run: Run, tmp_path: Path) -> Run:
    """A run whose files a test may change."""
    shutil.copytree(finished_run.path, tmp_path / "copy")
    return Run(tmp_path / "copy")


def edit(run: Run, **changed: Any) -> None:
    file = run.path / "metrics.json"
    document = json.loads(file.read_text()) | changed
    file.write_text(json.dumps({k: v for k, v in document.items() if v is not None}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p / np.float32(255),  # 0 to 1, what most notebooks would feed
        lambda p: p.astype(np.float32),
        lambda p: p.astype(np.int16) - 128,
        lambda p: p.astype(np.uint16) * 257,
        lambda p: p > 16,
        lambda p: p[:, ::2, ::2],
        lambda p: np.repeat(np.repeat(p, 2, axis=1), 2, axis=2),
        lambda p: p[:, :200],
        lambda p: p[:, :, :, :1],
        lambda p: np.concatenate([p, p[..., :1]], axis=3),
        lambda p: p[0],
        lambda p: np.moveaxis(p, 3, 1),
    ],
)
def test_no_other_range_type_size_or_layout_reaches_the_engine(
    finished_run: Run, pixels: np.ndarray, spoil: Any
) -> None:
    engine = Engine(finished_run.engine_file)
    assert np.isfinite(engine(pixels).logit).all()
    with pytest.raises(ModelError, match=r"takes uint8 pixels \(N, 224, 224, 3\)"):
        engine(spoil(pixels))


def test_values_squeezed_into_0_and_1_are_a_black_picture_and_never_read(
    finished_run: Run, demo_root: Path
) -> None:
    image = decode(sorted(demo_root.rglob("*.bmp"))[0])
    reading = Reader(finished_run).read(encode((image / 255).round().astype(np.uint8)), "unit.png")
    assert reading.kind == "refused" and reading.gate.code == "stained"


def test_a_reader_takes_files_not_arrays(finished_run: Run, pixels: np.ndarray) -> None:
    with pytest.raises((TypeError, AttributeError, ValueError)):
        Reader(finished_run).read(pixels[0])  # type: ignore[arg-type]


def test_a_run_keeps_how_it_is_fed_whatever_the_catalogue_says_later(
    finished_run: Run, demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finished_run.metrics.preprocessing == {
        "window": 448,
        "size": 224,
        "pixels": "RGB, uint8",
    }
    file = sorted(demo_root.rglob("*_all.bmp"))[0]
    before = Reader(finished_run).read(file).cells[0].logit
    entry = catalog.ARCHITECTURES["cnn-16"]
    changed = entry.__class__(**{**entry.__dict__, "geometry": Geometry(window=300, size=112)})
    monkeypatch.setitem(catalog.ARCHITECTURES, "cnn-16", changed)
    assert Reader(finished_run).read(file).cells[0].logit == before
    assert timing.milliseconds(finished_run, calls=1) > 0
    card = str(sections.to_json(sections.build(finished_run, [])))
    assert "448 x 448 pixels, area-averaged to 224 x 224" in card


def test_a_run_fed_otherwise_than_its_engine_takes_is_an_error_not_a_reading(
    copy: Run, demo_root: Path
) -> None:
    edit(copy, preprocessing={"window": 450, "size": 112, "pixels": "RGB, uint8"})
    with pytest.raises(ModelError, match="takes uint8 pixels"):
        Reader(copy).read(sorted(demo_root.rglob("*_all.bmp"))[0])


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "224",
        {"window": 450},
        {"window": 450, "size": 224, "pixels": "BGR, float32 0..1"},
        {"window": 450, "size": 10**6, "pixels": "RGB, uint8"},
        {"window": 0, "size": 224, "pixels": "RGB, uint8"},
    ],
)
def test_a_run_that_is_fed_otherwise_than_blastlens_can_feed_cannot_read(
    copy: Run, kept: Any
) -> None:
    edit(copy, preprocessing=kept)
    with pytest.raises(RunError, match="is fed"):
        Reader(copy)
