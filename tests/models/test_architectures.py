"""One test over the whole catalogue: each entry builds, trains on its own pixels, and exports."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.archive import engine_file, keras_file
from core.errors import ConfigError, ModelError
from core.explain.cam_methods import method
from core.explain.heat_map import views
from core.explain.suited import suited
from core.models import catalog
from core.models.architecture import Architecture
from tests.factories.trees import fitted_cells

if TYPE_CHECKING:
    from core.models.classifier import Classifier
    from core.models.engine import Engine


def bottleneck(inputs: int, outputs: int, kernel: int) -> int:
    """Weights of a block of EfficientNet-Lite: sixfold, normalised after each convolution."""
    return 6 * inputs * (inputs + 4 + kernel**2 + 4 + outputs) + 4 * outputs


LITE_STEM = (27 * 32 + 4 * 32) + (9 * 32 + 4 * 32 + 32 * 16 + 4 * 16)
LITE0 = LITE_STEM + bottleneck(16, 24, 3) + bottleneck(24, 24, 3)
LITE0 += bottleneck(24, 40, 5) + bottleneck(40, 40, 5)
LITE2 = LITE_STEM + bottleneck(16, 24, 3) + 2 * bottleneck(24, 24, 3)
LITE2 += bottleneck(24, 48, 5) + 2 * bottleneck(48, 48, 5)
LITE2 += bottleneck(48, 88, 3) + 3 * bottleneck(88, 88, 3)
LITE2 += bottleneck(88, 120, 5) + 3 * bottleneck(120, 120, 5)
# Weights counted by hand: k*k*in*out + out for each convolution and dense layer.
PARAMETERS = {
    "cnn-32": 896 + 1056 + 9248 + 1056 + (13 * 13 * 32 * 128 + 128) + 129,
    "cnn-16": 448 + 272 + 2320 + 272 + (13 * 13 * 16 * 128 + 128) + 129,
    "cnn-dropout": 896 + 4624 + 1160 + (26 * 26 * 8 * 64 + 64) + 65,
    "compact": 9 * (4 * 16 + 16 * 32 + 32 * 64) + 4 * 64 + 65,
    "colour-bands": 2 * 3 + 3 * 2 * 5 * 16 + 24 * 32 + 32 * 32 + 33,
    "vgg16": 14_714_688 + (512 * 256 + 256) + 257,
    "efficientnet-b3": 10_783_535 + 4 * 1536 + (1536 * 256 + 256) + 257,
    "densenet-121": 7_037_504 + (1024 * 256 + 256) + 257,
    "efficientnet-v2-b0": 5_919_312 + (1280 * 256 + 256) + 257,
    "mobilenet-v3-small": 939_120 + (576 * 256 + 256) + 257,
    "efficientnet-lite0": LITE0 + 4 * 40 + 41,
    "efficientnet-lite0-size": LITE0 + 4 * 40 + 41,
    "efficientnet-lite2": LITE2 + 4 * 168 + 169,
}


@pytest.mark.parametrize("key", catalog.ARCHITECTURES)
def test_an_architecture_builds_to_its_weights_and_its_engine_agrees(
    key: str, demo_root: Path, tmp_path: Path
) -> None:
    import tensorflow as tf

    from core.models import classifier
    from core.models.conversion import to_engine
    from core.models.engine import Engine

    entry = catalog.architecture(key)
    if entry.pretrained:  # their heads take a map of any size; small ones are quick
        entry = replace(entry, geometry=replace(entry.geometry, size=96))
    built = classifier.build(entry, weights_choice="random")
    assert built.model.count_params() == PARAMETERS[key]
    assert built.model.output_shape == (None, 1)
    if entry.pretrained:
        assert not built.backbone.trainable_weights

    logit = built.head.get_layer("logit")
    kernel, bias = logit.get_weights()
    if not kernel.any():  # as some begin; of such a head every gradient is 0
        logit.set_weights([np.random.default_rng(0).normal(size=kernel.shape), bias])
    cells = fitted_cells(demo_root, entry.geometry)
    to_engine(built, tmp_path / "engine.xml")
    engine = Engine(tmp_path / "engine.xml")
    # So a run of it can be exported and imported.
    engine_file.require_plain(tmp_path / "engine.xml", cells.shape[1])
    keras_file.require_safe(json.loads(built.model.to_json()))
    output = engine(cells)
    features = built.backbone(cells.astype(np.float32), training=False).numpy()
    np.testing.assert_allclose(output.features, features, atol=1e-4 * max(1, features.max()))
    with tf.GradientTape() as tape:
        watched = tf.constant(features)
        tape.watch(watched)
        logit = built.head(watched, training=False)
    largest = max(1.0, float(np.abs(output.logit).max()))
    np.testing.assert_allclose(output.logit, logit.numpy()[:, 0], atol=1e-4 * largest)
    gradient = tape.gradient(logit, watched).numpy()
    np.testing.assert_allclose(output.gradient, gradient, atol=1e-4 * np.abs(gradient).max())
    _require_the_map_that_suits_it(key, engine, cells)
    if entry.pretrained:
        _require_blocks_that_open_from_the_top(built, entry)


def _require_the_map_that_suits_it(key: str, engine: "Engine", cells: np.ndarray) -> None:
    """Grad-CAM suits if it is HiResCAM, because the gradient is the same at all positions."""
    (view,) = views(engine, cells[:1])
    by_position, by_channel = (method(m).evidence(view, 1.0) for m in ("hires-cam", "grad-cam"))
    apart = np.abs(by_channel - by_position).max() / np.abs(by_position).max()
    assert (apart < 1e-3) == (suited(key).method == "grad-cam")


def _require_blocks_that_open_from_the_top(built: "Classifier", entry: Architecture) -> None:
    """Each block of the catalogue opens more weights than the one above it, and no statistics."""
    import keras

    from core.training.network import open_blocks

    opened = [0]
    for block in entry.blocks:
        open_blocks(built, block)
        opened.append(
            sum(variable.shape.num_elements() for variable in built.backbone.trainable_weights)
        )
    assert opened == sorted(set(opened)) and opened[-1] < built.backbone.count_params()
    (network,) = (layer for layer in built.backbone.layers if isinstance(layer, keras.Model))
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            assert not layer.trainable_weights


def test_the_engine_refuses_pixels_of_another_range_or_size(tmp_path: Path) -> None:
    from core.models import classifier
    from core.models.conversion import to_engine
    from core.models.engine import Engine

    to_engine(classifier.build(catalog.architecture("cnn-16")), tmp_path / "engine.xml")
    engine = Engine(tmp_path / "engine.xml")
    with pytest.raises(ModelError, match="uint8"):
        engine(np.zeros((1, 224, 224, 3), np.float32))
    with pytest.raises(ModelError, match=r"\(1, 100, 100, 3\)"):
        engine(np.zeros((1, 100, 100, 3), np.uint8))
    (tmp_path / "engine.bin").unlink()
    with pytest.raises(ModelError, match=r"engine\.bin is missing"):
        Engine(tmp_path / "engine.xml")


@pytest.mark.parametrize(
    ("key", "own", "study"),
    [
        ("cnn-16", "cnn-16", "cnn-16"),
        ("vgg16", "caffe", "unit"),
        ("efficientnet-b3", "raw", "unit"),
    ],
)
def test_pixel_scaling_is_inside_the_classifier(key: str, own: str, study: str) -> None:
    """Black and white, 0 and 255, reach the network as it expects, or as the study fed it."""
    import keras

    from core.models import builders

    extremes = np.array([0, 255], np.float32).reshape(2, 1, 1, 1) * np.ones(
        (2, 1, 1, 3), np.float32
    )
    expected = {
        "caffe": np.stack(
            [-np.array([103.939, 116.779, 123.68]), 255 - np.array([103.939, 116.779, 123.68])]
        ),
        "unit": np.array([[0.0] * 3, [1.0] * 3]),
        "raw": np.array([[0.0] * 3, [255.0] * 3]),
    }
    entry = catalog.architecture(key)
    assert entry.backbone_options.get("pixels", key) == own
    assert (entry.study_pixels or key) == study
    for scaling in {own, study} & set(expected):
        inputs = keras.Input((1, 1, 3))
        model = keras.Model(inputs, builders._scaled(inputs, scaling))
        np.testing.assert_allclose(
            model.predict_on_batch(extremes)[:, 0, 0], expected[scaling], atol=1e-3
        )


def test_torch_scaling_matches_keras_own_for_densenet() -> None:
    import keras

    from core.models import builders

    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    inputs = keras.Input((4, 4, 3))
    ours = keras.Model(inputs, builders._scaled(inputs, "torch")).predict_on_batch(pixels)
    theirs = keras.applications.densenet.preprocess_input(pixels.copy())
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_weights_that_are_no_choice_are_not_taken_for_random() -> None:
    from core.models import classifier

    with pytest.raises(ConfigError, match="imagenet, random"):
        classifier.build(catalog.architecture("vgg16"), weights_choice="ImageNet")


def test_an_unknown_architecture_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="cnn-16"):
        catalog.architecture("resnet")


def test_a_seed_draws_the_same_head_whatever_its_backbone_has_drawn() -> None:
    import keras

    from core.models import builders, classifier

    entry = catalog.architecture("mobilenet-v3-small")
    built = classifier.build(entry, weights_choice="random", seed=3)
    keras.utils.set_random_seed(3)
    alone = builders.pooled(built.backbone.output_shape[1:], dropout=None, l2=0.0)
    other = classifier.build(entry, weights_choice="random", seed=4)
    for drawn, expected in zip(built.head.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(drawn, expected)
    assert np.ptp(built.head.get_weights()[0] - other.head.get_weights()[0]) > 0
