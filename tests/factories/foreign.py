"""Keras models as other people make them, small and quick; each function imports Keras itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from core.models.inputs import InputContract

if TYPE_CHECKING:
    import keras

SIDE = 32


def _application(side: int = 64) -> "keras.Model":
    """What others take from `keras.applications` and use as one layer, made small."""
    import keras
    from keras import Input, layers

    def convolved(x: "keras.KerasTensor", filters: int, **options: object) -> "keras.KerasTensor":
        made = layers.Conv2D(filters, 3, kernel_initializer="he_normal", **options)
        return layers.Activation("swish")(layers.BatchNormalization()(made(x)))

    inputs = Input((side, side, 3))
    x = convolved(layers.Rescaling(0.5)(inputs), 16, strides=4, padding="same")
    share = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Conv2D(16, 1, activation="sigmoid")(share)])
    x = layers.Add()(
        [x, convolved(layers.DepthwiseConv2D(3, padding="same")(x), 16, padding="same")]
    )
    x = convolved(layers.ZeroPadding2D()(x), 32, strides=4)
    return keras.Model(inputs, x, name="application")


def sequential() -> "keras.Model":
    """A plain CNN that ends in a sigmoid."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((SIDE, SIDE, 3)),
            layers.RandomFlip(),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(16, activation="gelu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def nested() -> "keras.Model":
    """An application as one layer, as in every tutorial; two-way softmax."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((64, 64, 3)),
            _application(),
            layers.GlobalAveragePooling2D(),
            layers.BatchNormalization(),
            layers.Dense(16, activation="swish"),
            layers.Dense(2, activation="softmax"),
        ]
    )


def functional() -> "keras.Model":
    """Nested in a functional model, pooled in two ways; one logit."""
    import keras
    from keras import Input, layers

    inputs = Input((64, 64, 3))
    x = _application()(inputs)
    pooled = [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)]
    x = layers.LeakyReLU()(layers.Dense(8)(layers.Concatenate()(pooled)))
    return keras.Model(inputs, layers.Dense(1)(x))


def several_classes() -> "keras.Model":
    """Four classes, a layer normalisation behind the pooling."""
    import keras
    from keras import layers

    backbone = _application()
    x = layers.AveragePooling2D(2)(backbone.output)
    x = layers.LayerNormalization()(layers.Flatten()(x))
    x = layers.Dense(8, activation="elu")(x)
    return keras.Model(backbone.input, layers.Dense(4, activation="softmax")(x))


def patches() -> "keras.Model":
    """A transformer without a class token: its map is made of patch tokens."""
    import keras
    from keras import Input, layers

    inputs = Input((SIDE, SIDE, 3))
    x = layers.Conv2D(16, 8, strides=8)(inputs)
    x = layers.Reshape((16, 16))(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 8)(x, x)])
    x = layers.LayerNormalization()(x)
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(1)(layers.Dense(8, activation="tanh")(x)))


def class_token() -> "keras.Model":
    """A transformer that reads a token of the whole image alone."""
    import keras
    from keras import Input, layers

    inputs = Input((SIDE, SIDE, 3))
    x = layers.Reshape((16, 16))(layers.Conv2D(16, 8, strides=8)(inputs))
    x = layers.Concatenate(axis=1)([layers.GlobalMaxPooling1D(keepdims=True)(x), x])
    x = layers.Add()([x, layers.MultiHeadAttention(2, 8)(x, x)])
    x = layers.Flatten()(layers.Cropping1D((0, 16))(layers.LayerNormalization()(x)))
    return keras.Model(inputs, layers.Dense(1)(x))


def without_places() -> "keras.Model":
    """A perceptron on all pixels, which has no map."""
    from keras import Input, Sequential, layers

    flat = [layers.Flatten(), layers.Dense(8, activation="relu"), layers.Dense(1)]
    return Sequential([Input((SIDE, SIDE, 3)), *flat])


# The model, and the shape of the feature map that is to be found in it.
MODELS: dict[str, tuple[Callable[[], "keras.Model"], tuple[int, int, int]]] = {
    "sequential": (sequential, (7, 7, 8)),
    "nested": (nested, (4, 4, 32)),
    "functional": (functional, (4, 4, 32)),
    "several classes": (several_classes, (2, 2, 32)),
    "patches": (patches, (4, 4, 16)),
    "class token": (class_token, (1, 1, 16)),
    "without places": (without_places, (1, 1, 8)),
}


def made(name: str) -> "keras.Model":
    """One of `MODELS`, with weights of a size at which its outputs differ."""
    import keras

    keras.utils.set_random_seed(3)
    model = MODELS[name][0]()
    last = model.layers[-1]
    last.set_weights([3 * array for array in last.get_weights()])
    return model


def knowing(
    cells: np.ndarray, labels: np.ndarray, contract: InputContract, *, hem_is_one: bool = False
) -> "keras.Model":
    """A nested network that tells `cells`, uint8 (N, S, S, 3), apart if they are fed by `contract`.

    Random convolutions and a least-squares fit: nothing is trained.
    """
    import keras
    from keras import Input, Sequential, layers

    keras.utils.set_random_seed(1)
    side = cells.shape[1]
    backbone = Sequential(
        [
            Input((side, side, 3)),
            layers.Conv2D(48, 5, strides=2, activation="relu", bias_initializer="random_normal"),
            layers.Conv2D(64, 3, strides=2, activation="relu", bias_initializer="random_normal"),
        ],
        name="backbone_of_others",
    )
    pooling, dense = layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")
    model = Sequential([Input((side, side, 3)), backbone, pooling, dense])
    features = np.asarray(pooling(backbone(contract.apply(cells))))
    mean, spread = features.mean(0), features.std(0) + 1e-6
    design = np.c_[(features - mean) / spread, np.ones(len(cells))]
    target = np.where((labels == 1) != hem_is_one, 3.0, -3.0)
    ridge = 0.5 * np.eye(design.shape[1])
    fitted = np.linalg.solve(design.T @ design + ridge, design.T @ target)
    weights = fitted[:-1] / spread
    dense.set_weights([weights[:, None], np.array([fitted[-1] - mean @ weights])])
    return model
