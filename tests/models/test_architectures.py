"""One test over the whole catalogue: each entry builds, trains on its own pixels, and exports."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, ModelError
from core.models import catalog, weights

# Weights counted by hand: k*k*in*out + out for each convolution and dense layer.
PARAMETERS = {
    "cnn-32": 896 + 1056 + 9248 + 1056 + (13 * 13 * 32 * 128 + 128) + 129,
    "cnn-16": 448 + 272 + 2320 + 272 + (13 * 13 * 16 * 128 + 128) + 129,
    "cnn-dropout": 896 + 4624 + 1160 + (26 * 26 * 8 * 64 + 64) + 65,
    "vgg16": 14_714_688 + (512 * 256 + 256) + 257,
    "efficientnet-b3": 10_783_535 + 4 * 1536 + (1536 * 256 + 256) + 257,
    "densenet-121": 7_037_504 + (1024 * 256 + 256) + 257,
}


@pytest.fixture(scope="module")
def cells(demo_root: Path) -> np.ndarray:
    from core.data.images import Geometry, decode, fit

    files = sorted(demo_root.rglob("*.bmp"))[::40]
    return np.stack([fit(decode(file), Geometry()) for file in files])


@pytest.mark.parametrize("key", catalog.ARCHITECTURES)
def test_an_architecture_builds_to_its_weights_and_its_engine_agrees(
    key: str, cells: np.ndarray, tmp_path: Path
) -> None:
    import tensorflow as tf

    from core.models import classifier
    from core.models.engine import Engine
    from core.models.export import disagreement, export

    built = classifier.build(catalog.architecture(key), weights_choice="random")
    assert built.model.count_params() == PARAMETERS[key]
    assert built.model.output_shape == (None, 1)
    if catalog.architecture(key).pretrained:
        assert not built.backbone.trainable_weights

    export(built, tmp_path / "engine.xml")
    engine = Engine(tmp_path / "engine.xml")
    assert disagreement(built, engine, cells) <= 1e-4
    output = engine(cells)
    features = built.backbone.predict_on_batch(cells.astype(np.float32))
    np.testing.assert_allclose(output.features, features, atol=1e-4 * max(1, features.max()))
    with tf.GradientTape() as tape:
        watched = tf.constant(features)
        tape.watch(watched)
        logit = built.head(watched, training=False)
    gradient = tape.gradient(logit, watched).numpy()
    np.testing.assert_allclose(output.gradient, gradient, atol=1e-4 * np.abs(gradient).max())


def test_the_engine_refuses_pixels_of_another_range_or_size(tmp_path: Path) -> None:
    from core.models import classifier
    from core.models.engine import Engine
    from core.models.export import export

    export(classifier.build(catalog.architecture("cnn-16")), tmp_path / "engine.xml")
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


def test_missing_weights_are_named_with_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.models import classifier

    monkeypatch.setenv("BLASTLENS_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    entry = catalog.architecture("vgg16")
    assert weights.find(entry) is None
    with pytest.raises(ModelError) as error:
        classifier.build(entry)
    assert entry.pretrained and entry.pretrained.file in str(error.value)
    assert str(tmp_path) in str(error.value) and "weights=random" in str(error.value)


def test_real_densenet_weights_give_imagenet_features(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, cells: np.ndarray
) -> None:
    import keras

    from core.models import classifier

    monkeypatch.setenv("BLASTLENS_WEIGHTS", str(real_data / "weights"))
    entry = catalog.architecture("densenet-121")
    built = classifier.build(entry)
    theirs = keras.applications.DenseNet121(include_top=False, weights=str(weights.require(entry)))
    pixels = cells[:1].astype(np.float32)
    expected = theirs.predict_on_batch(keras.applications.densenet.preprocess_input(pixels.copy()))
    np.testing.assert_allclose(built.backbone.predict_on_batch(pixels), expected, atol=1e-3)


def test_weights_that_are_no_choice_are_not_taken_for_random() -> None:
    from core.models import classifier

    with pytest.raises(ConfigError, match="imagenet, random"):
        classifier.build(catalog.architecture("vgg16"), weights_choice="ImageNet")


def test_an_unknown_architecture_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="cnn-16"):
        catalog.architecture("resnet")
