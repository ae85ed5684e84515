"""Networks of Keras 2 in the words of Keras 3; that they compute alike: tests/workers."""

from typing import Any

import pytest

from core.archive import keras2, keras_file
from core.errors import ModelError
from tests.factories.keras2 import Config, call, classifier, given, layer, network

REVERSED = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]


def translated(config: Config) -> dict[str, Config]:
    """The layers of a network by name, after it was translated and is safe."""
    network = keras2.translate(config)
    keras_file.require_safe(network, legacy=True)
    return {one["name"]: one for one in network["config"]["layers"]}


def operation(one: Config) -> tuple[str, dict[str, Any], list[Any]]:
    """Class, settings and numbers of the layer that a call becomes."""
    layers = translated(network("n", [given("x"), one], one["name"]))
    made = layers[one["name"]]
    settings = {key: value for key, value in made["config"].items() if key != "name"}
    (node,) = made["inbound_nodes"]
    return made["class_name"], settings, [arg for arg in node["args"] if not isinstance(arg, dict)]


def test_calls_become_operations_with_their_numbers_and_settings() -> None:
    assert operation(call("math.truediv", "x", y=127.5, name=None)) == ("TrueDivide", {}, [127.5])
    assert operation(call("__operators__.add", "x", y=3)) == ("Add", {}, [3])
    assert operation(call("clip_by_value", "x", clip_value_min=0.0, clip_value_max=6.0)) == (
        "Clip", {"x_min": 0.0, "x_max": 6.0}, [],
    )  # fmt: skip
    assert operation(call("nn.gelu", "x"))[1] == {"approximate": False}
    assert operation(call("compat.v1.transpose", "x", perm=[0, 2, 1, 3], conjugate=False)) == (
        "Transpose", {"axes": [0, 2, 1, 3]}, [],
    )  # fmt: skip
    assert operation(call("__operators__.getitem", "x", slice_spec=REVERSED)) == (
        "Flip", {"axis": -1}, [],
    )  # fmt: skip


def test_a_number_for_each_channel_becomes_a_scale_or_an_offset() -> None:
    bias = [-103.9, -116.8, -123.7]
    assert operation(call("nn.bias_add", "x", bias=bias, data_format="NHWC")) == (
        "Rescaling", {"scale": 1.0, "offset": bias}, [],
    )  # fmt: skip
    assert operation(call("math.truediv", "x", y=[0.5, 0.25, 1.0]))[1] == {
        "scale": [2.0, 4.0, 1.0], "offset": 0.0,
    }  # fmt: skip
    with pytest.raises(ModelError, match=r"tf\.math\.maximum in a way"):
        operation(call("math.maximum", "x", y=[1.0, 2.0, 3.0]))


def test_two_tensors_and_a_constant_before_one_are_kept_apart() -> None:
    both = network(
        "n", [given("x"), given("y"), call("math.multiply", "x", y=["y", 0, 0])], "tf.math.multiply"
    )
    (node,) = translated(both)["tf.math.multiply"]["inbound_nodes"]
    assert [arg["config"]["keras_history"][0] for arg in node["args"]] == ["x", "y"]
    one = call("math.subtract", "x", y=["x", 0, 0])
    one["inbound_nodes"][0][:3] = ["_CONSTANT_VALUE", -1, 1.0]
    (node,) = translated(network("n", [given("x"), one], one["name"]))[one["name"]]["inbound_nodes"]
    assert node["args"][0] == 1.0
    assert node["args"][1]["config"]["keras_history"] == ["x", 0, 0]


@pytest.mark.parametrize(
    "one",
    [
        call("io.read_file", "x"),
        call("py_function", "x", func="f"),
        call("math.multiply", "x", y="system"),
        call("math.multiply", "x", y={"class_name": "Lambda", "config": {}}),
        call("math.multiply", "x"),
        call("__operators__.getitem", "x", slice_spec=[{"start": 1, "stop": 5, "step": None}]),
        call("image.resize", "x", size=[4, 4], preserve_aspect_ratio=True),
        {"class_name": "TFOpLambda", "config": {}, "name": "x", "inbound_nodes": []},
    ],
)
def test_a_call_that_is_in_no_table_is_refused_by_name(one: Config) -> None:
    with pytest.raises(ModelError, match=r"calls tf\.\S+ in a way .* Save the model as a SavedMod"):
        keras2.translate(network("n", [given("x"), one], "x"))


def test_a_function_that_keras_3_has_under_the_same_name_is_refused() -> None:
    one = layer("Conv2D", "conv", "x", filters=1, kernel_size=[1, 1], activation="hard_sigmoid")
    with pytest.raises(ModelError, match="hard_sigmoid, which is another function"):
        keras2.translate(network("n", [given("x"), one], "conv"))


def test_names_calls_and_settings_are_as_keras_3_has_them() -> None:
    layers = translated(classifier())
    inner = {one["name"]: one for one in layers["application"]["config"]["layers"]}
    assert inner["stem_norm"]["config"]["axis"] == 3
    assert inner["stem_norm"]["inbound_nodes"] == [[["stem_conv", 0, 0, {}]]]
    assert "groups" not in inner["depthwise"]["config"]
    assert "kernel_initializer" not in inner["separable"]["config"]
    (node,) = layers["tf.math.reduce_mean"]["inbound_nodes"]
    assert node["args"][0]["config"]["keras_history"] == ["application", 0, 0]


def test_an_argument_by_name_that_a_layer_made_is_passed_on_as_that() -> None:
    attention = layer("MultiHeadAttention", "attention", "x", num_heads=1, query_shape=[None, 4, 3])
    attention["inbound_nodes"][0][0][3] = {"value": ["x", 0, 0], "training": False}
    made = translated(network("n", [given("x"), attention], "attention"))["attention"]
    (node,) = made["inbound_nodes"]
    assert node["kwargs"]["value"]["config"]["keras_history"] == ["x", 0, 0]
    assert node["kwargs"]["training"] is False
    assert "query_shape" not in made["config"]
