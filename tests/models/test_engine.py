"""An engine gives back what it does not need, and says the same afterwards."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.models import engine as engines
from core.models.engine import Engine
from core.runs.run_store import Run
from tests.factories import archives

psutil = pytest.importorskip("psutil")


@pytest.fixture
def file(finished_run: Run, tmp_path: Path) -> Path:
    """A copy of a run's engine."""
    for part in (finished_run.engine_file, finished_run.engine_file.with_suffix(".bin")):
        shutil.copy(part, tmp_path / part.name)
    return tmp_path / finished_run.engine_file.name


def _images(engine: Engine, number: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, *engine.shape), np.uint8)


def test_many_images_say_what_each_says_alone(file: Path) -> None:
    engine = Engine(file)
    images = _images(engine, 2 * engines.AT_ONCE + 3)
    together = engine(images)
    alone = [engine(image[None]) for image in images]
    assert together.logit.shape == (len(images),)
    for name in ("features", "logit", "gradient"):
        expected = np.concatenate([getattr(one, name) for one in alone])
        assert getattr(together, name).dtype == np.float32
        np.testing.assert_allclose(getattr(together, name), expected, atol=1e-5)
    assert max(engine._packed) == engines.AT_ONCE
    np.testing.assert_allclose(engine.logits(images), together.logit, atol=1e-5)
    logits, pooled = engine.predict(images, batch=len(images))
    np.testing.assert_allclose(logits, together.logit, atol=1e-5)
    assert len(pooled) == len(images)


def test_what_was_let_go_comes_back(file: Path) -> None:
    engine = Engine(file)
    images = _images(engine, 2)
    before = engine(images)
    for _ in range(2):
        engine._mapped.release()
        after = engine(images)
        np.testing.assert_array_equal(after.logit, before.logit)
    heads = [head(before.features).logit for head in engine.shuffled_heads]
    engine._mapped.release()
    again = [head(before.features).logit for head in engine.shuffled_heads]
    np.testing.assert_array_equal(again, heads)
    np.testing.assert_allclose(engine.head(before.features).logit, before.logit, atol=1e-4)


def test_the_weights_of_the_file_are_not_kept_in_memory(file: Path) -> None:
    engine = Engine(file)
    weights = file.with_suffix(".bin")
    engine(_images(engine, 1))
    maps = [one for one in psutil.Process().memory_maps() if one.path == str(weights)]
    assert maps, "the weights are mapped"
    assert sum(one.rss for one in maps) < weights.stat().st_size / 10


def test_side_by_side_it_says_the_same_and_afterwards_too(file: Path) -> None:
    engine = Engine(file)
    images = _images(engine, 12)
    alone = engine(images).logit
    with engine.many_at_once() as first, engine.many_at_once() as second:
        assert first == second >= 1
        with ThreadPoolExecutor(4) as pool:
            together = np.concatenate(
                [output.logit for output in pool.map(engine, images.reshape(4, 3, *engine.shape))]
            )
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_array_equal(engine(images).logit, alone)


def test_small_images_are_read_side_by_side(artifacts: Path) -> None:
    engine = Engine(archives.shipped_run("demo-colour-bands").engine_file)
    assert engine.shape[0] <= engines.SMALL
    images = _images(engine, 40)
    alone = np.concatenate([engine(image[None]).logit for image in images])
    np.testing.assert_allclose(engine.logits(images), alone, atol=1e-4)
    ready = engine._model
    with engine.many_at_once():
        assert engine._ready() is ready, "it needs no other preparation for many images"


@pytest.mark.parametrize("part", [".xml", ".bin"])
@pytest.mark.parametrize("size", [0, 1000])
def test_a_damaged_engine_says_so(file: Path, part: str, size: int) -> None:
    damaged = file.with_suffix(part)
    damaged.write_bytes(damaged.read_bytes()[:size])
    engine = Engine(file)
    with pytest.raises(ModelError, match="damaged"):
        engine(np.zeros((1, 224, 224, 3), np.uint8))
    with pytest.raises(ModelError, match="damaged"):
        _ = engine.head
