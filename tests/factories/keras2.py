"""A network as Keras 2 saved it: its config in the words of then, with the weights of a twin."""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

Config = dict[str, Any]
SIDE = 32


def layer(kind: str, name: str, *inputs: object, **config: object) -> Config:
    """A layer that is called on others, each a name or [name, number of its call]."""
    called = [[*([one, 0] if isinstance(one, str) else one), 0, {}] for one in inputs]
    return {
        "class_name": kind,
        "config": {"name": name, "trainable": True, "dtype": "float32", **config},
        "name": name,
        "inbound_nodes": [called] if called else [],
    }


def call(function: str, of: str, _number: int = 0, **arguments: object) -> Config:
    """A call of a function of TensorFlow, as a layer."""
    kind = "SlicingOpLambda" if "getitem" in function else "TFOpLambda"
    return {
        "class_name": kind,
        "config": {"name": f"tf.{function}", "trainable": True, "function": function},
        "name": f"tf.{function}",
        "inbound_nodes": [[of, _number, 0, arguments]],
    }


def network(name: str, layers: list[Config], last: object) -> Config:
    """Layers as a network that begins with the first."""
    last = [last, 0] if isinstance(last, str) else last
    return {
        "class_name": "Functional",
        "config": {
            "name": name,
            "layers": layers,
            "input_layers": [[layers[0]["name"], 0, 0]],
            "output_layers": [[*last, 0]],
        },
    }


def given(name: str) -> Config:
    """The input of a network."""
    return layer("InputLayer", name, batch_input_shape=[None, SIDE, SIDE, 3], sparse=False)


def classifier() -> Config:
    """What a tutorial of then makes: `preprocess_input`, an application as a layer, and a head.

    The application's layers have slashes in their names, as those of MobileNetV3 do.
    """
    application = network(
        "application",
        [
            given("application_input"),
            layer(
                "Conv2D", "stem/conv", "application_input", filters=8, kernel_size=[3, 3],
                strides=[2, 2], use_bias=False, groups=1, activation="linear",
            ),
            layer("BatchNormalization", "stem/norm", "stem/conv", axis=[3]),
            layer("DepthwiseConv2D", "depthwise", "stem/norm", kernel_size=[3, 3], groups=1),
            call("nn.relu6", "depthwise"),
            layer(
                "SeparableConv2D", "separable", "tf.nn.relu6", filters=8, kernel_size=[3, 3],
                groups=1, kernel_initializer={"class_name": "HeNormal", "config": {"seed": None}},
                kernel_regularizer=None, kernel_constraint=None,
            ),
        ],
        "separable",
    )  # fmt: skip
    inner = {**application, "name": "application"}
    inner["inbound_nodes"] = [[["tf.math.subtract", 0, 0, {"training": False}]]]
    return network(
        "classifier",
        [
            given("image"),
            call("math.truediv", "image", y=127.5, name=None),
            call("math.subtract", "tf.math.truediv", y=1.0, name=None),
            inner,
            call("math.reduce_mean", "application", 1, axis=[1, 2], keepdims=False),
            layer("Dense", "head", "tf.math.reduce_mean", units=1, activation="sigmoid"),
        ],
        "head",
    )


def twin() -> "keras.Model":
    """What `classifier` is, built with Keras 3, with weights that tell layers apart."""
    import keras
    from keras import Input, layers, ops

    x = inside = Input((SIDE, SIDE, 3))
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, 2, use_bias=False)(x))
    x = layers.SeparableConv2D(8, 3)(ops.relu6(layers.DepthwiseConv2D(3)(x)))
    application = keras.Model(inside, x)
    image = Input((SIDE, SIDE, 3))
    x = ops.mean(application(image / 127.5 - 1.0), axis=[1, 2])
    model = keras.Model(image, layers.Dense(1, activation="sigmoid")(x))
    for number, weight in enumerate(model.weights):
        value = keras.random.uniform(weight.shape, -0.5, 0.5, seed=number)
        weight.assign(abs(value) + 0.5 if "variance" in weight.path else value)
    return model


def write(file: Path, config: Config, weights: "keras.Model | None" = None) -> Path:
    """A file of the older format, as Keras 2.15 wrote it."""
    import h5py

    if weights is not None:
        weights.save(file)
    with h5py.File(file, "a") as stored:
        stored.attrs["keras_version"] = "2.15.0"
        stored.attrs["model_config"] = json.dumps(config)
    return file


def write_zip(file: Path, config: Config, weights: "keras.Model") -> Path:
    """A `.keras` file, as Keras 2.13 wrote it: with modules of then, and another name of groups."""
    import h5py

    weights.save(file)
    with zipfile.ZipFile(file) as saved:
        saved.extract("model.weights.h5", file.parent)
    stored = file.parent / "model.weights.h5"
    with h5py.File(stored, "r+") as root:
        application = next(name for name in root["layers"] if name.startswith("functional"))
        for group in (root["layers"][application], root):
            group.move("layers", "_layer_checkpoint_dependencies")
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("config.json", json.dumps(_with_modules(config) | {"compile_config": {}}))
        made.writestr("metadata.json", json.dumps({"keras_version": "2.13.1"}))
        made.write(stored, stored.name)
    stored.unlink()
    return file


def _with_modules(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_modules(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _with_modules(item) for key, item in part.items()}
    kind = part.get("class_name")
    if kind == "Functional":
        part |= {"module": "keras.src.engine.functional", "registered_name": kind}
    elif kind in ("TFOpLambda", "SlicingOpLambda"):
        part |= {"module": "keras.src.layers.core.tf_op_layer", "registered_name": kind}
    elif kind is not None:
        module = "keras.initializers" if kind == "HeNormal" else "keras.layers"
        part |= {"module": module, "registered_name": None, "build_config": {"input_shape": [1]}}
    return part
