"""Whitens the features that a linear head reads, and leaves every logit as it was.

Channels of a backbone are alike: over a cell most of them rise and fall together, so heads with
any weights draw much the same heat map, and comparing the map with those of shuffled heads
(`core.explain.faithfulness`) says nothing. White features vary equally over cells, each on its
own: then what was learned lies in the weights of the head. The matrix is that of ZCA whitening,
which changes features as little as can be (Kessy, Lewin and Strimmer 2018, equation 5).

Only worker processes import this module, since it imports TensorFlow.
"""

import keras
import numpy as np

LAYER = "whitening"
# Directions with less than this share of the largest variance are scaled like one that has it.
SMALLEST = 1e-4
BATCH = 64


def whiten(model: keras.Model, pixels: np.ndarray) -> None:
    """Sets the backbone's layer `LAYER` and the head's weights.

    `pixels` are cells, uint8 (N, S, S, 3), whose features, over the places of each cell, are white
    afterwards: uncorrelated, with variance 1. Where they do not vary at all, nothing is set.
    """
    backbone, head = model.get_layer("backbone"), model.get_layer("head")
    matrix, logit = backbone.get_layer(LAYER), head.get_layer("logit")
    before = matrix.kernel.numpy()[0, 0].astype(float)
    covariance = _covariance(backbone, pixels)
    if not covariance.any():
        return  # the discs of a control run are flat: there is nothing to whiten
    values, vectors = np.linalg.eigh(covariance)
    deviation = np.sqrt(np.maximum(values, SMALLEST * values[-1]))
    weights, bias = logit.get_weights()
    matrix.set_weights([(before @ (vectors / deviation) @ vectors.T)[None, None]])
    logit.set_weights([(vectors * deviation) @ vectors.T @ weights, bias])


def _covariance(backbone: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """The covariance (c, c) of features within cells: each place less the mean of its cell."""
    total, places = 0.0, 0
    for start in range(0, len(pixels), BATCH):
        features = backbone.predict_on_batch(pixels[start : start + BATCH].astype(np.float32))
        for image in features:
            on_cell = image[image.any(axis=-1)].astype(float)
            if len(on_cell):
                centred = on_cell - on_cell.mean(axis=0)
                total, places = total + centred.T @ centred, places + len(on_cell)
    return np.asarray(total / max(places, 1))
