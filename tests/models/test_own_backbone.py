"""A backbone that a user brings gives its own features, and a run on it is like any other."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino
import pytest

from core import storage
from core.doctor import diagnoses
from core.errors import ConfigError, ModelError
from core.explain.cam_methods import method
from core.explain.heat_map import views
from core.explain.trust import NO_PLACES, judge
from core.models import catalog, weights
from core.models.architecture import Architecture
from core.models.engine import Engine
from core.models.own_backbone import KnownHead
from core.reading.reader import Reader
from core.report.card import render, sections
from core.runs import config, run_store
from core.settings import settings
from tests.factories import foreign, onnx_file, training

MEAN, SCALE = (120.0, 110.0, 100.0), (60.0, 50.0, 40.0)


def bring(name: str, model: object, size: int, **more: object) -> str:
    """Puts a Keras model, or the bytes of an ONNX file, and its description into the folder."""
    folder = settings().weights
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, bytes):
        (folder / f"{name}.onnx").write_bytes(model)
    else:
        from core.models import conversion

        graph = conversion.of_model(model, folder)
        openvino.save_model(graph, folder / f"{name}.xml", compress_to_fp16=False)
    described = {"size": size, "mean": MEAN, "scale": SCALE, "licence": "MIT", "source": "a test"}
    (folder / f"{name}.json").write_text(json.dumps(described | more))
    return f"own-{name}"


def engine_of(key: str, file: Path) -> Engine:
    from core.models import classifier, conversion

    made = classifier.build(catalog.architecture(key))
    # The first layer of a fresh head leaves little of small features.
    made.head.set_weights([3 * array for array in made.head.get_weights()])
    conversion.to_engine(made, file)
    engine = Engine(file)
    assert conversion.disagreement(made, engine, noise(catalog.architecture(key))) <= 1e-4
    return engine


def noise(entry: Architecture) -> np.ndarray:
    side = entry.geometry.size
    return np.random.default_rng(0).integers(0, 256, (4, side, side, 3), np.uint8)


def scaled(pixels: np.ndarray) -> np.ndarray:
    fed: np.ndarray = (pixels - np.float32(MEAN)) / np.float32(SCALE)
    return fed


def test_its_features_are_those_that_keras_computes(tmp_path: Path) -> None:
    import keras

    model = foreign.made("nested").layers[0]
    assert isinstance(model, keras.Model)
    key = bring("cells", model, 64, title="Cell net", channels="bgr")
    entry = catalog.trainable()[key]
    assert entry.title == "Cell net (own, frozen)" and "MIT" in entry.source
    output = engine_of(key, tmp_path / "engine.xml")(noise(entry))
    expected = np.asarray(model(scaled(noise(entry))[..., ::-1], training=False))
    np.testing.assert_allclose(output.features, expected, atol=1e-4)
    assert output.gradient.shape == output.features.shape and np.ptp(output.gradient) > 0


def test_an_onnx_file_with_channels_first_gives_a_map_with_channels_last(tmp_path: Path) -> None:
    kernel = np.random.default_rng(1).standard_normal((5, 3, 3, 3)).astype(np.float32)
    key = bring("torch", onnx_file.convolution(kernel, 16), 16)
    entry = catalog.architecture(key)
    found = engine_of(key, tmp_path / "engine.xml")(noise(entry)).features
    assert found.shape == (4, 14, 14, 5)
    windows = np.lib.stride_tricks.sliding_window_view(scaled(noise(entry)), (3, 3), axis=(1, 2))
    expected = np.maximum(np.einsum("nyxcij,kcij->nyxk", windows, kernel), 0)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_patch_tokens_are_a_map_and_the_class_token_is_none(tmp_path: Path) -> None:
    import keras
    from keras import layers

    whole = foreign.made("patches")
    tokens = next(x for x in whole.layers if isinstance(x, layers.LayerNormalization)).output
    first = layers.GlobalMaxPooling1D(keepdims=True)(tokens)
    model = keras.Model(whole.input, layers.Concatenate(axis=1)([first, tokens]))
    key = bring("transformer", model, foreign.SIDE)
    found = engine_of(key, tmp_path / "engine.xml")(noise(catalog.architecture(key))).features
    fed = scaled(noise(catalog.architecture(key)))
    expected = np.asarray(model(fed, training=False))[:, 1:].reshape(4, 4, 4, 16)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_features_without_places_are_trained_on_and_not_explained(tmp_path: Path) -> None:
    import keras

    whole = foreign.made("without places")
    key = bring("perceptron", keras.Model(whole.inputs, whole.layers[-2].output), foreign.SIDE)
    engine = engine_of(key, tmp_path / "engine.xml")
    view = views(engine, noise(catalog.architecture(key))[:1])[0]
    assert view.features.shape == (1, 1, 8)
    drawn = method("hires-cam")
    mask = np.ones(view.pixels.shape[:2], bool)
    judgement = judge(view, drawn(view, "ALL"), drawn, "ALL", mask, None)
    assert judgement.reason == NO_PLACES and judgement.figures is None


def test_a_class_token_is_trained_on_where_the_output_itself_is_asked_for(tmp_path: Path) -> None:
    import keras

    whole = foreign.made("class token")
    model = keras.Model(whole.input, whole.layers[-2].output)
    found = {}
    for features in ("map", "output"):
        key = bring("token", model, foreign.SIDE, features=features)
        found[features] = engine_of(key, tmp_path / f"{features}.xml")(
            noise(catalog.architecture(key))
        ).features
    assert found["map"].shape == (4, 4, 4, 16)
    expected = np.asarray(model(scaled(noise(catalog.architecture(key))), training=False))
    np.testing.assert_allclose(found["output"][:, 0, 0], expected, atol=1e-4)


def test_a_tensor_within_can_be_named(tmp_path: Path) -> None:
    kernel = np.random.default_rng(1).standard_normal((5, 3, 3, 3)).astype(np.float32)
    key = bring("torch", onnx_file.convolution(kernel, 16), 16, output="convolved")
    found = engine_of(key, tmp_path / "engine.xml")(noise(catalog.architecture(key))).features
    assert found.shape == (4, 14, 14, 5) and found.min() < 0  # before the ReLU
    bring("torch", onnx_file.convolution(kernel, 16), 16, output="elsewhere")
    with pytest.raises(ModelError, match=r"no tensor 'elsewhere'\. .* outputs map\. Name one"):
        engine_of(key, tmp_path / "engine.xml")


def test_what_is_wrong_with_it_is_said() -> None:
    kernel = np.zeros((2, 3, 3, 3), np.float32)
    key = bring("torch", onnx_file.convolution(kernel, 16), 16, scale=[0.2, 0.2, 0.2])
    with pytest.raises(ConfigError, match=r"those of pixels of 0\.\.255"):
        catalog.architecture(key)
    bring("torch", onnx_file.convolution(kernel, 16), 16, colour="green")
    with pytest.raises(ConfigError, match="colour"):
        catalog.architecture(key)
    from core.models import classifier

    bring("torch", onnx_file.convolution(kernel, 16), 24)
    with pytest.raises(ModelError, match=r'of 16 x 16 pixels, not of 24\..*"size": 16'):
        classifier.build(catalog.architecture(key))
    bring("torch", onnx_file.convolution(kernel, 16), 16)
    known = (settings().weights / "torch.json").with_suffix(".npz")
    head = KnownHead(np.ones(4, np.float32), np.eye(3, dtype=np.float32), np.array([0, 1, 1]))
    head.write(known)
    with pytest.raises(ModelError, match="has 4 weights; 2 features take as many and a bias"):
        classifier.build(catalog.architecture(key))
    replace(head, labels=np.array([0, 1, 2])).write(known)
    with pytest.raises(ModelError, match=r"torch\.npz is damaged .*do not fit together"):
        classifier.build(catalog.architecture(key))
    known.unlink()
    bring("torch", b"no graph", 16)
    with pytest.raises(ModelError, match=r"torch\.onnx cannot be read"):
        classifier.build(catalog.architecture(key))
    (settings().weights / "torch.onnx").unlink()
    # A run that was trained on it can still be read.
    assert catalog.architecture(key).head == "pooled" and key not in catalog.trainable()
    with pytest.raises(ModelError, match=r"torch is not on this machine.*torch\.json"):
        weights.require(catalog.architecture(key))
    assert "torch is not on this machine" in weights.missing(catalog.architecture(key))


def test_a_run_on_it_trains_reads_and_says_where_its_weights_are_from(demo_root: Path) -> None:
    key = bring("cells", foreign.made("nested").layers[0], 64)
    with pytest.raises(ConfigError, match="weights is 'random'"):
        config.create(key, demo_root, "recommended", weights="random")
    from core.models import classifier

    rng = np.random.default_rng(0)
    channels = classifier.build(catalog.architecture(key)).head.input_shape[-1]
    weights, features = (rng.normal(0, 1, shape) for shape in (channels + 1, (8, channels)))
    known = KnownHead(weights.astype(np.float32), features.astype(np.float32), np.arange(8) % 2)
    known.write(settings().weights / "cells.npz")
    run = run_store.create(config.create(key, demo_root, "recommended", epochs=2, views=1))
    training.train(run)
    assert run.geometry.size == 64 and not (run.path / "model.keras").exists()
    assert run.metrics is not None and run.metrics.training.features_per_second
    assert storage.backbone_dir("x").parent.is_dir()
    file = demo_root / run.predictions.query("split == 'test'")["image_id"].iloc[0]
    (cell,) = Reader(run).read(file.read_bytes(), file.name).cells
    assert cell.heat_map.values.shape == (4, 4)
    card = render.markdown(sections.build(run, diagnoses.examine(run)))
    assert "Of the user: cells" in card and "MIT" in card and "its head learned on here" in card
