"""The head cut out of an engine, and heads that have learned nothing."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.models.engine import Engine
from core.runs.run_store import Run
from tests.conftest import PROJECT

SHIPPED = sorted((PROJECT / "artifacts" / "runs").glob("*/engine.xml"))


def _pixels(engine: Engine) -> np.ndarray:
    side = engine.shape[0]
    return np.random.default_rng(0).integers(0, 256, (3, side, side, 3), np.uint8)


def slope(head, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The logit's change along a random direction: by finite differences, and by the gradient."""
    direction = np.random.default_rng(1).normal(size=features.shape).astype(np.float32)
    step = np.float32(3e-3 * np.abs(features).mean())
    up, down = (head(features + sign * step * direction).logit.astype(float) for sign in (1, -1))
    return (up - down) / (2 * step), (head(features).gradient * direction).sum(axis=(1, 2, 3))


@pytest.mark.parametrize(
    ("name", "options"), [("averaged", {}), ("pooled", {"batch_normalisation": True})]
)
def test_the_head_of_an_exported_engine_gives_its_logit_and_gradient(
    name: str, options: dict, tmp_path: Path
) -> None:
    import keras

    from core.models import builders
    from core.models.classifier import Classifier
    from core.models.conversion import to_engine

    backbone = builders.compact(32, filters=(8, 16))
    head = getattr(builders, name)(backbone.output_shape[1:], **options)
    inputs = keras.Input((32, 32, 3))
    built = Classifier(backbone, head, keras.Model(inputs, head(backbone(inputs))))
    random = np.random.default_rng(2)
    for layer in built.head.layers:
        for weight in layer.weights:  # normalisation that does something, in both directions
            if len(weight.shape) == 1:
                weight.assign(weight + random.uniform(0.1, 1, weight.shape))
    to_engine(built, tmp_path / "engine.xml")
    _check(Engine(tmp_path / "engine.xml"))


@pytest.mark.parametrize("file", SHIPPED, ids=[file.parent.name for file in SHIPPED])
def test_runs_made_before_there_were_heads_have_one(file: Path) -> None:
    _check(Engine(file))


def test_shipped_runs_are_there_to_be_tested() -> None:
    assert len(SHIPPED) >= 2


def _check(engine: Engine) -> None:
    output = engine(_pixels(engine))
    found = engine.head(output.features)
    scale = np.abs(output.gradient).max()
    np.testing.assert_allclose(found.logit, output.logit, atol=1e-4)
    np.testing.assert_allclose(found.gradient, output.gradient, atol=1e-5 * scale)
    logits = [output.logit]
    # Those of untrained weights may be too small for finite differences.
    others = np.abs(np.random.default_rng(3).normal(size=output.features.shape)).astype(np.float32)
    for head in engine.shuffled_heads:
        shuffled = head(output.features)
        assert np.isfinite(shuffled.logit).all()
        measured, stated = slope(head, others)
        np.testing.assert_allclose(measured, stated, rtol=0.05, atol=0.02 * np.abs(stated).max())
        logits.append(shuffled.logit)
    assert len({logit.tobytes() for logit in logits}) == len(logits)


def test_shuffled_heads_are_the_same_at_each_start(finished_run: Run) -> None:
    one, other = Engine(finished_run.engine_file), Engine(finished_run.engine_file)
    features = one(_pixels(one)).features
    for first, second in zip(one.shuffled_heads, other.shuffled_heads, strict=True):
        np.testing.assert_array_equal(first(features).logit, second(features).logit)


def test_features_of_another_shape_are_refused(finished_run: Run) -> None:
    with pytest.raises(ModelError, match="takes features"):
        Engine(finished_run.engine_file).head(np.zeros((1, 2, 2, 3), np.float32))


def test_pixels_between_whole_numbers_have_features_too(finished_run: Run) -> None:
    engine = Engine(finished_run.engine_file)
    pixels = _pixels(engine)
    whole = engine(pixels).features
    np.testing.assert_allclose(engine.features(pixels.astype(np.float32)), whole, atol=1e-5)
    between = engine.features(np.minimum(pixels + np.float32(0.4), 255))
    assert np.abs(between - whole).max() > 0
