"""Compiled steps: one of training, one forward.

Only worker processes import this module, since it imports TensorFlow.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def make_step(
    model: keras.Model,
    optimizer: keras.Optimizer,
    label_smoothing: float = 0.0,
    additivity: float = 0.0,
) -> Callable[..., tf.Tensor]:
    """Compiles a training step: the tensors of a batch to four means.

    They are the minimised loss (cross-entropy with weights and smoothing, plus the penalty, plus
    `additivity` times `additivity_loss`), the plain cross-entropy, the penalty, and the accuracy at
    probability 0.5. With `additivity`, the batch holds covered inputs and the visible shares.
    """

    def step(
        inputs: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor,
        covered: tf.Tensor | None = None,
        visible: tf.Tensor | None = None,
    ) -> tf.Tensor:
        with tf.GradientTape() as tape:
            if additivity:
                features = model.get_layer("backbone")(tf.concat([inputs, covered], 0))
                own = features[: tf.shape(inputs)[0]]
                logit = tf.reshape(model.get_layer("head")(own, training=True), [-1])
                extra = additivity * additivity_loss(model, features, visible)
            else:
                logit, extra = tf.reshape(model(inputs, training=True), [-1]), 0.0
            smoothed = labels * (1 - label_smoothing) + 0.5 * label_smoothing
            weighted = weights * tf.nn.sigmoid_cross_entropy_with_logits(smoothed, logit)
            penalty = tf.add_n([tf.constant(0.0), *model.losses])
            loss = tf.reduce_mean(weighted) + penalty + extra
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        plain = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logit))
        accuracy = tf.reduce_mean(tf.cast((logit > 0) == (labels > 0.5), tf.float32))
        return tf.stack([loss, plain, penalty, accuracy])

    return _compiled(step)


def additivity_loss(model: keras.Model, features: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
    """How far the evidence of covered cells is from that of their visible places.

    `features` (N + C, h, w, c) are those of N cells and then of the first C of them, covered;
    `visible` is float32 (C, h, w). The mean squared difference of the evidence of each place,
    relative to the mean square of that evidence, plus the mean squared difference of the logits.
    """
    cells = tf.shape(visible)[0]
    weights = model.get_layer("head").get_layer("logit").kernel
    evidence = tf.tensordot(tf.cast(features, tf.float32), weights[:, 0], 1)
    whole, covered = evidence[:cells], evidence[-cells:]
    difference = covered - visible * whole
    size = tf.reduce_mean(tf.square(whole)) + 1e-6
    logits = tf.reduce_mean(difference, [1, 2])
    return tf.reduce_mean(tf.square(difference)) / size + tf.reduce_mean(tf.square(logits))


def make_forward(model: keras.Model) -> Callable[[np.ndarray], tf.Tensor]:
    """A compiled forward pass: inputs to logits (N,), without dropout."""

    def forward(inputs: tf.Tensor) -> tf.Tensor:
        return tf.reshape(model(inputs, training=False), [-1])

    return _compiled(forward)


def _compiled(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Compiles it at its first batch, once for batches of any length, like the last of an epoch."""
    made: list[Callable[..., tf.Tensor]] = []

    def call(*batch: tf.Tensor) -> tf.Tensor:
        if not made:
            like = [tf.TensorSpec((None, *one.shape[1:]), one.dtype) for one in batch]
            made.append(tf.function(function, input_signature=like, autograph=False))
        return made[0](*batch)

    return call
