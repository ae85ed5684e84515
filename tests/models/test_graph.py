"""Networks from elsewhere, taken apart as graphs: what they compute, and its derivative."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from core.archive import engine_file
from core.errors import ModelError
from core.models.engine import Engine
from core.models.graph import anatomy, assembly
from core.models.inputs import InputContract
from tests.factories import foreign

if TYPE_CHECKING:
    import keras

ENDS = {1: ((1,), (0,)), 2: ((0,), (1,)), 4: ((0, 3), (1, 2))}


def logit_of(model: "keras.Model", pixels: np.ndarray, contract: InputContract) -> np.ndarray:
    """What Keras itself says without the last activation, as log-odds of the ends of `ENDS`."""
    from keras import activations

    model.layers[-1].activation = activations.linear
    scores = np.asarray(model(contract.apply(pixels), training=False), float)
    if scores.shape[1] == 1:
        return scores[:, 0]
    sides = [np.logaddexp.reduce(scores[:, list(end)], axis=1) for end in ENDS[scores.shape[1]]]
    return sides[0] - sides[1]


@pytest.mark.parametrize("name", list(foreign.MODELS))
def test_its_engine_says_what_keras_says_and_explains_it(name: str, tmp_path: Path) -> None:
    from core.models import conversion

    model, contract = foreign.made(name), InputContract("-1..1", "bgr")
    found = anatomy.examine(conversion.of_model(model, tmp_path))
    graph, no_map = assembly.engine(found, contract, *ENDS[found.outputs])
    assembly.save(graph, tmp_path / "engine.xml")
    engine_file.require_plain(tmp_path / "engine.xml", found.size)
    engine = Engine(tmp_path / "engine.xml")
    pixels = np.random.default_rng(0).integers(0, 256, (5, found.size, found.size, 3), np.uint8)
    output = engine(pixels)
    np.testing.assert_allclose(output.logit, logit_of(model, pixels, contract), atol=1e-4)
    assert np.ptp(output.logit) > 1e-3
    assert output.features.shape[1:] == foreign.MODELS[name][1]
    reasons = {"without places": assembly.NO_MAP, "class token": assembly.CLASS_TOKEN}
    assert no_map == reasons.get(name, "")
    # The head alone gives the same, and the gradient is the slope of its logit.
    of_head = engine.head(output.features)
    np.testing.assert_allclose(of_head.logit, output.logit, atol=1e-4)
    np.testing.assert_allclose(of_head.gradient, output.gradient, atol=1e-5)
    step = np.random.default_rng(1).standard_normal(output.features.shape).astype("f4")
    step *= 1e-3 * np.abs(output.features).mean()
    ends = [engine.head(output.features + sign * step).logit.astype(float) for sign in (1, -1)]
    slope = (output.gradient.astype(float) * step).sum(axis=(1, 2, 3))
    np.testing.assert_allclose((ends[0] - ends[1]) / 2, slope, atol=5e-6, rtol=0.05)
    assert any(
        np.abs(head(output.features).logit - output.logit).max() > 1e-3
        for head in engine.shuffled_heads
    )


def test_what_is_no_classifier_of_images_is_refused_in_a_sentence(tmp_path: Path) -> None:
    import keras
    from keras import Input, Sequential, layers

    from core.models import conversion

    def examine(*parts: keras.layers.Layer, shape: tuple[int | None, ...] = (8, 8, 3)) -> None:
        model = Sequential([Input(shape), *parts])
        anatomy.examine(conversion.of_model(model, tmp_path))

    pooled = layers.GlobalAveragePooling2D()
    with pytest.raises(ModelError, match=r"colour images, \(N, S, S, 3\)"):
        examine(pooled, layers.Dense(1), shape=(8, 8, 1))
    with pytest.raises(ModelError, match="square images"):
        examine(pooled, layers.Dense(1), shape=(8, 9, 3))
    with pytest.raises(ModelError, match="--size"):
        examine(layers.Conv2D(4, 3), pooled, layers.Dense(1), shape=(None, None, 3))
    with pytest.raises(ModelError, match="1 whatever the image"):
        examine(pooled, layers.Dense(1, activation="softmax"))
    with pytest.raises(ModelError, match="number for each class"):
        examine(layers.Conv2D(4, 3))


def test_axes_that_an_exporter_left_as_nodes_are_computed() -> None:
    """As PyTorch does: the axes of a mean are a sum of constants there."""
    given = ops.parameter([-1, 3, 8, 8], np.float32)
    weights = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype("f4")
    nothing = [0, 0]
    x = ops.convolution(given, ops.constant(weights), [1, 1], nothing, nothing, [1, 1])
    axes = ops.subtract(ops.constant([3, 4]), ops.constant([1, 1]))
    x = ops.relu(ops.reduce_mean(x, axes, False))
    x = ops.matmul(x, ops.constant(np.ones((4, 1), "f4")), False, False)
    found = anatomy.examine(openvino.Model([x], [given], "exported"))
    assert next(found.features()).shape == (6, 6, 4)
    _, no_map = assembly.engine(found, InputContract("0..1", "rgb"), (1,), (0,))
    assert no_map == ""


def test_a_network_of_any_size_takes_the_one_that_is_said(tmp_path: Path) -> None:
    from keras import Input, Sequential, layers

    from core.models import conversion

    parts = [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(1)]
    model = Sequential([Input((None, None, 3)), *parts])
    found = anatomy.examine(conversion.of_model(model, tmp_path), 20)
    assert found.size == 20
    assert next(found.features()).shape == (18, 18, 4)
